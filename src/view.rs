//! Views for people: overlays, a contact sheet, and a report page of a run.

mod canvas;
mod gallery;
mod overlay;
mod page;
mod sheet;

#[cfg(test)]
pub(crate) use gallery::tests as gallery_tests;
pub use gallery::{AlertGallery, GallerySettings};
pub use overlay::{OverlayDrawer, overlay};
pub use page::{AlertSpan, PageFigure, RunPage, html};
pub use sheet::{SheetTile, contact_sheet};

use std::path::{Path, PathBuf};

/// Why something could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// A file or folder cannot be written.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        reason: String,
    },
    /// A picture cannot be written.
    #[error(transparent)]
    Picture(#[from] unmask_frame::PictureError),
}

impl ViewError {
    pub(crate) fn write(path: &Path, reason: impl ToString) -> Self {
        ViewError::Write {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}
