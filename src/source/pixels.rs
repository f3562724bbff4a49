//! Converts a driver's bytes to a picture.

use unmask_frame::{Picture, Size, decode_jpeg};
use unmask_model::{ColourMatrix, ColourRange, FrameFormat, PixelFormat};

/// How a driver lays out a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelLayout {
    /// One that a graph can take as it is.
    Graph(PixelFormat),
    /// A plane of Y, then one of interleaved V U at half width and height (V4L2 `NV21`).
    Nv21,
    /// A plane of Y alone (V4L2 `GREY`).
    Grey,
    /// A JPEG file per frame (V4L2 `MJPG`).
    Mjpg,
}

/// The layouts, the best first: what a graph takes, what is smallest, what must be decoded last.
const LAYOUTS: [(&[u8; 4], PixelLayout); 8] = [
    (b"NV12", PixelLayout::Graph(PixelFormat::Nv12)),
    (b"YUYV", PixelLayout::Graph(PixelFormat::Yuyv)),
    (b"UYVY", PixelLayout::Graph(PixelFormat::Uyvy)),
    (b"RGB3", PixelLayout::Graph(PixelFormat::Rgb24)),
    (b"BGR3", PixelLayout::Graph(PixelFormat::Bgr24)),
    (b"NV21", PixelLayout::Nv21),
    (b"MJPG", PixelLayout::Mjpg),
    (b"GREY", PixelLayout::Grey),
];

impl PixelLayout {
    /// The four letters of every layout, the best first.
    pub fn all() -> impl Iterator<Item = [u8; 4]> {
        LAYOUTS.iter().map(|(letters, _)| **letters)
    }

    /// That of four letters.
    pub fn of(fourcc: [u8; 4]) -> Option<Self> {
        let found = LAYOUTS.iter().find(|(letters, _)| **letters == fourcc);
        found.map(|(_, layout)| *layout)
    }

    /// Its four letters.
    pub fn fourcc(self) -> [u8; 4] {
        let found = LAYOUTS.iter().find(|(_, layout)| *layout == self);
        found.map_or(*b"    ", |(letters, _)| **letters)
    }

    /// Bytes of a row without padding; 0 where rows have no length.
    pub fn row_bytes(self, width: usize) -> usize {
        match self {
            PixelLayout::Graph(PixelFormat::Yuyv | PixelFormat::Uyvy) => 2 * width,
            PixelLayout::Graph(PixelFormat::Rgb24 | PixelFormat::Bgr24) => 3 * width,
            PixelLayout::Graph(PixelFormat::Nv12) | PixelLayout::Nv21 | PixelLayout::Grey => width,
            PixelLayout::Mjpg => 0,
        }
    }

    /// Rows of bytes of a frame: those of the chroma plane are rows, too.
    pub fn rows(self, height: usize) -> usize {
        match self {
            PixelLayout::Graph(PixelFormat::Nv12) | PixelLayout::Nv21 => {
                height + height.div_ceil(2)
            }
            _ => height,
        }
    }
}

/// What is needed to read a frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelReading {
    layout: PixelLayout,
    size: Size,
    /// From one row to the next, bytes.
    stride: usize,
    /// Fixed point, 16 bits after the point.
    rows: [[i32; 3]; 3],
    shift: [i32; 3],
}

/// One, in fixed point.
const ONE: f64 = 65536.0;

impl PixelReading {
    /// For frames of `size` whose rows lie `stride` bytes apart; 0: without padding.
    pub fn new(
        layout: PixelLayout,
        size: Size,
        stride: usize,
        matrix: ColourMatrix,
        range: ColourRange,
    ) -> Self {
        let format = FrameFormat {
            pixels: PixelFormat::Yuyv,
            size,
            matrix,
            range,
        };
        let (rows, shift) = format.to_rgb();
        let fixed = |value: f64| (value * ONE).round() as i32;
        Self {
            layout,
            size,
            stride: stride.max(layout.row_bytes(size.w)),
            rows: rows.map(|row| row.map(fixed)),
            // Half of the last bit, so that what is cut off is rounded.
            shift: shift.map(|value| fixed(value + 0.5)),
        }
    }

    /// For the frames of a graph's camera.
    pub fn of(format: &FrameFormat) -> Self {
        let layout = PixelLayout::Graph(format.pixels);
        Self::new(layout, format.size, 0, format.matrix, format.range)
    }

    fn colour(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let (y, u, v) = (i32::from(y), i32::from(u), i32::from(v));
        std::array::from_fn(|c| {
            let [a, b, d] = self.rows[c];
            let value = (a * y + b * u + d * v + self.shift[c]) >> 16;
            value.clamp(0, 255) as u8
        })
    }

    /// Whether `bytes` hold a whole frame; compressed ones show when they are decoded.
    fn is_whole(&self, bytes: &[u8]) -> bool {
        let rows = self.layout.rows(self.size.h);
        let last = self.layout.row_bytes(self.size.w);
        rows == 0 || bytes.len() >= (rows - 1) * self.stride + last
    }

