//! Loopback: bytes written to the output arrive at the camera bit for bit.

use super::{CaseTrial, FoundCamera};
use crate::pictures;
use crate::video::{OutputStream, PictureFeeder, RawFourCc, VideoDevice, name};
use anyhow::{Context, bail};
use std::collections::BTreeSet;

/// The camera under test.
pub const CAMERA: &str = "/dev/video0";
/// What feeds it.
pub const OUTPUT: &str = "/dev/video9";
/// Size of the pictures on the line, and the number of their timings: 640x480 at 60 Hz.
pub const SIZE: (u32, u32) = (640, 480);
const TIMINGS: u32 = 0;
/// Different pictures on the line.
pub const PICTURES: usize = 4;

/// The formats that the board feeds.
pub const FORMATS: [RawFourCc; 7] = [
    *b"YUYV", *b"UYVY", *b"NV12", *b"NV21", *b"RGB3", *b"BGR3", *b"GREY",
];

/// Connects the camera to the output and feeds noise in a format. Gives the pictures.
pub fn feed(pixels: RawFourCc) -> anyhow::Result<(PictureFeeder, Vec<Vec<u8>>)> {
    let (output, bytes) = connect(pixels)?;
    let pictures = pictures::noise(PICTURES, bytes);
    Ok((PictureFeeder::start(output, &pictures)?, pictures))
}

/// Connects the camera to the output. Gives the output and the bytes of a picture.
pub fn connect(pixels: RawFourCc) -> anyhow::Result<(VideoDevice, usize)> {
    let camera = VideoDevice::camera(CAMERA)?;
    let output = VideoDevice::output(OUTPUT)?;
    if !camera.formats().contains(&pixels) {
        bail!("the driver has no {}", name(pixels));
    }
    camera.set_input(1)?;
    output.set_timings(TIMINGS)?;
    camera.set_timings(TIMINGS)?;
    camera.set_control("is_connected_to", 2)?;
    camera.set_control("osd_text_mode", 2)?;
    let size = camera.set_format(pixels, SIZE.0, SIZE.1)?;
    let same = output.set_format(pixels, SIZE.0, SIZE.1)?;
    if size != same {
        bail!("the camera wants {size} bytes a picture, the output {same}");
    }
    Ok((output, size))
}

/// The output again, once the feeder before is stopped; the camera may be read meanwhile.
pub fn reconnect(pixels: RawFourCc) -> anyhow::Result<(VideoDevice, usize)> {
    let output = VideoDevice::output(OUTPUT)?;
    let size = output.set_format(pixels, SIZE.0, SIZE.1)?;
    Ok((output, size))
}

/// The line itself, read in the plainest way: what fails here is the board's, not the product's.
pub fn trials() -> Vec<CaseTrial> {
    FORMATS
        .into_iter()
        .map(|pixels| {
            CaseTrial::new(
                format!("line/{}", name(pixels)),
                "the board feeds pictures and reads them itself",
                move || whole(pixels),
            )
        })
        .collect()
}

fn whole(pixels: RawFourCc) -> FoundCamera {
    let (feeder, pictures) = feed(pixels)?;
    let wanted: Vec<u64> = pictures.iter().map(|p| pictures::hash(p)).collect();
    let camera = VideoDevice::camera(CAMERA)?;
    camera.set_format(pixels, SIZE.0, SIZE.1)?;
    let stream = OutputStream::start(camera)?;
    let mut seen = BTreeSet::new();
    let mut other = 0;
    let frames = 12;
    for _ in 0..frames {
        let hash = stream.next(pictures::hash)?;
        match wanted.iter().position(|&w| w == hash) {
            Some(at) => {
                seen.insert(at);
            }
            None => other += 1,
        }
    }
    drop(stream);
    feeder.stop().context("while the camera was read")?;
    if other > 0 || seen.len() < 2 {
        bail!(
            "of {frames} frames {other} are none of the pictures, {} of {PICTURES} pictures seen",
            seen.len()
        );
    }
    Ok(format!(
        "{frames} frames bit-exact, {} of {PICTURES} pictures seen",
        seen.len()
    ))
}
