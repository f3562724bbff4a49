//! What a person sees: overlays, a contact sheet, and a page about a run.

mod canvas;
mod gallery;
mod overlay;
mod page;
mod sheet;

#[cfg(test)]
pub(crate) use gallery::tests as gallery_tests;
pub use gallery::{Gallery, GallerySettings};
pub use overlay::{Overlay, overlay};
pub use page::{Fact, Page, Span, html};
pub use sheet::{Tile, contact_sheet};

use crate::frame::Picture;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why something could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// A file or folder cannot be written.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl ViewError {
    fn write(path: &Path, reason: impl ToString) -> Self {
        ViewError::Write {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}

/// Writes `picture` as PNG. Fast rather than small: a run writes many.
///
/// # Errors
/// The file cannot be written.
pub fn write_png(path: &Path, picture: &Picture) -> Result<(), ViewError> {
    let file = std::fs::File::create(path).map_err(|e| ViewError::write(path, e))?;
    let mut out = BufWriter::new(file);
    let size = picture.size();
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
        .write_image(
            picture.rgb(),
            size.w as u32,
            size.h as u32,
            ExtendedColorType::Rgb8,
        )
        .map_err(|e| ViewError::write(path, e))?;
    out.flush().map_err(|e| ViewError::write(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::read_picture;
    use crate::frame::Size;

    #[test]
    fn a_png_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        let mut picture = Picture::filled(Size::new(31, 17), [3, 90, 200]);
        picture.rgb_mut()[100] = 7;
        write_png(&path, &picture).unwrap();
        assert_eq!(read_picture(&path).unwrap(), picture);
        let error = write_png(&folder.path().join("no/x.png"), &picture).unwrap_err();
        assert!(error.to_string().contains("no/x.png"), "{error}");
    }
}
