//! Preprocess subgraphs against conversions that are written pixel by pixel, in f64.

use super::{bytes, floats, run};
use crate::prepare::fit::lay;
use crate::prepare::preprocess::{BYTES, PreprocessSubgraph, build};
use rten_tensor::prelude::*;
use unmask_frame::Size;
use unmask_model::{ColourMatrix, ColourRange, FrameFit, FrameFormat, PixelFormat};

const MEAN: [f32; 3] = [120.0, 110.0, 100.0];
const STD: [f32; 3] = [60.0, 50.0, 40.0];

/// The colour of a pixel, as ITU-R BT.601, BT.709 and JFIF print the numbers; not held to 0–255.
fn colour(frame: &FrameFormat, bytes: &[u8], x: usize, y: usize) -> [f64; 3] {
    let Size { w, h } = frame.size;
    let at = |i: usize| f64::from(bytes[i]);
    let pair = (y * w + x / 2 * 2) * 2;
    let (luma, u, v) = match frame.pixels {
        PixelFormat::Rgb24 => return [0, 1, 2].map(|c| at((y * w + x) * 3 + c)),
        PixelFormat::Bgr24 => return [2, 1, 0].map(|c| at((y * w + x) * 3 + c)),
        PixelFormat::Yuyv => (at(pair + x % 2 * 2), at(pair + 1), at(pair + 3)),
        PixelFormat::Uyvy => (at(pair + 1 + x % 2 * 2), at(pair), at(pair + 2)),
        PixelFormat::Nv12 => {
            let chroma = w * h + y / 2 * w + x / 2 * 2;
            (at(y * w + x), at(chroma), at(chroma + 1))
        }
    };
    let (black, gain, rv, gu, gv, bu) = match (frame.matrix, frame.range) {
        (ColourMatrix::Bt601, ColourRange::Limited) => (
            16.0,
            1.164_383_56,
            1.596_026_79,
            0.391_762_29,
            0.812_967_65,
            2.017_232_14,
        ),
        (ColourMatrix::Bt709, ColourRange::Limited) => (
            16.0,
            1.164_383_56,
            1.792_741_07,
            0.213_248_61,
            0.532_909_33,
            2.112_401_79,
        ),
        (ColourMatrix::Bt601, ColourRange::Full) => {
            (0.0, 1.0, 1.402, 0.344_136_29, 0.714_136_29, 1.772)
        }
        (ColourMatrix::Bt709, ColourRange::Full) => {
            (0.0, 1.0, 1.5748, 0.187_324_27, 0.468_124_27, 1.8556)
        }
        (ColourMatrix::Bt2020, ColourRange::Limited) => (
            16.0,
            1.164_383_56,
            1.678_674_11,
            0.187_326_10,
            0.650_424_32,
            2.141_772_32,
        ),
        (ColourMatrix::Bt2020, ColourRange::Full) => (
            0.0,
            1.0,
            1.474_600_00,
            0.164_553_13,
            0.571_353_13,
            1.881_400_00,
        ),
        (ColourMatrix::Smpte240m, ColourRange::Limited) => (
            16.0,
            1.164_383_56,
            1.794_107_14,
            0.257_984_83,
            0.542_583_04,
            2.078_705_36,
        ),
        (ColourMatrix::Smpte240m, ColourRange::Full) => (
            0.0,
            1.0,
            1.576_000_00,
            0.226_621_97,
            0.476_621_97,
            1.826_000_00,
        ),
    };
    let (luma, u, v) = (gain * (luma - black), u - 128.0, v - 128.0);
    [luma + rv * v, luma - gu * u - gv * v, luma + bu * u]
}

/// Positions and weights of the triangle filter, as its definition reads.
fn taps(o: usize, from: usize, to: usize) -> Vec<(usize, f64)> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let centre = (o as f64 + 0.5) * scale;
    let weight = |i: usize| (1.0 - ((i as f64 + 0.5 - centre) / reach).abs()).max(0.0);
    let sum: f64 = (0..from).map(weight).sum();
    let all = (0..from).map(|i| (i, weight(i) / sum));
    all.filter(|tap| tap.1 > 0.0).collect()
}

