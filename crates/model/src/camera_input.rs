//! Camera frames: pixel format, colour coding, and how the image is fitted to the network's input.

use clap::ValueEnum;
use std::fmt;
use unmask_frame::{Picture, Size};

/// How a camera lays out the bytes of a frame. Rows follow each other without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum PixelFormat {
    /// Packed 4:2:2, bytes Y0 U Y1 V (V4L2 `YUYV`).
    Yuyv,
    /// Packed 4:2:2, bytes U Y0 V Y1 (V4L2 `UYVY`).
    Uyvy,
    /// A plane of Y, then one of interleaved U V at half width and height (V4L2 `NV12`).
    Nv12,
    /// Bytes R G B (V4L2 `RGB3`).
    Rgb24,
    /// Bytes B G R (V4L2 `BGR3`).
    Bgr24,
}

/// Which luma weights the camera's Y, U, V were made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum ColourMatrix {
    /// ITU-R BT.601: UVC cameras, unless they say otherwise.
    #[default]
    Bt601,
    /// ITU-R BT.709: most HD sources, and DCI-P3.
    Bt709,
    /// ITU-R BT.2020: UHD sources.
    Bt2020,
    /// SMPTE 240M: early HD.
    Smpte240m,
}

/// Which byte values the camera's Y, U, V use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum ColourRange {
    /// Y 16 to 235, U and V 16 to 240.
    #[default]
    Limited,
    /// 0 to 255.
    Full,
}

/// How a picture of another shape meets the network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum FrameFit {
    /// The middle of the picture that has the input's shape; the rest is not seen.
    Crop,
    /// The whole picture in its own shape, at the top left; the rest of the input is filled with
    /// the mean colour.
    Letterbox,
    /// The whole picture, stretched to the input's shape: what the unprepared path does.
    #[default]
    Stretch,
}

/// The name that the command line and the metadata of a file use.
pub fn name_of<T: ValueEnum>(value: &T) -> String {
    value
        .to_possible_value()
        .map(|v| v.get_name().to_owned())
        .unwrap_or_default()
}

macro_rules! shown_by_name {
    ($($kind:ty),*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&name_of(self))
            }
        }
    )*};
}
shown_by_name!(PixelFormat, ColourMatrix, ColourRange, FrameFit);

impl PixelFormat {
    /// Whether bytes are luma and chroma rather than colours.
    pub fn is_yuv(self) -> bool {
        matches!(self, Self::Yuyv | Self::Uyvy | Self::Nv12)
    }

    /// Columns and rows must be multiples of these.
    pub fn grid(self) -> (usize, usize) {
        match self {
            Self::Yuyv | Self::Uyvy => (2, 1),
            Self::Nv12 => (2, 2),
            Self::Rgb24 | Self::Bgr24 => (1, 1),
        }
    }
}

/// The bytes of a frame: size, layout, colour coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameFormat {
    /// Layout.
    pub pixels: PixelFormat,
    /// Width and height, px.
    pub size: Size,
    /// Luma weights (YUV layouts only).
    pub matrix: ColourMatrix,
    /// Byte values (YUV layouts only).
    pub range: ColourRange,
}

impl fmt::Display for FrameFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pixels, self.size)?;
        if self.pixels.is_yuv() {
            write!(f, " {} {}", self.matrix, self.range)?;
        }
        Ok(())
    }
}

impl FrameFormat {
    /// Shape of the uint8 tensor that a frame's bytes are, as they lie in the buffer:
    /// `[1,h,w,3]`, `[1,h,w,2]`, or `[1,3h/2,w]` for NV12.
    pub fn shape(&self) -> Vec<usize> {
        let Size { w, h } = self.size;
        match self.pixels {
            PixelFormat::Yuyv | PixelFormat::Uyvy => vec![1, h, w, 2],
            PixelFormat::Nv12 => vec![1, h / 2 * 3, w],
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => vec![1, h, w, 3],
        }
    }

    /// Whether a frame of this size can be: it has pixels, and whole groups of those that share
    /// their chroma.
    pub fn is_whole(&self) -> bool {
        let (columns, rows) = self.pixels.grid();
        let Size { w, h } = self.size;
        w > 0 && h > 0 && w.is_multiple_of(columns) && h.is_multiple_of(rows)
    }

    /// Bytes of a frame.
    pub fn bytes(&self) -> usize {
        // Asked for each time that a frame's bytes are looked at: it must not make a shape.
        let Size { w, h } = self.size;
        match self.pixels {
            PixelFormat::Yuyv | PixelFormat::Uyvy => w * h * 2,
            PixelFormat::Nv12 => w * (h / 2 * 3),
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => w * h * 3,
        }
    }

