//! Pictures and label maps from files, and folders of them.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageReader};
use unmask::frame::{LabelMap, Map, Picture, Size};

use super::DataError;

/// Endings of files taken for pictures, lower case.
const PICTURE_ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Reads a JPEG, PNG or WebP picture as 8-bit RGB.
///
/// # Errors
/// [`DataError::Read`] where the file cannot be opened, [`DataError::Decode`] where it is damaged,
/// cut short or no picture.
pub fn read_picture(path: &Path) -> Result<Picture, DataError> {
    let bytes = std::fs::read(path).map_err(DataError::read(path))?;
    let (image, _) = decode(path, &bytes)?;
    let size = Size::new(image.width() as usize, image.height() as usize);
    Picture::new(size, image.into_rgb8().into_raw())
        .ok_or_else(|| decode_error(path, "its size and its data disagree"))
}

/// Reads a PNG with one index a pixel. Greyscale of 1, 2 or 4 bits is taken at its stored values.
///
/// # Errors
/// As [`read_picture`], and [`DataError::NotLabels`] where the file is coloured (a palette counts
/// as colour: the decoder gives its colours, not its indices), 16-bit or has an alpha channel.
pub fn read_labels(path: &Path) -> Result<LabelMap, DataError> {
    let bytes = std::fs::read(path).map_err(DataError::read(path))?;
    let (image, stored) = decode(path, &bytes)?;
    let size = Size::new(image.width() as usize, image.height() as usize);
    // The decoder stretches fewer bits to 0..=255; dividing gives the stored index back.
    let stretch = match stored {
        ExtendedColorType::L1 => 255,
        ExtendedColorType::L2 => 85,
        ExtendedColorType::L4 => 17,
        _ => 1,
    };
    let DynamicImage::ImageLuma8(grey) = image else {
        return Err(DataError::NotLabels {
            path: path.to_owned(),
            what: format!("its pixels are stored as {stored:?}"),
        });
    };
    let mut labels = grey.into_raw();
    if stretch > 1 {
        labels.iter_mut().for_each(|v| *v /= stretch);
    }
    Map::new(size, labels).ok_or_else(|| decode_error(path, "its size and its data disagree"))
}

fn decode_error(path: &Path, what: impl ToString) -> DataError {
    DataError::Decode {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

fn decode(path: &Path, bytes: &[u8]) -> Result<(DynamicImage, ExtendedColorType), DataError> {
    if bytes.is_empty() {
        return Err(decode_error(path, "the file is empty"));
    }
    if bytes.starts_with(&[0xff, 0xd8]) && !jpeg_is_whole(bytes) {
        return Err(decode_error(path, "the JPEG data ends early"));
    }
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| decode_error(path, e))?;
    let decoder = reader.into_decoder().map_err(|e| decode_error(path, e))?;
    let stored = decoder.original_color_type();
    let image = DynamicImage::from_decoder(decoder).map_err(|e| decode_error(path, e))?;
    Ok((image, stored))
}

/// Whether a JPEG has its end marker after the first scan. The decoder fills what is missing with
/// grey and says nothing, which would train on half a picture.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    // Segments up to the first scan; a thumbnail lies inside one and is stepped over.
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        if marker == 0xff {
            at += 1;
            continue;
        }
        let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
            return false;
        };
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xda {
            // In scan data 0xff is followed by 0 or a restart marker, so this is the true end.
            return bytes
                .get(at..)
                .is_some_and(|rest| rest.windows(2).any(|w| w == [0xff, 0xd9]));
        }
    }
    false
}

/// All pictures right inside `dir`, sorted by name. Hidden files and other endings are passed over.
pub(super) fn pictures_in(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = entries(dir)?;
    paths.retain(|path| {
        let ending = path
            .extension()
            .and_then(|e| e.to_str())
            .map(str::to_ascii_lowercase);
        ending.is_some_and(|e| PICTURE_ENDINGS.contains(&e.as_str())) && path.is_file()
    });
    if paths.is_empty() {
        return Err(DataError::Empty {
            path: dir.to_owned(),
            wanted: "pictures (jpg, png, webp)".into(),
        });
    }
    Ok(paths)
}

/// Everything right inside `dir` that is not hidden, sorted by name.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(DataError::read(dir))? {
        let entry = entry.map_err(DataError::read(dir))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
