//! Camera health: checked while a frame is waited for, and on every frame that arrives.

use super::publish::StateChange;
use super::{AlertPipeline, PipelineError, RunEvent};
use crate::health::blind::{BlindChange, BlindLimits, BlindReason, TamperMonitor};
use crate::source::{BadFrame, NextFrame, RunPace, SourceFeed, SourceFrame};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use unmask_alert::{AlertEvent, AlertSeverity};
use unmask_frame::MonotonicTime;

/// Silence is not reported sooner, however fast frames should come: a busy board is not blind.
const LEAST_SILENCE: Duration = Duration::from_millis(200);
/// How often a run that waits for a frame looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// A source that was not there when the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// It was there, or has given a frame.
    No,
    /// It is waited for.
    Yes,
    /// It is waited for, and that was reported.
    Reported,
}

/// Whether anything is seen.
#[derive(Debug)]
pub(super) struct CameraHealth {
    /// `None` for pictures: they may have nothing to do with each other.
    watch: Option<TamperMonitor>,
    realtime: bool,
    awaited: Awaited,
    /// Frame of the last picture.
    frame: u64,
    /// Before the number in every id.
    prefix: String,
    reported: u64,
}

/// A frame or why it cannot be used, and when it was captured.
type CheckedFrame = (Result<SourceFrame, BadFrame>, MonotonicTime);

impl CameraHealth {
    pub fn new(feed: &SourceFeed, pace: RunPace, run_id: &str) -> Self {
        let period = Duration::try_from_secs_f64(1.0 / feed.rate_hz()).unwrap_or(Duration::MAX);
        let watch = (!feed.is_pictures())
            .then(|| TamperMonitor::new(BlindLimits::default(), period.max(LEAST_SILENCE / 3)));
        Self {
            watch,
            realtime: matches!(pace, RunPace::Realtime { .. }),
            awaited: match feed {
                SourceFeed::Open(_) => Awaited::No,
                SourceFeed::Awaited(_) => Awaited::Yes,
            },
            frame: 0,
            prefix: format!("{run_id}-blind"),
            reported: 0,
        }
    }

    /// How long a frame is waited for before [`CameraHealth::wait`] is asked.
    fn patience(&self) -> Duration {
        let watch = self.watch.as_ref().filter(|_| self.realtime);
        watch.map_or(LOOK, |watch| watch.patience().min(LOOK))
    }

    /// No frame came until `now`.
    fn wait(&mut self, now: MonotonicTime) -> Option<BlindChange> {
        let now = Duration::from_nanos(now.0);
        match self.awaited {
            Awaited::Yes if now >= LEAST_SILENCE => {
                self.awaited = Awaited::Reported;
                Some(BlindChange::Raised(BlindReason::Missing))
            }
            Awaited::Yes | Awaited::Reported => None,
            // Only frames that come by themselves can fail to come.
            Awaited::No if self.realtime => self.watch.as_mut()?.check_silence(now),
            Awaited::No => None,
        }
    }

    /// A frame came, whatever it shows: the source is there.
    fn arrive(&mut self) -> Option<BlindChange> {
        let before = std::mem::replace(&mut self.awaited, Awaited::No);
        (before == Awaited::Reported).then_some(BlindChange::Cleared(BlindReason::Missing))
    }

    fn see(
        &mut self,
        frame: &SourceFrame,
        captured: MonotonicTime,
        now: MonotonicTime,
    ) -> Option<BlindChange> {
        self.frame = frame.number;
        let at = if self.realtime {
            Duration::from_nanos(captured.0)
        } else {
            frame.stamp.at
        };
        let watch = self.watch.as_mut()?;
        let change = if let Some(bytes) = &frame.bytes {
            let size = bytes.size();
            watch.observe_pixels(size.w, size.h, &|x, y| bytes.pixel(x, y), at)
        } else {
            let size = frame.picture.size();
            watch.observe(size.w, size.h, frame.picture.rgb(), at)
        };
        if self.realtime {
            // A frame that was long on its way is not silence.
            watch.frame_arrived(Duration::from_nanos(now.0));
        }
        change
    }
}

