//! Canvas: a picture that `embedded-graphics` draws on.

use embedded_graphics::mono_font::{MonoFont, MonoTextStyleBuilder, iso_8859_1 as latin};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use std::convert::Infallible;
use unmask_frame::{Picture, Size};

/// Pictures at least this high are drawn on with doubled pixels, or letters become too small.
const DOUBLED_FROM_PX: usize = 900;
/// Pictures lower than this get the small letters.
const SMALL_BELOW_PX: usize = 300;

/// A colour as red, green, blue.
pub(super) type Colour = [u8; 3];

/// A picture under the pen. Coordinates are those of the pen: pixels, or pairs of pixels.
pub(super) struct PictureCanvas<'a> {
    picture: &'a mut Picture,
    scale: usize,
    font: &'static MonoFont<'static>,
}

impl<'a> PictureCanvas<'a> {
    /// A canvas whose pen fits the height of the picture.
    pub fn new(picture: &'a mut Picture) -> Self {
        let height = picture.size().h;
        let scale = if height >= DOUBLED_FROM_PX { 2 } else { 1 };
        let font = if height < SMALL_BELOW_PX {
            &latin::FONT_6X10
        } else {
            &latin::FONT_7X13_BOLD
        };
        Self {
            picture,
            scale,
            font,
        }
    }

    /// A canvas whose pen is one pixel wide, with the larger letters: for pictures that are read
    /// at their own size.
    pub fn plain(picture: &'a mut Picture) -> Self {
        Self {
            picture,
            scale: 1,
            font: &latin::FONT_7X13_BOLD,
        }
    }

    /// Size in pen coordinates.
    pub fn extent(&self) -> Size {
        let size = self.picture.size();
        Size::new(size.w / self.scale, size.h / self.scale)
    }

    /// Picture pixels a pen pixel.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// Height of a line of text.
    pub fn line_height(&self) -> i32 {
        self.font.character_size.height as i32
    }

    /// Width of `text`.
    pub fn text_width(&self, text: &str) -> i32 {
        (self.font.character_size.width as usize * text.chars().count()) as i32
    }

    /// Writes `text` with its upper left corner at `(x, y)`.
    pub fn text(&mut self, text: &str, x: i32, y: i32, ink: Colour, paper: Option<Colour>) {
        let mut style = MonoTextStyleBuilder::new()
            .font(self.font)
            .text_color(rgb(ink));
        if let Some(paper) = paper {
            style = style.background_color(rgb(paper));
        }
        let text = Text::with_baseline(text, Point::new(x, y), style.build(), Baseline::Top);
        // Drawing on a picture cannot fail.
        let Ok(_) = text.draw(self);
    }

    /// Outlines a rectangle, `stroke` thick, inside its bounds.
    pub fn outline(&mut self, at: [i32; 4], stroke: u32, colour: Colour) {
        use embedded_graphics::primitives::{PrimitiveStyleBuilder, StrokeAlignment};
        let style = PrimitiveStyleBuilder::new()
            .stroke_color(rgb(colour))
            .stroke_width(stroke)
            .stroke_alignment(StrokeAlignment::Inside)
            .build();
        let Ok(()) = rectangle(at).into_styled(style).draw(self);
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, at: [i32; 4], colour: Colour) {
        let style = PrimitiveStyle::with_fill(rgb(colour));
        let Ok(()) = rectangle(at).into_styled(style).draw(self);
    }

    /// Darkens a rectangle to `keep` of 256 parts of its brightness.
    pub fn darken(&mut self, at: [i32; 4], keep: u32) {
        let size = self.picture.size();
        let Some((rows, columns)) = self.pixels(&rectangle(at)) else {
            return;
        };
        for y in rows {
            let row = &mut self.picture.rgb_mut()[y * size.w * 3..][..size.w * 3];
            for v in &mut row[columns.start * 3..columns.end * 3] {
                *v = (u32::from(*v) * keep / 256) as u8;
            }
        }
    }

