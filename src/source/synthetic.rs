//! The synthetic drive as a source.

use super::{CameraError, Drops, Shot, Stamp};
use std::time::Instant;
use unmask_drive::{Drive, Settings, Truth};
use unmask_frame::Size;

/// Size of the drive's pictures, px.
pub const SYNTHETIC_SIZE: Size = Size::new(640, 360);

/// A rendered drive, frame after frame, without end.
#[derive(Debug)]
pub struct Synthetic {
    drive: Drive,
    rate_hz: f64,
    next: u64,
}

impl Synthetic {
    pub(super) fn open(seed: u64, rate_hz: f64) -> Result<Self, CameraError> {
        let drive = Drive::new(Settings {
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

    pub(super) fn next(&mut self) -> Shot {
        let start = Instant::now();
        let scene = self.drive.scene(self.next);
        let number = self.next;
        self.next += 1;
        Shot {
            number,
            name: None,
            picture: scene.picture,
            bytes: None,
            truth: Some(Truth {
                instances: scene.instances,
                objects: scene.objects,
            }),
            read: start.elapsed(),
            stamp: Stamp::regular(number, self.rate_hz),
            drops: Drops::default(),
        }
    }
}