    /// The line `red = m[0]·(Y,U,V) + shift[0]` and so on, on bytes, for YUV layouts.
    pub fn to_rgb(&self) -> ([[f64; 3]; 3], [f64; 3]) {
        let (kr, kb) = self.luma();
        let kg = 1.0 - kr - kb;
        let (ys, yo, cs) = self.scales();
        let (v_red, u_blue) = (2.0 * (1.0 - kr) * cs, 2.0 * (1.0 - kb) * cs);
        let m = [
            [ys, 0.0, v_red],
            [ys, -u_blue * kb / kg, -v_red * kr / kg],
            [ys, u_blue, 0.0],
        ];
        let shift = m.map(|[y, u, v]| -(y * yo + (u + v) * 128.0));
        (m, shift)
    }

    /// Weights of red and blue in Y.
    fn luma(&self) -> (f64, f64) {
        match self.matrix {
            ColourMatrix::Bt601 => (0.299, 0.114),
            ColourMatrix::Bt709 => (0.2126, 0.0722),
            ColourMatrix::Bt2020 => (0.2627, 0.0593),
            ColourMatrix::Smpte240m => (0.212, 0.087),
        }
    }

    /// Grey levels a step of Y, Y of black, grey levels a step of U and V.
    fn scales(&self) -> (f64, f64, f64) {
        match self.range {
            ColourRange::Limited => (255.0 / 219.0, 16.0, 255.0 / 224.0),
            ColourRange::Full => (1.0, 0.0, 1.0),
        }
    }

    /// The bytes that a camera of this format would deliver for `picture`: chroma is the mean of
    /// the pixels that share it, everything rounded to the nearest byte. `None` where the picture
    /// has another size.
    pub fn encode(&self, picture: &Picture) -> Option<Vec<u8>> {
        if picture.size() != self.size {
            return None;
        }
        let rgb = picture.rgb();
        Some(match self.pixels {
            PixelFormat::Rgb24 => rgb.to_vec(),
            PixelFormat::Bgr24 => {
                let (pixels, _) = rgb.as_chunks::<3>();
                pixels.iter().flat_map(|&[r, g, b]| [b, g, r]).collect()
            }
            PixelFormat::Yuyv | PixelFormat::Uyvy => {
                let luma_first = self.pixels == PixelFormat::Yuyv;
                let (pairs, _) = rgb.as_chunks::<6>();
                let bytes = pairs.iter().flat_map(|&[r, g, b, s, h, c]| {
                    let (a, z) = ([r, g, b], [s, h, c]);
                    let [u, v] = self.chroma(&[a, z]);
                    let (y, y2) = (self.y(a), self.y(z));
                    if luma_first {
                        [y, u, y2, v]
                    } else {
                        [u, y, v, y2]
                    }
                });
                bytes.collect()
            }
            PixelFormat::Nv12 => {
                let Size { w, h } = self.size;
                let (pixels, _) = rgb.as_chunks::<3>();
                let mut bytes: Vec<u8> = pixels.iter().map(|&p| self.y(p)).collect();
                for y in (0..h).step_by(2) {
                    for x in (0..w).step_by(2) {
                        let at = y * w + x;
                        let four = [at, at + 1, at + w, at + w + 1].map(|i| pixels[i]);
                        bytes.extend(self.chroma(&four));
                    }
                }
                bytes
            }
        })
    }

    fn luma_of(&self, [r, g, b]: [f64; 3]) -> f64 {
        let (kr, kb) = self.luma();
        kr * r + (1.0 - kr - kb) * g + kb * b
    }

    fn y(&self, rgb: [u8; 3]) -> u8 {
        let (ys, yo, _) = self.scales();
        byte(yo + self.luma_of(rgb.map(f64::from)) / ys)
    }

    /// U and V of pixels that share them.
    fn chroma(&self, pixels: &[[u8; 3]]) -> [u8; 2] {
        let mean = std::array::from_fn(|c| {
            pixels.iter().map(|p| f64::from(p[c])).sum::<f64>() / pixels.len() as f64
        });
        let (kr, kb) = self.luma();
        let (_, _, cs) = self.scales();
        let y = self.luma_of(mean);
        let part = |colour: f64, k: f64| byte(128.0 + (colour - y) / (2.0 * (1.0 - k)) / cs);
        [part(mean[2], kb), part(mean[0], kr)]
    }
}

fn byte(value: f64) -> u8 {
    // `as` holds the value to 0–255.
    value.round() as u8
}

/// A part of a frame, px.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameView {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Its size.
    pub size: Size,
}