/// Largest difference between the front and the restatement, in units of the network's input.
fn difference(frame: &FrameFormat, fit: FrameFit, input: Size, grid: Size) -> f64 {
    let geometry = lay(frame, fit, input, grid);
    let part = build(&PreprocessSubgraph {
        format: frame,
        geometry: &geometry,
        input,
        mean: MEAN,
        std: STD,
        opset: 17,
    });
    let data = bytes(frame.size.w as u32 * 31 + 7, frame.bytes());
    let values: Vec<f32> = data.iter().map(|&b| f32::from(b)).collect();
    let image = run(&part, &[(BYTES, &frame.shape(), &values)]).remove(0);
    let image = floats(image).to_vec();
    assert_eq!(image.len(), 3 * input.area_px());

    let (view, content) = (geometry.view, geometry.content);
    let mut worst = 0.0f64;
    for y in 0..input.h {
        for x in 0..input.w {
            let inside = x < content.w && y < content.h;
            let mut sum = [0.0f64; 3];
            if inside {
                for (j, v) in taps(y, view.size.h, content.h) {
                    for (i, u) in taps(x, view.size.w, content.w) {
                        let rgb = colour(frame, &data, view.x + i, view.y + j);
                        (0..3).for_each(|c| sum[c] += u * v * rgb[c]);
                    }
                }
            }
            for c in 0..3 {
                let want = if inside {
                    (sum[c].clamp(0.0, 255.0) - f64::from(MEAN[c])) / f64::from(STD[c])
                } else {
                    0.0
                };
                let got = image[c * input.area_px() + y * input.w + x];
                worst = worst.max((f64::from(got) - want).abs());
            }
        }
    }
    worst
}

fn frame(pixels: PixelFormat, w: usize, h: usize) -> FrameFormat {
    FrameFormat {
        pixels,
        size: Size::new(w, h),
        matrix: ColourMatrix::Bt601,
        range: ColourRange::Limited,
    }
}

const ALL: [PixelFormat; 5] = [
    PixelFormat::Yuyv,
    PixelFormat::Uyvy,
    PixelFormat::Nv12,
    PixelFormat::Rgb24,
    PixelFormat::Bgr24,
];

/// In units of the network's input: a five-hundredth of a grey level.
const CLOSE: f64 = 5e-5;

#[test]
fn every_format_is_read_as_its_definition_says() {
    let (input, grid) = (Size::new(20, 12), Size::new(5, 3));
    for pixels in ALL {
        for matrix in [
            ColourMatrix::Bt601,
            ColourMatrix::Bt709,
            ColourMatrix::Bt2020,
            ColourMatrix::Smpte240m,
        ] {
            for range in [ColourRange::Limited, ColourRange::Full] {
                let frame = FrameFormat {
                    matrix,
                    range,
                    ..frame(pixels, 34, 18)
                };
                let worst = difference(&frame, FrameFit::Stretch, input, grid);
                assert!(worst < CLOSE, "{frame}: {worst:e}");
            }
        }
    }
}

#[test]
fn sizes_that_grow_shrink_and_stay_are_right() {
    let (input, grid) = (Size::new(16, 8), Size::new(4, 2));
    for pixels in ALL {
        // Smaller, larger, equal, one side equal; wider than a block of the filter.
        for (w, h) in [(6, 4), (90, 44), (16, 8), (16, 30), (4, 8)] {
            let worst = difference(&frame(pixels, w, h), FrameFit::Stretch, input, grid);
            assert!(worst < CLOSE, "{pixels} {w}x{h}: {worst:e}");
        }
        let wide = Size::new(150, 6);
        let worst = difference(&frame(pixels, 202, 10), FrameFit::Stretch, wide, grid);
        assert!(worst < CLOSE, "{pixels}: {worst:e}");
    }
}

#[test]
fn crop_and_letterbox_take_and_fill_the_right_pixels() {
    let (input, grid) = (Size::new(32, 16), Size::new(8, 4));
    for pixels in ALL {
        for fit in [FrameFit::Crop, FrameFit::Letterbox] {
            // Taller than the input's shape, wider, equal.
            for (w, h) in [(40, 36), (90, 20), (64, 32)] {
                let worst = difference(&frame(pixels, w, h), fit, input, grid);
                assert!(worst < CLOSE, "{pixels} {fit} {w}x{h}: {worst:e}");
            }
        }
    }
}
