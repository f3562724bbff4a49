//! The contact sheet: the frames of a run with the highest scores on one picture.

use super::canvas::PictureCanvas;
use unmask_frame::{Picture, Size};

/// Tiles a row.
const COLUMNS: usize = 3;
/// Width of a tile, px.
pub(super) const TILE_W: usize = 400;
const GAP: usize = 12;
const CAPTION: usize = 20;
const HEAD: usize = 34;
const PAPER: [u8; 3] = [18, 18, 22];
const INK: [u8; 3] = [240, 240, 245];
const DIM: [u8; 3] = [160, 160, 170];

/// A small picture with a line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetTile {
    /// The picture, at any size.
    pub picture: Picture,
    /// What stands below it.
    pub caption: String,
}

/// Lays `tiles` out, three per row, below `title`.
pub fn contact_sheet(title: &str, tiles: &[SheetTile]) -> Picture {
    let small: Vec<Picture> = tiles.iter().map(|t| shrink(&t.picture, TILE_W)).collect();
    let tile_h = small.iter().map(|p| p.size().h).max().unwrap_or(0);
    let columns = tiles.len().clamp(1, COLUMNS);
    let rows = tiles.len().div_ceil(COLUMNS);
    let size = Size::new(
        GAP + columns * (TILE_W + GAP),
        HEAD + rows * (tile_h + CAPTION + GAP) + GAP,
    );
    let mut sheet = Picture::filled(size, PAPER);
    let place = |i: usize| {
        let (column, row) = (i % COLUMNS, i / COLUMNS);
        let x = GAP + column * (TILE_W + GAP);
        (x, HEAD + row * (tile_h + CAPTION + GAP))
    };
    for (i, picture) in small.iter().enumerate() {
        let (x, y) = place(i);
        paste(&mut sheet, picture, x, y);
    }
    let mut canvas = PictureCanvas::plain(&mut sheet);
    canvas.text(title, GAP as i32, 10, INK, None);
    let most = TILE_W / canvas.text_width("m").max(1) as usize;
    for (i, tile) in tiles.iter().enumerate() {
        let (x, y) = place(i);
        let caption: String = tile.caption.chars().take(most).collect();
        canvas.text(&caption, x as i32, (y + tile_h + 4) as i32, DIM, None);
    }
    sheet
}

/// `picture` at width `w` (never larger than it is), averaged.
pub(super) fn shrink(picture: &Picture, w: usize) -> Picture {
    let size = picture.size();
    if size.w <= w || size.h == 0 {
        return picture.clone();
    }
    let h = (size.h * w / size.w).max(1);
    let small = image::RgbImage::from_raw(size.w as u32, size.h as u32, picture.rgb().to_vec())
        .map(|whole| {
            image::imageops::resize(
                &whole,
                w as u32,
                h as u32,
                image::imageops::FilterType::Triangle,
            )
        })
        .and_then(|small| Picture::new(Size::new(w, h), small.into_raw()));
    small.unwrap_or_else(|| picture.clone())
}

fn paste(onto: &mut Picture, picture: &Picture, x: usize, y: usize) {
    let (large, small) = (onto.size(), picture.size());
    let width = small.w.min(large.w.saturating_sub(x)) * 3;
    for (row, line) in picture.rgb().chunks_exact(small.w.max(1) * 3).enumerate() {
        if y + row < large.h {
            let at = ((y + row) * large.w + x) * 3;
            onto.rgb_mut()[at..at + width].copy_from_slice(&line[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(colour: [u8; 3]) -> SheetTile {
        SheetTile {
            picture: Picture::filled(Size::new(640, 360), colour),
            caption: "frame 1: #1 begins, a caption that is far too long for its tile, by some"
                .into(),
        }
    }

    #[test]
    fn tiles_stand_in_rows_of_three() {
        let tiles: Vec<SheetTile> = (0..4).map(|i| tile([i * 60 + 10, 0, 0])).collect();
        let sheet = contact_sheet("a run", &tiles);
        assert_eq!(
            sheet.size(),
            Size::new(12 + 3 * 412, 34 + 2 * (225 + 32) + 12)
        );
        let at =
            |column: usize, row: usize| sheet.at(12 + column * 412 + 200, 34 + row * 257 + 100)[0];
        assert_eq!([at(0, 0), at(1, 0), at(2, 0), at(0, 1)], [10, 70, 130, 190]);
        assert_eq!(at(1, 1), PAPER[0]);
    }

    #[test]
    fn an_empty_sheet_and_tiny_pictures_are_drawn() {
        assert!(contact_sheet("nothing", &[]).size().h > 0);
        let small = SheetTile {
            picture: Picture::filled(Size::new(3, 2), [1; 3]),
            caption: "x".into(),
        };
        assert_eq!(contact_sheet("one", &[small]).at(12, 34), [1; 3]);
    }

    #[test]
    fn shrinking_keeps_the_shape_and_never_enlarges() {
        let picture = Picture::filled(Size::new(1000, 500), [9; 3]);
        assert_eq!(shrink(&picture, 100).size(), Size::new(100, 50));
        assert_eq!(shrink(&picture, 2000).size(), picture.size());
        assert_eq!(
            shrink(&Picture::filled(Size::new(900, 1), [9; 3]), 3).size(),
            Size::new(3, 1)
        );
    }
}
