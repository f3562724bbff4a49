//! Selects the newest valid frame of the filled buffers, and counts those lost.

use super::{CaptureSession, CapturedFrame, LossReason, LostFrames, MIN_SILENCE, SILENT_PERIODS};
use crate::FilledBuffer;
use crate::sequence::SequenceStep;
use crate::timestamp_clock::{ClockEvent, FrameAge};
use std::time::Instant;

impl CaptureSession {
    /// Of `filled` and what came after it the newest frame that is good.
    pub(super) fn newest(&mut self, buffer: FilledBuffer) -> Option<CapturedFrame> {
        let mut best = self.process_buffer(buffer);
        loop {
            let taken = match &self.live {
                Some(live) => live.stream.take(),
                None => return best,
            };
            match taken {
                Ok(Some(buffer)) => {
                    if let Some(newer) = self.process_buffer(buffer)
                        && best.replace(newer).is_some()
                    {
                        self.count_lost(|lost| lost.superseded += 1);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    if let Some(live) = &mut self.live {
                        live.pending = Some(error);
                    }
                    break;
                }
            }
        }
        if let Some(frame) = &mut best {
            frame.lost = std::mem::take(&mut self.lost);
            self.rejected_before = std::mem::take(&mut self.rejected);
            self.handle.update(|report| report.frames += 1);
            let now = self.kernel.monotonic();
            if let Some((took, tries)) = self.outage.frame_arrived(now) {
                self.handle.update(|report| {
                    report.recovered += 1;
                    report.longest_outage = report.longest_outage.max(took);
                });
                let text = format!(
                    "frames come again after {:.2} s, {tries} tries",
                    took.as_secs_f64()
                );
                self.report_event(LossReason::Recovered, text);
            }
        }
        best
    }

    /// Takes back `frame`, which [`CaptureSession::next`] gave and whose decoder finds it damaged: it is
    /// counted like one that the driver marks, and a row of them is one event. What was lost before
    /// it counts as lost before the next.
    pub fn reject(&mut self, number: u64, lost: LostFrames, why: &str) {
        self.lost.gap += lost.gap;
        self.lost.superseded += lost.superseded;
        self.lost.corrupt += lost.corrupt;
        self.lost.stale += lost.stale;
        self.handle
            .update(|report| report.frames = report.frames.saturating_sub(1));
        self.count_lost(|lost| lost.corrupt += 1);
        self.rejected = true;
        if self.rejected_before {
            self.handle.count(LossReason::Corrupt);
        } else {
            self.report_event(
                LossReason::Corrupt,
                format!("frame {number} is damaged: {why}"),
            );
        }
    }

    fn count_lost(&mut self, count: impl Fn(&mut LostFrames)) {
        count(&mut self.lost);
        self.handle.update(|report| count(&mut report.lost));
    }

    /// Counts a buffer, and makes a frame of it if it is good.
    fn process_buffer(&mut self, buffer: FilledBuffer) -> Option<CapturedFrame> {
        let (now, wall, arrived) = (
            self.kernel.monotonic(),
            self.kernel.realtime(),
            Instant::now(),
        );
        let done = *buffer.dequeued();
        let live = self.live.as_mut()?;
        live.last_buffer = now;
        let format = live.format;
        let late = MIN_SILENCE.max(live.period * SILENT_PERIODS);
        match live.sequence.update(done.sequence) {
            SequenceStep::After(0) => {}
            SequenceStep::After(missing) => {
                self.number += u64::from(missing);
                self.count_lost(|lost| lost.gap += u64::from(missing));
            }
            SequenceStep::Anew => {
                let text = format!("the driver counts frames again, from {}", done.sequence);
                self.report_event(LossReason::Sequence, text);
            }
        }
        let number = self.number;
        self.number += 1;
        // Where rows have a length, all of them must be there.
        let least = if format.stride > 0 {
            format.bytes as usize
        } else {
            1
        };
        let short = buffer.len() < least;
        if done.flags.is_corrupt() || short {
            self.count_lost(|lost| lost.corrupt += 1);
            if !std::mem::replace(&mut self.damaged, true) {
                let why = if short {
                    format!("it has {} of {least} bytes", buffer.len())
                } else {
                    "the driver says so".into()
                };
                self.report_event(
                    LossReason::Corrupt,
                    format!("frame {number} is damaged: {why}"),
                );
            } else {
                self.handle.count(LossReason::Corrupt);
            }
            return None;
        }
        self.damaged = false;
        let (age, event) = self
            .timestamp_clock
            .observe(done.stamp, done.flags, now, wall);
        if let Some(event) = event {
            let clock = &self.timestamp_clock;
            self.handle.update(|report| report.set_clock(clock));
            self.report_clock_event(event);
        }
        if let FrameAge::Known(age) = age
            && age > late
        {
            self.count_lost(|lost| lost.stale += 1);
            return None;
        }
        Some(CapturedFrame {
            buffer,
            format,
            number,
            age,
            arrived,
            lost: LostFrames::default(),
        })
    }

    fn report_clock_event(&mut self, event: ClockEvent) {
        let ms = |ns: i64| ns as f64 / 1e6;
        match event {
            ClockEvent::Settled(domain, offset) => {
                let word = domain.as_str();
                let text = if offset == 0 {
                    format!("stamps are of the clock: {word}")
                } else {
                    format!(
                        "stamps are of the clock: {word}, {:.3} ms taken off",
                        ms(offset)
                    )
                };
                self.report_event(LossReason::Clock, text);
            }
            ClockEvent::Jumped(off) => {
                let text = format!("stamps jumped by {:.3} ms: measured again", ms(-off));
                self.report_event(LossReason::Jump, text);
            }
        }
    }
}