impl AlertPipeline<'_> {
    /// The next frame; `None` at the end. Blindness is reported on the way.
    pub(super) fn next_frame(
        &mut self,
        on_event: &mut dyn FnMut(RunEvent<'_>),
    ) -> Result<Option<CheckedFrame>, PipelineError> {
        let patience = self.health.patience();
        let (frame, captured) = loop {
            if self.settings.stop.load(Relaxed) || self.is_over() {
                return Ok(None);
            }
            self.follow_clock(on_event)?;
            self.publish_host_changes(on_event)?;
            let next = self.reader.take_within(patience);
            while let Some(event) = self.reader.capture().and_then(|capture| capture.event()) {
                on_event(RunEvent::Camera(&event));
            }
            match next {
                NextFrame::Frame(frame, captured) => break (frame, captured),
                NextFrame::End => return Ok(None),
                NextFrame::Nothing => {
                    let now = self.clock.now();
                    if self.health.awaited != Awaited::No {
                        self.sink.metrics().count_wait();
                    }
                    let change = self.health.wait(now);
                    self.publish_health(change, now, self.clock.unix_ns(now), on_event)?;
                }
            }
        };
        let change = self.health.arrive();
        let now = self.clock.now();
        self.publish_health(change, now, self.clock.unix_ns(now), on_event)?;
        if let Ok(frame) = &frame {
            let change = self.health.see(frame, captured, now);
            let clock_ns = self.clock.unix_ns(captured);
            let unix_ns = frame.stamp.unix_ns.map_or(clock_ns, i128::from);
            self.publish_health(change, captured, unix_ns, on_event)?;
        }
        Ok(Some((frame, captured)))
    }

    fn publish_health(
        &mut self,
        change: Option<BlindChange>,
        captured: MonotonicTime,
        captured_unix_ns: i128,
        on_event: &mut dyn FnMut(RunEvent<'_>),
    ) -> Result<(), PipelineError> {
        let Some(change) = change else {
            return Ok(());
        };
        on_event(RunEvent::Health(change));
        let (event, cause, severity) = match change {
            BlindChange::Raised(cause) => {
                self.health.reported += 1;
                (AlertEvent::Blind, cause, AlertSeverity::High)
            }
            BlindChange::Cleared(cause) => (AlertEvent::End, cause, AlertSeverity::Low),
        };
        let metadata = self.state_metadata(self.health.frame, captured, captured_unix_ns);
        let id: Arc<str> =
            format!("{}-{}-{cause}", self.health.prefix, self.health.reported).into();
        let change = StateChange {
            event,
            id,
            detail: change.to_string(),
            severity,
        };
        self.publish_state(change, &metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Shared, engine, settings};
    use super::super::*;
    use crate::sink::JsonLines;
    use crate::source::{CaptureSettings, FrameRecorder, FrameTimestamp, OpenSource, SourceUri};
    use unmask_frame::Size;

    /// Records a drive of sorts: noise where something is seen, `plain` where nothing is.
    fn recorded(folder: &std::path::Path, frames: &[(u64, Option<u8>)]) {
        let mut recorder = FrameRecorder::create(folder, "s", true, 10.0).unwrap();
        let size = Size::new(256, 128);
        for (number, &(at_ms, plain)) in (0..).zip(frames) {
            let mut picture = Picture::filled(size, [plain.unwrap_or(0); 3]);
            if plain.is_none() {
                for (i, byte) in picture.rgb_mut().iter_mut().enumerate() {
                    let (x, y) = (i / 3 % size.w, i / 3 / size.w);
                    let dark = ((x + 7 * number as usize) / 16 + y / 16).is_multiple_of(2);
                    *byte = if dark { 40 } else { 200 };
                }
            }
            let at = Duration::from_millis(at_ms);
            let frame = SourceFrame {
                number,
                name: None,
                picture,
                bytes: None,
                truth: None,
                read: Duration::ZERO,
                stamp: FrameTimestamp {
                    at,
                    unix_ns: None,
                    captured: Default::default(),
                },
                drops: Default::default(),
            };
            recorder.add(&frame, at, at.as_nanos() as i64).unwrap();
        }
    }

    fn blindness(folder: &std::path::Path, pace: RunPace) -> Vec<(AlertEvent, u64, String)> {
        let camera = OpenSource::open(&SourceUri::Recording(folder.into()), 10.0).unwrap();
        blindness_of(camera.into(), pace)
    }

    fn blindness_of(feed: SourceFeed, pace: RunPace) -> Vec<(AlertEvent, u64, String)> {
        let out = Shared::default();
        let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
        let mut settings = settings("recording:x");
        settings.pace = pace;
        let mut changes = 0;
        let mut engine = engine("mask.onnx");
        let summary = run(
            &mut engine,
            feed,
            &settings,
            &mut sink,
            None,
            &mut |noted| {
                changes += usize::from(matches!(noted, RunEvent::Health(_)));
            },
        );
        summary.unwrap();
        let reported: Vec<_> = out
            .alerts()
            .into_iter()
            .filter(|a| a.id.contains("-blind-"))
            .map(|a| {
                let word = a.id.rsplit_once('-').unwrap().1.to_string();
                (a.event, a.frame, word)
            })
            .collect();
        assert_eq!(reported.len(), changes);
        reported
    }

    #[test]
    fn a_black_stretch_of_a_recording_is_told_at_the_recordings_own_time() {
        let folder = tempfile::tempdir().unwrap();
        let frames: Vec<_> = (0..30)
            .map(|i| (100 * i, (5..15).contains(&i).then_some(3)))
            .collect();
        recorded(folder.path(), &frames);
        let reported = blindness(folder.path(), RunPace::Offline);
        let want = [
            (AlertEvent::Blind, 10, "black".to_string()),
            (AlertEvent::End, 25, "black".to_string()),
        ];
        assert_eq!(reported, want);
    }

    #[test]
    fn a_source_that_is_missing_is_told_until_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let (aside, drive) = (folder.path().join("aside"), folder.path().join("drive"));
        recorded(&aside, &[(0, None), (100, None)]);
        let source = SourceUri::Recording(drive.clone());
        let feed = SourceFeed::open(&source, 10.0, &CaptureSettings::default(), true).unwrap();
        assert!(matches!(feed, SourceFeed::Awaited(_)));
        let coming = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            std::fs::rename(aside, drive).unwrap();
        });
        let reported = blindness_of(feed, RunPace::Realtime { rate_hz: 10.0 });
        coming.join().unwrap();
        let want =
            [AlertEvent::Blind, AlertEvent::End].map(|event| (event, 0, "missing".to_string()));
        assert_eq!(reported, want);
    }

    #[test]
    fn a_run_that_waits_for_its_source_ends_when_it_is_told_to() {
        let source = SourceUri::Pictures("/nowhere/at/all".into());
        let feed = SourceFeed::open(&source, 10.0, &CaptureSettings::default(), true).unwrap();
        let settings = settings("s");
        let stop = settings.stop.clone();
        let start = Instant::now();
        let stopping = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(400));
            stop.store(true, Relaxed);
        });
        let out = Shared::default();
        let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
        let mut engine = engine("mask.onnx");
        let ran = run(&mut engine, feed, &settings, &mut sink, None, &mut |_| {});
        assert_eq!(ran.unwrap().ledger.frames(), 0);
        stopping.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(3));
        let reported: Vec<AlertEvent> = out.alerts().iter().map(|alert| alert.event).collect();
        assert_eq!(reported, [AlertEvent::Blind]);
    }

    #[test]
    fn silence_is_told_while_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path(), &[(0, None), (1500, None)]);
        let reported = blindness(folder.path(), RunPace::Realtime { rate_hz: 10.0 });
        assert_eq!(reported, [(AlertEvent::Blind, 0, "silent".to_string())]);
    }
}
