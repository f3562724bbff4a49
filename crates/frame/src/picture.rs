//! Picture files: JPEG, PNG and WebP in, PNG out.

use crate::{Picture, Size};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageFormat, ImageReader};
use std::io::{BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};

/// No picture file is larger; reading one whole must not take the memory.
const FILE_LIMIT_BYTES: u64 = 512 << 20;

/// Why a picture could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be written.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system reported.
        reason: String,
    },
}

impl PictureError {
    fn write(path: &Path, reason: impl ToString) -> Self {
        PictureError::Write {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}

/// Reads one picture as 8-bit RGB: transparency is dropped, grey becomes three equal colours, a
/// rotation noted in the file is not applied (labels and boxes are those of the stored rows).
///
/// The format is told by the content, not by the name.
///
/// # Errors
/// What is wrong with the file, without its name: unreadable, no picture, cut short, or empty.
pub fn read_picture(path: &Path) -> Result<Picture, String> {
    let bytes = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if bytes > FILE_LIMIT_BYTES {
        return Err(format!("{bytes} bytes are too many for a picture"));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    decode(&bytes)
}

fn decode(bytes: &[u8]) -> Result<Picture, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| e.to_string())?;
    match reader.format() {
        Some(ImageFormat::Jpeg) if !jpeg_is_whole(bytes) => {
            return Err("the file is cut short".into());
        }
        Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) => {}
        _ => return Err("no JPEG, PNG or WebP picture".into()),
    }
    let rgb = reader.decode().map_err(|e| e.to_string())?.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    if size.area_px() == 0 {
        return Err("the picture has no pixels".into());
    }
    Picture::new(size, rgb.into_raw()).ok_or_else(|| "the picture is damaged".into())
}

/// Whether the file's own end marker is there. The decoder fills what is missing with grey and
/// says nothing, and half a picture is no picture.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&marker) = bytes.get(at + 1) {
        if bytes[at] != 0xff {
            return false;
        }
        match marker {
            // Fill bytes before a marker.
            0xff => at += 1,
            0xd9 => return true,
            // A segment; after a start of scan (0xda) compressed data follows it.
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..).and_then(|b| b.first_chunk::<2>())
                else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                if marker == 0xda {
                    let Some(scan) = bytes.get(at..) else {
                        return false;
                    };
                    // Inside a scan 0xff is followed by 0 (a data byte) or a restart marker.
                    let Some(len) = scan
                        .windows(2)
                        .position(|w| w[0] == 0xff && !matches!(w[1], 0 | 0xd0..=0xd7))
                    else {
                        return false;
                    };
                    at += len;
                }
            }
        }
    }
    false
}

/// Writes `picture` as PNG. Fast rather than small: a run writes many.
///
/// # Errors
/// The file cannot be written.
pub fn write_png(path: &Path, picture: &Picture) -> Result<(), PictureError> {
    let file = std::fs::File::create(path).map_err(|e| PictureError::write(path, e))?;
    let mut out = BufWriter::new(file);
    let size = picture.size();
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
        .write_image(
            picture.rgb(),
            size.w as u32,
            size.h as u32,
            ExtendedColorType::Rgb8,
        )
        .map_err(|e| PictureError::write(path, e))?;
    out.flush().map_err(|e| PictureError::write(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 8) as u8, 90])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_three_formats_are_read_whatever_the_name_says() {
        let folder = tempfile::tempdir().unwrap();
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let path = folder.path().join("any.jpg");
            std::fs::write(&path, encoded(format)).unwrap();
            let picture = read_picture(&path).unwrap();
            assert_eq!(picture.size(), Size::new(40, 30));
            let [r, g, b] = picture.at(20, 15).map(i32::from);
            assert!((r - 120).abs() < 8 && (g - 120).abs() < 8 && (b - 90).abs() < 8);
        }
    }

    #[test]
    fn grey_and_transparent_pictures_become_rgb() {
        let mut bytes = Cursor::new(Vec::new());
        let grey = image::GrayAlphaImage::from_pixel(3, 2, image::LumaA([77, 10]));
        grey.write_to(&mut bytes, ImageFormat::Png).unwrap();
        assert_eq!(decode(bytes.get_ref()).unwrap().at(2, 1), [77; 3]);
    }

    #[test]
    fn a_picture_cut_anywhere_is_refused() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let whole = encoded(format);
            // The last 12 bytes of a PNG are an empty end chunk, which no pixel needs.
            for end in (0..whole.len() - 12).step_by(11) {
                assert!(
                    decode(&whole[..end]).is_err(),
                    "{format:?} of {end} bytes was read"
                );
            }
        }
        let jpeg = encoded(ImageFormat::Jpeg);
        assert!(decode(&jpeg[..jpeg.len() - 1]).is_err());
        assert!(decode(&[&jpeg[..], b"trailing"].concat()).is_ok());
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        assert!(decode(b"").unwrap_err().contains("empty"));
        assert!(
            decode(b"plain text, no picture")
                .unwrap_err()
                .contains("no JPEG")
        );
        assert!(
            decode(b"GIF89a\x01\x00\x01\x00")
                .unwrap_err()
                .contains("no JPEG")
        );
        let error = read_picture(Path::new("/nowhere/x.png")).unwrap_err();
        assert!(error.contains("No such file"), "{error}");
    }

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