/// What a prepared graph wants of the camera, and what part of it its maps cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraInput {
    /// The bytes it takes.
    pub format: FrameFormat,
    /// How the picture meets the network's input.
    pub fit: FrameFit,
    /// The part of the frame that the maps cover, from edge to edge.
    pub view: FrameView,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(
        pixels: PixelFormat,
        matrix: ColourMatrix,
        range: ColourRange,
        size: Size,
    ) -> FrameFormat {
        FrameFormat {
            pixels,
            size,
            matrix,
            range,
        }
    }

    #[test]
    fn the_primaries_have_their_published_codes() {
        // ITU-R BT.601 and BT.709, 8 bits, limited range; BT.601 full range as in JFIF.
        let cases = [
            (
                ColourMatrix::Bt601,
                ColourRange::Limited,
                [255, 0, 0],
                [81, 90, 240],
            ),
            (
                ColourMatrix::Bt601,
                ColourRange::Limited,
                [0, 255, 0],
                [145, 54, 34],
            ),
            (
                ColourMatrix::Bt601,
                ColourRange::Limited,
                [0, 0, 255],
                [41, 240, 110],
            ),
            (
                ColourMatrix::Bt709,
                ColourRange::Limited,
                [255, 0, 0],
                [63, 102, 240],
            ),
            (
                ColourMatrix::Bt709,
                ColourRange::Limited,
                [0, 255, 0],
                [173, 42, 26],
            ),
            (
                ColourMatrix::Bt709,
                ColourRange::Limited,
                [0, 0, 255],
                [32, 240, 118],
            ),
            // The same arithmetic by hand from the published weights.
            (
                ColourMatrix::Bt2020,
                ColourRange::Limited,
                [255, 0, 0],
                [74, 97, 240],
            ),
            (
                ColourMatrix::Bt2020,
                ColourRange::Limited,
                [0, 0, 255],
                [29, 240, 119],
            ),
            (
                ColourMatrix::Smpte240m,
                ColourRange::Limited,
                [255, 0, 0],
                [62, 102, 240],
            ),
            (
                ColourMatrix::Smpte240m,
                ColourRange::Limited,
                [0, 0, 255],
                [35, 240, 116],
            ),
            (
                ColourMatrix::Bt601,
                ColourRange::Full,
                [255, 0, 0],
                [76, 85, 255],
            ),
            (
                ColourMatrix::Bt601,
                ColourRange::Full,
                [255, 255, 255],
                [255, 128, 128],
            ),
            (
                ColourMatrix::Bt601,
                ColourRange::Limited,
                [0, 0, 0],
                [16, 128, 128],
            ),
        ];
        let size = Size::new(2, 2);
        for (matrix, range, rgb, [y, u, v]) in cases {
            let picture = Picture::filled(size, rgb);
            let bytes = |pixels| {
                format(pixels, matrix, range, size)
                    .encode(&picture)
                    .unwrap()
            };
            assert_eq!(
                bytes(PixelFormat::Yuyv),
                [y, u, y, v, y, u, y, v],
                "{rgb:?}"
            );
            assert_eq!(bytes(PixelFormat::Uyvy), [u, y, v, y, u, y, v, y]);
            assert_eq!(bytes(PixelFormat::Nv12), [y, y, y, y, u, v]);
            // And back: within what rounding to bytes loses.
            let (m, shift) = format(PixelFormat::Yuyv, matrix, range, size).to_rgb();
            for c in 0..3 {
                let [a, b, d] = m[c];
                let back = a * f64::from(y) + b * f64::from(u) + d * f64::from(v) + shift[c];
                assert!(
                    (back - f64::from(rgb[c])).abs() < 2.5,
                    "{rgb:?} {c}: {back}"
                );
            }
        }
    }

    #[test]
    fn shared_chroma_is_a_mean_and_sizes_are_held_to() {
        let size = Size::new(2, 2);
        let black_and_red = Picture::new(size, vec![255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let full = |pixels| format(pixels, ColourMatrix::Bt601, ColourRange::Full, size);
        // V of red is 128 + 127.5: half of it over two pixels, a quarter over four.
        assert_eq!(
            full(PixelFormat::Yuyv).encode(&black_and_red).unwrap()[..4],
            [76, 106, 0, 192]
        );
        assert_eq!(
            full(PixelFormat::Nv12).encode(&black_and_red).unwrap(),
            [76, 0, 0, 0, 117, 160]
        );
        assert_eq!(
            full(PixelFormat::Bgr24).encode(&black_and_red).unwrap()[..3],
            [0, 0, 255]
        );
        let other = Picture::filled(Size::new(4, 2), [0; 3]);
        assert_eq!(full(PixelFormat::Rgb24).encode(&other), None);
    }

    #[test]
    fn shapes_hold_the_buffers_bytes() {
        let size = Size::new(6, 4);
        let cases = [
            (PixelFormat::Yuyv, vec![1, 4, 6, 2]),
            (PixelFormat::Uyvy, vec![1, 4, 6, 2]),
            (PixelFormat::Nv12, vec![1, 6, 6]),
            (PixelFormat::Rgb24, vec![1, 4, 6, 3]),
            (PixelFormat::Bgr24, vec![1, 4, 6, 3]),
        ];
        for (pixels, shape) in cases {
            let format = format(pixels, ColourMatrix::Bt601, ColourRange::Limited, size);
            assert_eq!(format.shape(), shape);
            assert_eq!(format.bytes(), shape.iter().product::<usize>());
            let bytes = format.encode(&Picture::filled(size, [9; 3])).unwrap();
            assert_eq!(bytes.len(), format.bytes());
        }
    }
}
