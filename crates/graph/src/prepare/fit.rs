//! Geometry between camera frame, network input and network output.

use unmask_frame::Size;
use unmask_model::{FrameFit, FrameFormat, FrameView};

/// The geometry of a front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FitGeometry {
    /// The part of the frame that is used, px.
    pub view: FrameView,
    /// Its size in the network's input, from the top left, px.
    pub content: Size,
    /// Its size in the network's output, from the top left, cells.
    pub cells: Size,
}

/// Lays `frame` into an input of `input` px whose output has `grid` cells.
///
/// Under letterbox the content ends where a cell of the output ends, so that the map covers the
/// picture exactly; its shape changes by at most half a cell for that.
pub(super) fn lay(frame: &FrameFormat, fit: FrameFit, input: Size, grid: Size) -> FitGeometry {
    let size = frame.size;
    let whole = FitGeometry {
        view: FrameView { x: 0, y: 0, size },
        content: input,
        cells: grid,
    };
    match fit {
        FrameFit::Stretch => whole,
        FrameFit::Crop => {
            let (columns, rows) = frame.pixels.grid();
            // The shape of the input inside the frame: one side whole, the other cut.
            let w = even(size.h * input.w, input.h, columns, size.w);
            let h = even(size.w * input.h, input.w, rows, size.h);
            let place = |all: usize, part: usize, step: usize| (all - part) / 2 / step * step;
            FitGeometry {
                view: FrameView {
                    x: place(size.w, w, columns),
                    y: place(size.h, h, rows),
                    size: Size::new(w, h),
                },
                ..whole
            }
        }
        FrameFit::Letterbox => {
            let (w, columns) = whole_cells(size.w * input.h, size.h, input.w, grid.w);
            let (h, rows) = whole_cells(size.h * input.w, size.w, input.h, grid.h);
            FitGeometry {
                content: Size::new(w, h),
                cells: Size::new(columns, rows),
                ..whole
            }
        }
    }
}

/// `over / under` to the nearest multiple of `step`, from one step to `most`.
fn even(over: usize, under: usize, step: usize, most: usize) -> usize {
    let steps = (over + under * step / 2) / (under * step);
    (steps * step).clamp(step, most)
}

/// `over / under` px of a side of `side` px and `cells` cells, to the nearest length that is whole
/// in px and in cells: px and cells.
fn whole_cells(over: usize, under: usize, side: usize, cells: usize) -> (usize, usize) {
    let parts = gcd(side, cells);
    let step = side / parts;
    let px = even(over, under, step, side);
    (px, px / step * (cells / parts))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_model::{ColourMatrix, ColourRange, PixelFormat};

    fn frame(w: usize, h: usize, pixels: PixelFormat) -> FrameFormat {
        FrameFormat {
            pixels,
            size: Size::new(w, h),
            matrix: ColourMatrix::Bt601,
            range: ColourRange::Limited,
        }
    }

    #[test]
    fn a_stretched_picture_fills_the_input() {
        let (input, grid) = (Size::new(512, 256), Size::new(128, 64));
        let g = lay(
            &frame(640, 480, PixelFormat::Rgb24),
            FrameFit::Stretch,
            input,
            grid,
        );
        assert_eq!((g.content, g.cells), (input, grid));
        assert_eq!(
            (g.view.x, g.view.y, g.view.size),
            (0, 0, Size::new(640, 480))
        );
    }

    #[test]
    fn a_crop_has_the_inputs_shape_and_lies_in_the_middle() {
        let (input, grid) = (Size::new(512, 256), Size::new(128, 64));
        let g = lay(
            &frame(1280, 720, PixelFormat::Yuyv),
            FrameFit::Crop,
            input,
            grid,
        );
        assert_eq!(
            (g.view.x, g.view.y, g.view.size),
            (0, 40, Size::new(1280, 640))
        );
        // Wider than the input: columns are cut, at pairs of pixels.
        let g = lay(
            &frame(1001 * 2, 500, PixelFormat::Nv12),
            FrameFit::Crop,
            input,
            grid,
        );
        assert_eq!(g.view.size, Size::new(1000, 500));
        assert_eq!((g.view.x, g.view.y), (500, 0));
        // Heights of NV12 stay even, too.
        let g = lay(
            &frame(1000, 600, PixelFormat::Nv12),
            FrameFit::Crop,
            input,
            grid,
        );
        assert_eq!((g.view.y, g.view.size), (50, Size::new(1000, 500)));
        assert_eq!((g.content, g.cells), (input, grid));
    }

    #[test]
    fn a_letterboxed_picture_keeps_its_shape_and_ends_with_a_cell() {
        let (input, grid) = (Size::new(512, 256), Size::new(128, 64));
        let g = lay(
            &frame(1280, 720, PixelFormat::Rgb24),
            FrameFit::Letterbox,
            input,
            grid,
        );
        // 256 * 16/9 = 455.1, to the nearest multiple of 4.
        assert_eq!(
            (g.content, g.cells),
            (Size::new(456, 256), Size::new(114, 64))
        );
        let g = lay(
            &frame(2000, 500, PixelFormat::Rgb24),
            FrameFit::Letterbox,
            input,
            grid,
        );
        assert_eq!(
            (g.content, g.cells),
            (Size::new(512, 128), Size::new(128, 32))
        );
        // A grid that does not divide the input: 30 px hold 20 cells, so 3 px hold 2.
        let g = lay(
            &frame(10, 10, PixelFormat::Rgb24),
            FrameFit::Letterbox,
            Size::new(30, 20),
            Size::new(20, 20),
        );
        assert_eq!((g.content, g.cells), (Size::new(21, 20), Size::new(14, 20)));
    }
}
