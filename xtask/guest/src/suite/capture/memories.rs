//! Every pixel format in every kind of memory, bit for bit.

use super::super::line::{self, FORMATS, PICTURES, SIZE};
use super::watch::preset;
use super::{CaseTrial, FoundCamera, VividCamera, control};
use crate::pictures;
use crate::video::{RawFourCc, name};
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use unmask_v4l2::MemoryKind;

const KINDS: [(MemoryKind, &str); 3] = [
    (MemoryKind::Mmap, "mmap"),
    (MemoryKind::User, "userptr"),
    (MemoryKind::Shared, "dmabuf"),
];

pub(super) fn trials() -> Vec<CaseTrial> {
    let mut all = Vec::new();
    for pixels in FORMATS {
        for (kind, word) in KINDS {
            all.push(CaseTrial::new(
                format!("picture/{}-{word}", name(pixels)),
                "pictures are fed in and read",
                move || whole(pixels, kind),
            ));
        }
    }
    for (kind, word) in KINDS {
        all.push(CaseTrial::new(
            format!("held/{word}"),
            "a frame is held while twenty more are captured",
            move || held(kind),
        ));
    }
    all
}

fn whole(pixels: RawFourCc, kind: MemoryKind) -> FoundCamera {
    let (feeder, pictures) = line::feed(pixels)?;
    let camera = VividCamera::start_as(kind, (pixels, SIZE.0, SIZE.1))?;
    let frames = 12;
    let mut seen = BTreeSet::new();
    for number in 0..frames {
        let frame = camera.frame()?;
        let Some(at) = pictures.iter().position(|picture| picture[..] == frame[..]) else {
            bail!("frame {number} is none of the pictures")
        };
        if kind != MemoryKind::Mmap && !camera.lies_in_lent(&frame) {
            bail!("frame {number} does not lie in the memory that was lent");
        }
        seen.insert(at);
    }
    drop(camera);
    feeder.stop().context("while the camera was read")?;
    if seen.len() < 2 {
        bail!("of {PICTURES} pictures only {} came", seen.len());
    }
    Ok(format!(
        "{frames} frames bit-exact, 0 copies{}",
        if kind == MemoryKind::Mmap {
            " (read in the driver's memory)"
        } else {
            ", each in the memory that was lent"
        }
    ))
}

fn held(kind: MemoryKind) -> FoundCamera {
    preset()?;
    // Time and number of each frame are written into it: no two are the same.
    control("osd_text_mode", 0)?;
    let camera = VividCamera::start(kind)?;
    let frame = camera.frame()?;
    let before = pictures::hash(&frame);
    let first = frame.dequeued().sequence;
    let mut others = BTreeSet::new();
    for _ in 0..20 {
        let other = camera.frame()?;
        if other.dequeued().index == frame.dequeued().index {
            bail!("the driver filled a buffer that was being read");
        }
        others.insert(pictures::hash(&other));
    }
    if pictures::hash(&frame) != before {
        bail!("frame {first} changed while it was read");
    }
    if others.len() < 2 {
        bail!("the picture does not move: this case could not fail");
    }
    Ok("the frame did not change, its buffer was not filled again".into())
}