    /// The colour at column `x`, row `y` of a frame that is not compressed; black outside.
    pub fn pixel(&self, bytes: &[u8], x: usize, y: usize) -> [u8; 3] {
        let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
        let row = y * self.stride;
        match self.layout {
            PixelLayout::Graph(PixelFormat::Rgb24) => std::array::from_fn(|c| at(row + 3 * x + c)),
            PixelLayout::Graph(PixelFormat::Bgr24) => {
                std::array::from_fn(|c| at(row + 3 * x + 2 - c))
            }
            PixelLayout::Graph(PixelFormat::Yuyv) => {
                let pair = row + x / 2 * 4;
                self.colour(at(row + 2 * x), at(pair + 1), at(pair + 3))
            }
            PixelLayout::Graph(PixelFormat::Uyvy) => {
                let pair = row + x / 2 * 4;
                self.colour(at(row + 2 * x + 1), at(pair), at(pair + 2))
            }
            PixelLayout::Graph(PixelFormat::Nv12) => {
                let pair = (self.size.h + y / 2) * self.stride + x / 2 * 2;
                self.colour(at(row + x), at(pair), at(pair + 1))
            }
            PixelLayout::Nv21 => {
                let pair = (self.size.h + y / 2) * self.stride + x / 2 * 2;
                self.colour(at(row + x), at(pair + 1), at(pair))
            }
            PixelLayout::Grey => [at(row + x); 3],
            PixelLayout::Mjpg => [0; 3],
        }
    }

    /// The picture that `bytes` show.
    ///
    /// # Errors
    /// There are too few bytes; a compressed frame is damaged or of another size.
    pub fn picture(&self, bytes: &[u8]) -> Result<Picture, String> {
        if self.layout == PixelLayout::Mjpg {
            return self.decode(bytes);
        }
        if !self.is_whole(bytes) {
            let (have, size) = (bytes.len(), self.size);
            return Err(format!("{have} bytes are too few for a frame of {size}"));
        }
        let Size { w, h } = self.size;
        let mut rgb = Vec::with_capacity(w * h * 3);
        for y in 0..h {
            let row = &bytes[y * self.stride..][..self.layout.row_bytes(w)];
            let chroma = || &bytes[(h + y / 2) * self.stride..][..w];
            match self.layout {
                PixelLayout::Graph(PixelFormat::Rgb24) => rgb.extend_from_slice(row),
                PixelLayout::Graph(PixelFormat::Bgr24) => {
                    let (pixels, _) = row.as_chunks::<3>();
                    rgb.extend(pixels.iter().flat_map(|&[b, g, r]| [r, g, b]));
                }
                PixelLayout::Graph(PixelFormat::Yuyv) => {
                    let (pairs, _) = row.as_chunks::<4>();
                    for &[a, u, b, v] in pairs {
                        rgb.extend_from_slice(&self.colour(a, u, v));
                        rgb.extend_from_slice(&self.colour(b, u, v));
                    }
                }
                PixelLayout::Graph(PixelFormat::Uyvy) => {
                    let (pairs, _) = row.as_chunks::<4>();
                    for &[u, a, v, b] in pairs {
                        rgb.extend_from_slice(&self.colour(a, u, v));
                        rgb.extend_from_slice(&self.colour(b, u, v));
                    }
                }
                PixelLayout::Graph(PixelFormat::Nv12) => {
                    self.shared(row, chroma(), false, &mut rgb)
                }
                PixelLayout::Nv21 => self.shared(row, chroma(), true, &mut rgb),
                PixelLayout::Grey => rgb.extend(row.iter().flat_map(|&y| [y; 3])),
                PixelLayout::Mjpg => {}
            }
        }
        let refuse = || format!("a frame of {} cannot be: its width is odd", self.size);
        Picture::new(self.size, rgb).ok_or_else(refuse)
    }

    /// A row whose pairs of pixels share chroma of another plane.
    fn shared(&self, row: &[u8], chroma: &[u8], v_first: bool, rgb: &mut Vec<u8>) {
        let (pairs, _) = chroma.as_chunks::<2>();
        for (luma, &[a, b]) in row.chunks(2).zip(pairs) {
            let (u, v) = if v_first { (b, a) } else { (a, b) };
            for &y in luma {
                rgb.extend_from_slice(&self.colour(y, u, v));
            }
        }
    }

