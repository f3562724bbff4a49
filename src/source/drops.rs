//! Counters of dropped frames, by reason.

use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Sub};

/// Frames lost, by reason. Every frame that a source made is either used, bad, or counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrameDrops {
    /// A newer one came before it was taken.
    #[serde(alias = "overtaken")]
    pub superseded: u64,
    /// The driver's sequence numbers leave it out.
    pub gap: u64,
    /// The driver marked its content as damaged.
    pub corrupt: u64,
    /// It was too old when it arrived.
    pub stale: u64,
}

impl FrameDrops {
    /// Frames lost, for any reason.
    pub fn total(&self) -> u64 {
        self.superseded + self.gap + self.corrupt + self.stale
    }

    /// Whether none was lost.
    pub fn is_none(&self) -> bool {
        self.total() == 0
    }
}

impl Add for FrameDrops {
    type Output = FrameDrops;

    fn add(self, other: FrameDrops) -> FrameDrops {
        FrameDrops {
            superseded: self.superseded + other.superseded,
            gap: self.gap + other.gap,
            corrupt: self.corrupt + other.corrupt,
            stale: self.stale + other.stale,
        }
    }
}

impl AddAssign for FrameDrops {
    fn add_assign(&mut self, other: FrameDrops) {
        *self = *self + other;
    }
}

impl Sub for FrameDrops {
    type Output = FrameDrops;

    /// What came on top of `earlier`.
    fn sub(self, earlier: FrameDrops) -> FrameDrops {
        FrameDrops {
            superseded: self.superseded.saturating_sub(earlier.superseded),
            gap: self.gap.saturating_sub(earlier.gap),
            corrupt: self.corrupt.saturating_sub(earlier.corrupt),
            stale: self.stale.saturating_sub(earlier.stale),
        }
    }
}

impl std::fmt::Display for FrameDrops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.total())?;
        let causes = [
            (self.superseded, "superseded by a newer one"),
            (self.gap, "missing in the driver's sequence"),
            (self.corrupt, "marked damaged by the driver"),
            (self.stale, "too old"),
        ];
        let named: Vec<String> = causes
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_add_up_and_are_named() {
        let a = FrameDrops {
            superseded: 2,
            gap: 1,
            ..FrameDrops::default()
        };
        let b = FrameDrops {
            corrupt: 4,
            stale: 8,
            ..FrameDrops::default()
        };
        let mut sum = a;
        sum += b;
        assert_eq!((sum.total(), sum - b), (15, a));
        assert_eq!((a - sum).total(), 0);
        assert!(FrameDrops::default().is_none() && !a.is_none());
        assert_eq!(FrameDrops::default().to_string(), "0");
        assert_eq!(
            a.to_string(),
            "3 (2 superseded by a newer one, 1 missing in the driver's sequence)"
        );
    }
}
