//! Pictures and label maps from files, and folders of them.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader};
use unmask_frame::{LabelMap, Picture, PixelMap, Size};

use super::DataError;

/// Endings of files taken for pictures, lower case.
const PICTURE_ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Reads a JPEG, PNG or WebP picture as 8-bit RGB.
///
/// # Errors
/// [`DataError::Read`] where the file cannot be opened, [`DataError::Decode`] where it is damaged,
/// cut short or no picture.
pub fn read_picture(path: &Path) -> Result<Picture, DataError> {
    let bytes = unmask_frame::read_regular_file(path, u64::MAX).map_err(DataError::read(path))?;
    unmask_frame::decode_picture(&bytes).map_err(|what| decode_error(path, what))
}

/// Reads a PNG with one index per pixel. Greyscale of 1, 2 or 4 bits is taken at its stored values.
///
/// # Errors
/// As [`read_picture`], and [`DataError::NotLabels`] where the file is no PNG, coloured (a palette
/// counts as colour: the decoder gives its colours, not its indices), 16-bit or has an alpha
/// channel.
pub fn read_labels(path: &Path) -> Result<LabelMap, DataError> {
    let bytes = unmask_frame::read_regular_file(path, u64::MAX).map_err(DataError::read(path))?;
    if bytes.is_empty() {
        return Err(decode_error(path, "the file is empty"));
    }
    let refuse = |what: String| DataError::NotLabels {
        path: path.to_owned(),
        what,
    };
    let stretch = match png_header(&bytes) {
        Some((_, 3)) => return Err(refuse("it stores colours of a palette".into())),
        // The decoder stretches fewer bits to 0..=255; dividing gives the stored index back.
        Some((bits @ (1 | 2 | 4), 0)) => 255 / ((1 << bits) - 1),
        Some(_) => 1,
        None => return Err(refuse("it is no PNG".into())),
    };
    let image = ImageReader::with_format(Cursor::new(&bytes), ImageFormat::Png)
        .decode()
        .map_err(|e| decode_error(path, e))?;
    let size = Size::new(image.width() as usize, image.height() as usize);
    let DynamicImage::ImageLuma8(grey) = image else {
        return Err(refuse(format!("its pixels are {:?}", image.color())));
    };
    let mut labels = grey.into_raw();
    if stretch > 1 {
        labels.iter_mut().for_each(|v| *v /= stretch);
    }
    PixelMap::new(size, labels).ok_or_else(|| decode_error(path, "its size and its data disagree"))
}

fn decode_error(path: &Path, what: impl ToString) -> DataError {
    DataError::Decode {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

/// Bits a sample and colour type (0 grey, 3 palette) of a PNG, from its first chunk; `None` for
/// any other file.
fn png_header(bytes: &[u8]) -> Option<(u8, u8)> {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n").then_some(())?;
    Some((*bytes.get(24)?, *bytes.get(25)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/data")
            .join(name)
    }

    /// A noisy picture as a file of `format`.
    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(64, 48, |x, y| {
            image::Rgb([(x * 4) as u8, (y * 5) as u8, (x * y % 251) as u8])
        });
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn read(bytes: &[u8]) -> Result<Picture, DataError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("road.jpg");
        std::fs::write(&path, bytes).unwrap();
        read_picture(&path)
    }

    fn refused(bytes: &[u8]) -> String {
        let error = read(bytes).unwrap_err();
        assert!(matches!(error, DataError::Decode { .. }), "{error:?}");
        let message = error.to_string();
        assert!(
            message.contains("road.jpg") && message.contains("replace"),
            "{message}"
        );
        message
    }

    #[test]
    fn pictures_are_read_whatever_their_ending_says() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let picture = read(&encoded(format)).unwrap();
            assert_eq!(picture.size(), Size::new(64, 48));
            let [r, g, _] = picture.at(50, 20);
            assert!(
                r.abs_diff(200) < 30 && g.abs_diff(100) < 30,
                "{format:?}: {r} {g}"
            );
        }
    }

    #[test]
    fn cut_and_foreign_files_are_refused() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let bytes = encoded(format);
            for share in [1, 2, 5, 8, 9] {
                refused(&bytes[..bytes.len() * share / 10]);
            }
        }
        assert!(refused(b"").contains("empty"));
        refused(b"<html>not found</html>");
        refused(&[0xff, 0xd8]);
        let missing = read_picture(Path::new("nowhere/road.jpg")).unwrap_err();
        assert!(matches!(missing, DataError::Read { .. }));
        assert!(missing.to_string().contains("nowhere/road.jpg"));
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end_of_the_picture() {
        let bytes = encoded(ImageFormat::Jpeg);
        // A comment segment that holds an end marker, as an embedded thumbnail does.
        let mut with = bytes[..2].to_vec();
        with.extend_from_slice(&[0xff, 0xfe, 0, 6, 0xff, 0xd9, 0xff, 0xd9]);
        with.extend_from_slice(&bytes[2..]);
        assert!(read(&with).is_ok());
        assert!(refused(&with[..with.len() / 2]).contains("cut short"));
        // Bytes after the end are harmless.
        with.extend_from_slice(b"made by a camera");
        assert!(read(&with).is_ok());
    }

    #[test]
    fn labels_keep_their_stored_values_at_any_depth() {
        let values = |name| read_labels(&fixture(name)).unwrap().into_data();
        assert_eq!(values("grey1.png"), [0, 1, 1, 1, 0, 0]);
        assert_eq!(values("grey2.png"), [0, 1, 2, 3, 0, 1]);
        assert_eq!(values("grey4.png"), [0, 5, 11, 15, 1, 0]);
        assert_eq!(values("grey8.png"), [0, 5, 11, 255, 1, 0]);
    }

    #[test]
    fn pictures_are_no_label_maps() {
        for name in ["grey16.png", "grey_alpha.png", "palette.png", "rgb.png"] {
            let error = read_labels(&fixture(name)).unwrap_err();
            assert!(
                matches!(error, DataError::NotLabels { .. }),
                "{name}: {error:?}"
            );
            let message = error.to_string();
            assert!(
                message.contains(name) && message.contains("8-bit greyscale"),
                "{message}"
            );
        }
    }

    #[test]
    fn only_png_keeps_indices() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("road.png");
        let grey = image::GrayImage::new(8, 8);
        grey.save_with_format(&path, ImageFormat::Jpeg).unwrap();
        let message = read_labels(&path).unwrap_err().to_string();
        assert!(message.contains("it is no PNG"), "{message}");
    }

    #[test]
    fn folders_are_listed_in_order_without_what_is_no_picture() {
        let dir = tempfile::tempdir().unwrap();
        let error = pictures_in(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::Empty { .. }));
        for name in ["b.PNG", "a.jpg", "c.webp", "._a.jpg", "notes.txt", "d"] {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        std::fs::create_dir(dir.path().join("e.png")).unwrap();
        let names: Vec<_> = pictures_in(dir.path())
            .unwrap()
            .iter()
            .map(|p| p.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.jpg", "b.PNG", "c.webp"]);
        let error = pictures_in(&dir.path().join("gone")).unwrap_err();
        assert!(matches!(error, DataError::Read { .. }));
    }
}