    /// A whole JPEG: one that is cut short or torn is not a picture.
    fn decode(&self, bytes: &[u8]) -> Result<Picture, String> {
        decode_jpeg(bytes, Some(self.size)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: Size) -> Picture {
        let mut state = 7u32;
        let bytes = (0..size.area_px() * 3).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        Picture::new(size, bytes.collect()).unwrap()
    }

    /// A picture whose pixels share colours four by four: chroma loses nothing.
    fn blocks(size: Size) -> Picture {
        let small = noise(Size::new(size.w / 2, size.h / 2));
        let pixels = (0..size.h).flat_map(|y| (0..size.w).map(move |x| (x, y)));
        let rgb = pixels.flat_map(|(x, y)| small.at(x / 2, y / 2)).collect();
        Picture::new(size, rgb).unwrap()
    }

    fn padded(bytes: &[u8], row: usize, padding: usize) -> Vec<u8> {
        bytes
            .chunks(row)
            .flat_map(|row| [row, &vec![0xee; padding][..]].concat())
            .collect()
    }

    #[test]
    fn pictures_come_back_from_every_layout_of_a_graph() {
        let size = Size::new(16, 8);
        let picture = blocks(size);
        for pixels in [
            PixelFormat::Yuyv,
            PixelFormat::Uyvy,
            PixelFormat::Nv12,
            PixelFormat::Rgb24,
            PixelFormat::Bgr24,
        ] {
            for (matrix, range) in [
                (ColourMatrix::Bt601, ColourRange::Limited),
                (ColourMatrix::Bt709, ColourRange::Full),
            ] {
                let format = FrameFormat {
                    pixels,
                    size,
                    matrix,
                    range,
                };
                let bytes = format.encode(&picture).unwrap();
                let layout = PixelLayout::Graph(pixels);
                let got = PixelReading::of(&format).picture(&bytes).unwrap();
                let exact = !pixels.is_yuv();
                for (a, b) in got.rgb().iter().zip(picture.rgb()) {
                    let apart = a.abs_diff(*b);
                    assert!(apart <= if exact { 0 } else { 3 }, "{format}: {apart}");
                }
                // Rows with padding, and single pixels, are the same.
                let row = layout.row_bytes(size.w);
                let wide = padded(&bytes, row, 5);
                let reading = PixelReading::new(layout, size, row + 5, matrix, range);
                assert_eq!(reading.picture(&wide).unwrap(), got, "{format}");
                for (x, y) in [(0, 0), (15, 7), (6, 3), (7, 4)] {
                    assert_eq!(reading.pixel(&wide, x, y), got.at(x, y), "{format} {x},{y}");
                }
                let error = reading.picture(&wide[..wide.len() - 6]).unwrap_err();
                assert!(error.contains("too few"), "{error}");
            }
        }
    }

    #[test]
    fn nv21_is_nv12_with_its_chroma_turned_round() {
        let size = Size::new(8, 4);
        let format = FrameFormat {
            pixels: PixelFormat::Nv12,
            size,
            matrix: ColourMatrix::Bt601,
            range: ColourRange::Limited,
        };
        let mut bytes = format.encode(&blocks(size)).unwrap();
        let want = PixelReading::of(&format).picture(&bytes).unwrap();
        bytes[32..].chunks_mut(2).for_each(|pair| pair.swap(0, 1));
        let reading = PixelReading::new(
            PixelLayout::Nv21,
            size,
            0,
            ColourMatrix::Bt601,
            ColourRange::Limited,
        );
        assert_eq!(reading.picture(&bytes).unwrap(), want);
        assert_eq!(reading.pixel(&bytes, 5, 2), want.at(5, 2));
    }

    #[test]
    fn grey_is_grey() {
        let size = Size::new(3, 2);
        let reading = PixelReading::new(
            PixelLayout::Grey,
            size,
            4,
            ColourMatrix::Bt601,
            ColourRange::Full,
        );
        let picture = reading.picture(&[1, 2, 3, 0, 4, 5, 6]).unwrap();
        assert_eq!((picture.at(2, 0), picture.at(0, 1)), ([3; 3], [4; 3]));
        assert_eq!(reading.pixel(&[1, 2, 3, 0, 4, 5, 6], 0, 1), [4; 3]);
    }

    #[test]
    fn jpegs_are_decoded_and_damaged_ones_say_so() {
        let size = Size::new(16, 8);
        let picture = Picture::filled(size, [200, 40, 90]);
        let mut file = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 95)
            .encode(picture.rgb(), 16, 8, image::ExtendedColorType::Rgb8)
            .unwrap();
        let reading = PixelReading::new(
            PixelLayout::Mjpg,
            size,
            0,
            ColourMatrix::Bt601,
            ColourRange::Full,
        );
        let got = reading.picture(&file).unwrap();
        assert!(
            got.at(3, 3)
                .iter()
                .zip([200, 40, 90])
                .all(|(a, b)| a.abs_diff(b) < 6)
        );
        for percent in 0..100 {
            let error = reading
                .picture(&file[..file.len() * percent / 100])
                .unwrap_err();
            assert!(error.contains("the JPEG is"), "{error}");
        }
        let other = PixelReading::new(
            PixelLayout::Mjpg,
            Size::new(8, 8),
            0,
            ColourMatrix::Bt601,
            ColourRange::Full,
        );
        assert!(other.picture(&file).unwrap_err().contains("16x8"));
    }

    #[test]
    fn layouts_have_their_letters() {
        for letters in PixelLayout::all() {
            assert_eq!(PixelLayout::of(letters).unwrap().fourcc(), letters);
        }
        assert_eq!(PixelLayout::of(*b"H264"), None);
    }
}
