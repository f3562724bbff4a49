//! Picture files: JPEG, PNG and WebP in, PNG out.

use crate::{JpegError, Picture, Size, check_jpeg, read_regular_file};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, ImageReader, Limits};
use std::io::{BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};

/// No picture file is larger; reading one whole must not take the memory.
const FILE_LIMIT_BYTES: u64 = 512 << 20;

/// No picture needs more memory to be decoded, bytes.
const MEMORY_LIMIT_BYTES: u64 = 512 << 20;

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
/// The format is detected from the content, not by the name.
///
/// # Errors
/// What is wrong with the file, without its name: unreadable, no regular file, no picture, cut
/// short, too large, or empty.
pub fn read_picture(path: &Path) -> Result<Picture, String> {
    let bytes = read_regular_file(path, FILE_LIMIT_BYTES).map_err(|e| e.to_string())?;
    decode_picture(&bytes)
}

/// As [`read_picture`], from the bytes of a file.
///
/// # Errors
/// As [`read_picture`].
pub fn decode_picture(bytes: &[u8]) -> Result<Picture, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| e.to_string())?;
    match reader.format() {
        Some(ImageFormat::Jpeg) => return decode_jpeg(bytes, None).map_err(|e| e.to_string()),
        Some(ImageFormat::Png | ImageFormat::WebP) => {}
        _ => return Err("no JPEG, PNG or WebP picture".into()),
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY_LIMIT_BYTES);
    reader.limits(limits);
    picture_of(reader.decode().map_err(|e| e.to_string())?)
}

/// Decodes a JPEG that is all there, of size `wanted` where that is given: work and memory are
/// bounded before it starts. See [`check_jpeg`].
///
/// # Errors
/// As [`check_jpeg`]; what the decoder reports.
pub fn decode_jpeg(bytes: &[u8], wanted: Option<Size>) -> Result<Picture, JpegError> {
    let whole = check_jpeg(bytes, wanted)?;
    let damaged = |what: String| JpegError::Damaged { what };
    if whole.is_usual {
        let decoded = image::load_from_memory_with_format(&whole.bytes, ImageFormat::Jpeg)
            .map_err(|e| damaged(e.to_string()))?;
        return picture_of(decoded).map_err(damaged);
    }
    let mut decoder = jpeg_decoder::Decoder::new(&whole.bytes[..]);
    let pixels = decoder.decode().map_err(|e| damaged(e.to_string()))?;
    let rgb = match decoder.info().map(|info| info.pixel_format) {
        Some(jpeg_decoder::PixelFormat::RGB24) => pixels,
        Some(jpeg_decoder::PixelFormat::L8) => pixels.iter().flat_map(|&y| [y; 3]).collect(),
        other => {
            return Err(JpegError::Unsupported {
                what: format!("pixels of kind {other:?}"),
            });
        }
    };
    Picture::new(whole.size, rgb).ok_or_else(|| damaged("it has too few pixels".into()))
}

fn picture_of(decoded: DynamicImage) -> Result<Picture, String> {
    let rgb = decoded.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    if size.area_px() == 0 {
        return Err("the picture has no pixels".into());
    }
    Picture::new(size, rgb.into_raw()).ok_or_else(|| "the picture is damaged".into())
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
        assert_eq!(decode_picture(bytes.get_ref()).unwrap().at(2, 1), [77; 3]);
    }

    #[test]
    fn a_picture_cut_anywhere_is_refused() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let whole = encoded(format);
            // The last 12 bytes of a PNG are an empty end chunk, which no pixel needs.
            for end in (0..whole.len() - 12).step_by(11) {
                assert!(
                    decode_picture(&whole[..end]).is_err(),
                    "{format:?} of {end} bytes was read"
                );
            }
        }
        let jpeg = encoded(ImageFormat::Jpeg);
        assert!(decode_picture(&jpeg[..jpeg.len() - 1]).is_err());
        assert!(decode_picture(&[&jpeg[..], b"trailing"].concat()).is_ok());
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        assert!(decode_picture(b"").unwrap_err().contains("empty"));
        assert!(
            decode_picture(b"plain text, no picture")
                .unwrap_err()
                .contains("no JPEG")
        );
        assert!(
            decode_picture(b"GIF89a\x01\x00\x01\x00")
                .unwrap_err()
                .contains("no JPEG")
        );
        let error = read_picture(Path::new("/nowhere/x.png")).unwrap_err();
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn a_picture_that_claims_more_than_memory_is_refused_at_once() {
        // A PNG of 30,000 x 30,000 px: its header, and nothing of its pixels.
        let mut png = encoded(ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        let crc = {
            // CRC-32 of the chunk's name and content, bit by bit.
            let mut crc = u32::MAX;
            for &byte in &png[12..29] {
                crc ^= u32::from(byte);
                for _ in 0..8 {
                    crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
                }
            }
            !crc
        };
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        let start = std::time::Instant::now();
        let error = decode_picture(&png).unwrap_err();
        assert!(start.elapsed().as_secs() < 1);
        assert!(
            error.to_lowercase().contains("limit") || error.contains("memory"),
            "{error}"
        );
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