    /// The picture's rows and columns under a rectangle of the pen.
    fn pixels(&self, area: &Rectangle) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        let size = self.picture.size();
        let span = |from: i32, len: u32, limit: usize| {
            let start = i64::from(from) * self.scale as i64;
            let end = start + i64::from(len) * self.scale as i64;
            let held = |v: i64| v.clamp(0, limit as i64) as usize;
            held(start)..held(end)
        };
        let columns = span(area.top_left.x, area.size.width, size.w);
        let rows = span(area.top_left.y, area.size.height, size.h);
        (!columns.is_empty() && !rows.is_empty()).then_some((rows, columns))
    }
}

impl OriginDimensions for PictureCanvas<'_> {
    fn size(&self) -> embedded_graphics::geometry::Size {
        let extent = self.extent();
        embedded_graphics::geometry::Size::new(extent.w as u32, extent.h as u32)
    }
}

impl DrawTarget for PictureCanvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(at, colour) in pixels {
            let one = embedded_graphics::geometry::Size::new(1, 1);
            self.fill_solid(&Rectangle::new(at, one), colour)?;
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Rgb888) -> Result<(), Infallible> {
        let width = self.picture.size().w;
        let Some((rows, columns)) = self.pixels(area) else {
            return Ok(());
        };
        let colour = [colour.r(), colour.g(), colour.b()];
        for y in rows {
            let row = &mut self.picture.rgb_mut()[y * width * 3..][..width * 3];
            for px in row[columns.start * 3..columns.end * 3].chunks_exact_mut(3) {
                px.copy_from_slice(&colour);
            }
        }
        Ok(())
    }
}

fn rgb([r, g, b]: Colour) -> Rgb888 {
    Rgb888::new(r, g, b)
}

fn rectangle([x, y, w, h]: [i32; 4]) -> Rectangle {
    let size = embedded_graphics::geometry::Size::new(w.max(0) as u32, h.max(0) as u32);
    Rectangle::new(Point::new(x, y), size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_over_the_edge_is_cut_off() {
        let mut picture = Picture::filled(Size::new(20, 10), [0; 3]);
        let mut canvas = PictureCanvas::new(&mut picture);
        canvas.outline([-3, -3, 100, 100], 2, [5; 3]);
        canvas.text("too long for this picture", 3, 2, [255; 3], Some([1; 3]));
        canvas.fill([-5, -5, 8, 8], [9, 9, 9]);
        canvas.fill([18, 8, 100, 100], [7, 7, 7]);
        canvas.darken([50, 50, 3, 3], 0);
        canvas.fill([3, 3, -4, 5], [200; 3]);
        assert_eq!(picture.at(0, 0), [9; 3]);
        assert_eq!(picture.at(19, 9), [7; 3]);
        assert!(picture.rgb().contains(&255));
        assert!(!picture.rgb().contains(&200));
    }

    #[test]
    fn large_pictures_are_drawn_with_doubled_pixels() {
        let mut picture = Picture::filled(Size::new(1000, 1000), [0; 3]);
        let mut canvas = PictureCanvas::new(&mut picture);
        assert_eq!((canvas.scale(), canvas.extent()), (2, Size::new(500, 500)));
        canvas.fill([10, 20, 1, 1], [1, 2, 3]);
        for (x, y) in [(20, 40), (21, 40), (20, 41), (21, 41)] {
            assert_eq!(picture.at(x, y), [1, 2, 3]);
        }
        assert_eq!(picture.at(22, 40), [0; 3]);
    }

    #[test]
    fn darkening_halves() {
        let mut picture = Picture::filled(Size::new(4, 4), [100; 3]);
        PictureCanvas::new(&mut picture).darken([0, 0, 2, 4], 128);
        assert_eq!((picture.at(1, 3), picture.at(2, 3)), ([50; 3], [100; 3]));
    }
}
