//! Scenes for the camera: a road with a square on it, or nothing.

use super::super::line;
use crate::pictures;
use crate::video::{PictureFeeder, RawFourCc};
use anyhow::{Context, ensure};
use serde_json::Value;

/// The format and size of the line.
const FORMAT: RawFourCc = *b"RGB3";
pub const SIZE: (u32, u32) = line::SIZE;
/// The square, px: left, upper edge, width, height.
const SQUARE: [u32; 4] = [260, 280, 120, 120];
/// Pictures that lie ready: the feeder may be kept from its work for so many frames.
const WAITING: usize = 8;
/// Side of the road's stones, px.
const STONE: u32 = 20;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ShownScene {
    /// A red road of lighter and darker stones with a black square on it.
    Square,
    /// A lens that is covered.
    Black,
}

/// Shows it until the feeder is stopped. No picture has the noise of another, as with a sensor.
pub fn show(what: ShownScene) -> anyhow::Result<PictureFeeder> {
    let (output, bytes) = line::connect(FORMAT)?;
    PictureFeeder::start_altered(output, &painted(bytes, what), renew)
}

/// Shows something else to a camera that may be read meanwhile.
pub fn show_instead(before: PictureFeeder, what: ShownScene) -> anyhow::Result<PictureFeeder> {
    before.stop()?;
    show_again(what)
}

/// As [`show`], to a camera that may be read meanwhile.
pub fn show_again(what: ShownScene) -> anyhow::Result<PictureFeeder> {
    let (output, bytes) = line::reconnect(FORMAT)?;
    PictureFeeder::start_altered(output, &painted(bytes, what), renew)
}

fn painted(bytes: usize, what: ShownScene) -> Vec<Vec<u8>> {
    let mut pictures = pictures::noise(WAITING, bytes);
    for picture in &mut pictures {
        paint(picture, what);
    }
    pictures
}

/// Other noise in the first row. Who reads every eighth frame, as a slow machine does, would see
/// the same picture over and over otherwise, which is what a frozen camera shows.
fn renew(picture: &mut [u8], shown: u64) {
    let mut state = shown.wrapping_add(1);
    for byte in picture.iter_mut().take(SIZE.0 as usize * 3) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte ^= (state >> 62) as u8;
    }
}

/// Turns noise into a picture with a little noise.
fn paint(picture: &mut [u8], what: ShownScene) {
    let (w, _) = SIZE;
    let (pixels, _) = picture.as_chunks_mut::<3>();
    for (place, pixel) in (0u32..).zip(pixels) {
        let (x, y) = (place % w, place / w);
        let light = (x / STONE + y / STONE).is_multiple_of(2);
        let colour = match what {
            ShownScene::Black => [0; 3],
            ShownScene::Square if inside(x, y) => [0; 3],
            ShownScene::Square if light => [248, 0, 0],
            ShownScene::Square => [190, 0, 0],
        };
        for (byte, base) in pixel.iter_mut().zip(colour) {
            *byte = base + (*byte & 3);
        }
    }
}

fn inside(x: u32, y: u32) -> bool {
    let [left, top, w, h] = SQUARE;
    (left..left + w).contains(&x) && (top..top + h).contains(&y)
}

/// How much of `told` (a box of an alert) and the square is the same: 1 all, 0 nothing.
pub fn overlap(reported: &Value) -> anyhow::Result<f64> {
    let reported: Vec<f64> =
        serde_json::from_value(reported.clone()).context("the alert has no box")?;
    ensure!(
        reported.len() == 4,
        "the alert's box has {} numbers",
        reported.len()
    );
    let square = SQUARE.map(f64::from);
    let side = |at: usize| {
        let from = reported[at].max(square[at]);
        let to = (reported[at] + reported[at + 2]).min(square[at] + square[at + 2]);
        (to - from).max(0.0)
    };
    let both = side(0) * side(1);
    let either = reported[2] * reported[3] + square[2] * square[3] - both;
    Ok(both / either)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_box_overlaps_whole_and_another_not() {
        let of = |text: &str| overlap(&serde_json::from_str(text).unwrap());
        assert_eq!(of("[260,280,120,120]").unwrap(), 1.0);
        assert_eq!(of("[260,280,120,60]").unwrap(), 0.5);
        assert_eq!(of("[0,0,50,50]").unwrap(), 0.0);
        assert!(of("[1,2,3]").is_err() && of("null").is_err());
    }

    #[test]
    fn a_picture_that_is_shown_again_has_other_noise_and_the_same_scene() {
        let bytes = (SIZE.0 * SIZE.1 * 3) as usize;
        let before = &painted(bytes, ShownScene::Square)[0];
        let mut again = before.clone();
        renew(&mut again, 0);
        let first = again.clone();
        renew(&mut again, WAITING as u64);
        assert!(*before != first && first != again && *before != again);
        assert!(before.iter().zip(&again).all(|(a, b)| a.abs_diff(*b) < 4));
    }

    #[test]
    fn a_painted_picture_has_road_square_and_noise() {
        let bytes = (SIZE.0 * SIZE.1 * 3) as usize;
        let mut pictures = pictures::noise(2, bytes);
        pictures
            .iter_mut()
            .for_each(|p| paint(p, ShownScene::Square));
        assert_ne!(pictures[0], pictures[1]);
        let at = |x: u32, y: u32| pictures[0][((y * SIZE.0 + x) * 3) as usize];
        assert!(at(0, 0) >= 248 && at(20, 0) < 200 && at(300, 300) < 4);
    }
}
