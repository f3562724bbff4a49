//! Synthetic source: a rendered drive.

use super::{FrameDrops, FrameTimestamp, SourceError, SourceFrame};
use std::time::Instant;
use unmask_drive::{Drive, DriveSettings, GroundTruth};
use unmask_frame::Size;

/// Size of the drive's pictures, px.
pub const SYNTHETIC_SIZE: Size = Size::new(640, 360);

/// A rendered drive, frame after frame, without end.
#[derive(Debug)]
pub struct SyntheticSource {
    drive: Drive,
    rate_hz: f64,
    next: u64,
}

impl SyntheticSource {
    pub(super) fn open(seed: u64, rate_hz: f64) -> Result<Self, SourceError> {
        let drive = Drive::new(DriveSettings {
            seed,
            size: SYNTHETIC_SIZE,
            rate_hz,
            anomalies: true,
        })?;
        Ok(Self {
            drive,
            rate_hz,
            next: 0,
        })
    }

    pub(super) fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    pub(super) fn next(&mut self) -> SourceFrame {
        let start = Instant::now();
        let scene = self.drive.scene(self.next);
        let number = self.next;
        self.next += 1;
        SourceFrame {
            number,
            name: None,
            picture: scene.picture,
            bytes: None,
            truth: Some(GroundTruth {
                instances: scene.instances,
                objects: scene.objects,
            }),
            read: start.elapsed(),
            stamp: FrameTimestamp::regular(number, self.rate_hz),
            drops: FrameDrops::default(),
        }
    }
}
