//! Source reader: reads ahead on a thread of its own.

use super::queue::{FrameQueue, QueueItem};
use super::{
    BadFrame, CaptureWatch, FrameDrops, OpenSource, SourceClock, SourceError, SourceFeed,
    SourceFrame,
};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use unmask_frame::{MonotonicTime, WhenFull};

/// Frames that wait for the engine where none may be lost: one ready, one in the making.
const READ_AHEAD: usize = 2;
/// Frames that wait where only the newest counts.
const NEWEST: usize = 1;

/// How long the end of a run waits for the reading thread: one that hangs in a read of a network
/// mount or a device is left behind.
const JOIN_PATIENCE: Duration = Duration::from_millis(500);
/// How often it checks whether the thread has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// When frames come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunPace {
    /// As fast as they are taken; none is lost. A frame counts as captured when it is taken.
    Offline,
    /// At a fixed rate, or as they were recorded, whether or not they are taken: a frame that a
    /// newer one supersedes is dropped and counted.
    Realtime {
        /// Frames a second of a source that has no times of its own, Hz.
        rate_hz: f64,
    },
}

/// A frame with its time, or why there is none.
#[derive(Debug)]
struct ReaderItem {
    frame: Result<SourceFrame, BadFrame>,
    captured: Option<MonotonicTime>,
    /// What the source itself lost, up to here.
    dropped: FrameDrops,
}

/// Result of waiting for a frame.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "taken apart at once")]
pub enum NextFrame {
    /// A frame, or why there is none in its place, and when it was captured.
    Frame(Result<SourceFrame, BadFrame>, MonotonicTime),
    /// No frame came in time.
    Nothing,
    /// The source has ended.
    End,
}

/// A camera on its own thread.
#[derive(Debug)]
pub struct SourceReader {
    queue: Arc<FrameQueue<ReaderItem>>,
    clock: SourceClock,
    /// Frames lost up to the last one taken.
    lost: Cell<FrameDrops>,
    /// How the camera goes, once it is known to be one.
    capture: Arc<OnceLock<CaptureWatch>>,
    /// Whether the source is not there yet.
    missing: Arc<AtomicBool>,
    /// Why a source that was waited for cannot be used.
    failed: Arc<Mutex<Option<SourceError>>>,
    thread: Option<JoinHandle<()>>,
}

impl SourceReader {
    /// Starts reading up to `frames` frames (all, where `None`) from a camera, or from a source
    /// that is waited for.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        feed: impl Into<SourceFeed>,
        clock: SourceClock,
        pace: RunPace,
        frames: Option<u64>,
    ) -> Result<Self, SourceError> {
        let queue = Arc::new(match pace {
            RunPace::Offline => FrameQueue::new(READ_AHEAD, WhenFull::Block),
            RunPace::Realtime { .. } => FrameQueue::new(NEWEST, WhenFull::Drop),
        });
        let feed = feed.into();
        let capture = Arc::new(OnceLock::new());
        if let Some(watch) = feed.capture() {
            capture.get_or_init(|| watch);
        }
        let mut reader = Self {
            queue,
            clock,
            lost: Cell::default(),
            capture,
            missing: Arc::new(AtomicBool::new(matches!(feed, SourceFeed::Awaited(_)))),
            failed: Arc::default(),
            thread: None,
        };
        let (to, capture) = (reader.queue.clone(), reader.capture.clone());
        let (missing, failed) = (reader.missing.clone(), reader.failed.clone());
        let thread = std::thread::Builder::new()
            .name("camera".into())
            .spawn(move || {
                let to = EndOnDrop(&to);
                let opened = match feed {
                    SourceFeed::Open(camera) => Ok(Some(camera)),
                    SourceFeed::Awaited(awaited) => awaited.open(&|time| to.0.pause(time)),
                };
                match opened {
                    Ok(Some(camera)) => {
                        if let Some(watch) = camera.capture() {
                            capture.get_or_init(|| watch);
                        }
                        missing.store(false, Relaxed);
                        read(camera, clock, pace, frames.unwrap_or(u64::MAX), to.0);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                }
            })
            .map_err(|source| SourceError::Thread { source })?;
        reader.thread = Some(thread);
        Ok(reader)
    }

    /// Whether the source is not there yet: it is looked for again and again.
    pub fn is_missing(&self) -> bool {
        self.missing.load(Relaxed)
    }

    /// Why a source that was waited for, and has come, cannot be used.
    pub fn failure(&self) -> Option<SourceError> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take()
    }

    /// The next frame with the moment it was captured; `None` at the end. The frame's `drops` are
    /// all that were lost since the one taken before.
    pub fn take(&self) -> Option<(Result<SourceFrame, BadFrame>, MonotonicTime)> {
        let (item, superseded) = self.queue.take()?;
        Some(self.to_next_frame(item, superseded))
    }

    /// Like [`SourceReader::take`], but waits no longer than `patience`.
    pub fn take_within(&self, patience: Duration) -> NextFrame {
        match self.queue.take_until(Instant::now().checked_add(patience)) {
            QueueItem::Value(item, superseded) => {
                let (shot, captured) = self.to_next_frame(item, superseded);
                NextFrame::Frame(shot, captured)
            }
            QueueItem::Nothing => NextFrame::Nothing,
            QueueItem::End => NextFrame::End,
        }
    }

    fn to_next_frame(
        &self,
        item: ReaderItem,
        superseded: u64,
    ) -> (Result<SourceFrame, BadFrame>, MonotonicTime) {
        let ReaderItem {
            frame: mut shot,
            captured,
            dropped: lost,
        } = item;
        if let Ok(shot) = &mut shot {
            let superseded = FrameDrops {
                superseded,
                ..FrameDrops::default()
            };
            let lost = lost + superseded;
            shot.drops = lost - self.lost.replace(lost);
        }
        (shot, captured.unwrap_or_else(|| self.clock.now()))
    }

    /// How the camera goes, where it is one.
    pub fn capture(&self) -> Option<&CaptureWatch> {
        self.capture.get()
    }

    /// Frames lost: those that the source lost before the last one taken, and those dropped
    /// because a newer one came before they were taken.
    pub fn dropped(&self) -> u64 {
        let lost = self.lost.get();
        // Some may have been superseded after the last frame was taken.
        (lost.total() - lost.superseded) + lost.superseded.max(self.queue.dropped())
    }
}

impl Drop for SourceReader {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(capture) = self.capture.get() {
            capture.stop();
        }
        let Some(thread) = self.thread.take() else {
            return;
        };
        let deadline = Instant::now() + JOIN_PATIENCE;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(POLL_INTERVAL);
        }
        if thread.is_finished() {
            // A panic over there has been printed; the frames up to it have been taken.
            let _ = thread.join();
        }
    }
}

/// Ends the queue however the thread ends: whoever waits at the other side must continue.
struct EndOnDrop<'a>(&'a FrameQueue<ReaderItem>);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Gives what `camera` gives until it ends, or the receiver has gone.
fn read(
    mut camera: OpenSource,
    clock: SourceClock,
    pace: RunPace,
    frames: u64,
    queue: &FrameQueue<ReaderItem>,
) {
    let start = clock.now();
    let recorded = matches!(camera, OpenSource::Recording(_));
    let live = camera.is_live();
    let (mut lost, mut due) = (FrameDrops::default(), Duration::ZERO);
    for i in 0..frames {
        let Some(shot) = camera.next() else { return };
        if let Ok(shot) = &shot {
            lost += shot.drops;
        }
        let instant = match &shot {
            Ok(shot) => shot.stamp.captured.instant().copied(),
            Err(_) => None,
        };
        let captured = match pace {
            _ if live => Some(instant.map_or_else(|| clock.now(), |then| clock.since_start(then))),
            RunPace::Offline => None,
            RunPace::Realtime { rate_hz } => {
                due = match &shot {
                    Ok(shot) if recorded => shot.stamp.at,
                    Err(_) if recorded => due,
                    _ => Duration::try_from_secs_f64(i as f64 / rate_hz).unwrap_or(Duration::MAX),
                };
                let wait = start.after(due).since(clock.now());
                if !wait.is_zero() && !queue.pause(wait) {
                    return;
                }
                Some(clock.now())
            }
        };
        let item = ReaderItem {
            frame: shot,
            captured,
            dropped: lost,
        };
        if !queue.send(item) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AwaitedSource, CaptureSettings, FrameRecorder, SourceUri};
    use super::*;

    fn camera() -> OpenSource {
        OpenSource::open(&SourceUri::Synthetic(3), 10.0).unwrap()
    }

    #[test]
    fn frames_come_in_order_and_stop_at_the_limit() {
        let clock = SourceClock::start();
        let reader = SourceReader::start(camera(), clock, RunPace::Offline, Some(4)).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| reader.take()).collect();
        let numbers: Vec<u64> = taken.iter().map(|t| t.0.as_ref().unwrap().number).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert!(taken.windows(2).all(|w| w[0].1 <= w[1].1));
        assert_eq!(reader.dropped(), 0);
    }

    #[test]
    fn in_real_time_the_newest_is_taken_and_the_superseded_are_counted() {
        let clock = SourceClock::start();
        let pace = RunPace::Realtime { rate_hz: 1000.0 };
        let reader = SourceReader::start(camera(), clock, pace, Some(6)).unwrap();
        // The thread ends by itself: nothing waits for a taker.
        while !reader.thread.as_ref().unwrap().is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let last = reader.take().unwrap().0.unwrap();
        assert_eq!((last.number, last.drops.superseded), (5, 5));
        assert!(reader.take().is_none());
        assert_eq!(reader.dropped(), 5);
    }

    #[test]
    fn in_real_time_frames_keep_their_distance() {
        let clock = SourceClock::start();
        let pace = RunPace::Realtime { rate_hz: 5.0 };
        let reader = SourceReader::start(camera(), clock, pace, Some(3)).unwrap();
        let at: Vec<MonotonicTime> = std::iter::from_fn(|| reader.take()).map(|t| t.1).collect();
        assert!(at[2].since(at[0]) >= Duration::from_millis(200));
    }

    #[test]
    fn a_recording_keeps_its_own_times_and_losses() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = FrameRecorder::create(folder.path(), "s", true, 5.0).unwrap();
        let mut camera = camera();
        for (i, at_ms) in [0, 10, 60].into_iter().enumerate() {
            let mut shot = camera.next().unwrap().unwrap();
            shot.drops.gap = i as u64;
            let at = Duration::from_millis(at_ms);
            recorder.add(&shot, at, at.as_nanos() as i64).unwrap();
        }
        let source = SourceUri::Recording(folder.path().into());
        let open = || OpenSource::open(&source, 0.1).unwrap();
        let clock = SourceClock::start();
        // The pace would give a frame every 10 seconds.
        let pace = RunPace::Realtime { rate_hz: 0.1 };
        let reader = SourceReader::start(open(), clock, pace, None).unwrap();
        let start = Instant::now();
        while reader.take().is_some() {}
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(reader.dropped() - reader.queue.dropped(), 3);

        let reader = SourceReader::start(open(), clock, RunPace::Offline, None).unwrap();
        let gaps: Vec<u64> = std::iter::from_fn(|| reader.take())
            .map(|(shot, _)| shot.unwrap().drops.gap)
            .collect();
        assert_eq!((gaps, reader.dropped()), (vec![0, 1, 2], 3));
    }

    #[test]
    fn a_frame_that_does_not_come_is_reported() {
        let pace = RunPace::Realtime { rate_hz: 1.0 };
        let reader = SourceReader::start(camera(), SourceClock::start(), pace, Some(2)).unwrap();
        let long = Duration::from_secs(60);
        assert!(matches!(
            reader.take_within(long),
            NextFrame::Frame(Ok(_), _)
        ));
        let next = reader.take_within(Duration::from_millis(5));
        assert!(matches!(next, NextFrame::Nothing));
        assert!(matches!(
            reader.take_within(long),
            NextFrame::Frame(Ok(_), _)
        ));
        assert!(matches!(reader.take_within(long), NextFrame::End));
    }

    #[test]
    fn a_reader_goes_at_once_though_its_next_frame_is_far_away() {
        let pace = RunPace::Realtime { rate_hz: 0.01 };
        let reader = SourceReader::start(camera(), SourceClock::start(), pace, None).unwrap();
        assert!(reader.take().is_some());
        let start = Instant::now();
        drop(reader);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_reading_thread_that_hangs_is_left_behind() {
        let reader = SourceReader {
            queue: Arc::new(FrameQueue::new(1, WhenFull::Block)),
            clock: SourceClock::start(),
            lost: Cell::default(),
            capture: Arc::default(),
            missing: Arc::default(),
            failed: Arc::default(),
            thread: Some(std::thread::spawn(|| {
                std::thread::sleep(Duration::from_secs(60));
            })),
        };
        let start = Instant::now();
        drop(reader);
        assert!(start.elapsed() < JOIN_PATIENCE + Duration::from_secs(1));
    }

    #[test]
    fn a_source_that_comes_later_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let drive = folder.path().join("drive");
        let source = SourceUri::Recording(drive.clone());
        let awaited = AwaitedSource::new(source, 10.0, CaptureSettings::default());
        let pace = RunPace::Realtime { rate_hz: 10.0 };
        let reader = SourceReader::start(awaited, SourceClock::start(), pace, None).unwrap();
        let next = reader.take_within(Duration::from_millis(150));
        assert!(matches!(next, NextFrame::Nothing) && reader.is_missing());
        let aside = folder.path().join("aside");
        let mut recorder = FrameRecorder::create(&aside, "s", true, 10.0).unwrap();
        let shot = camera().next().unwrap().unwrap();
        recorder.add(&shot, Duration::ZERO, 0).unwrap();
        std::fs::rename(&aside, &drive).unwrap();
        assert_eq!(reader.take().unwrap().0.unwrap().number, 0);
        assert!(!reader.is_missing() && reader.take().is_none());
        assert!(reader.failure().is_none());
    }

    #[test]
    fn a_source_that_comes_and_cannot_be_used_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let source = SourceUri::Recording(folder.path().join("drive"));
        let awaited = AwaitedSource::new(source, 10.0, CaptureSettings::default());
        let reader =
            SourceReader::start(awaited, SourceClock::start(), RunPace::Offline, None).unwrap();
        let aside = folder.path().join("aside");
        std::fs::create_dir(&aside).unwrap();
        std::fs::write(aside.join("recording.json"), "{}").unwrap();
        std::fs::rename(&aside, folder.path().join("drive")).unwrap();
        assert!(reader.take().is_none());
        let error = reader.failure().unwrap().to_string();
        assert!(error.contains("not the header of a recording"), "{error}");
    }

    #[test]
    fn a_reader_of_a_source_that_never_comes_goes_at_once() {
        let awaited = AwaitedSource::new(
            SourceUri::Pictures("/nowhere/at/all".into()),
            10.0,
            CaptureSettings::default(),
        );
        let reader =
            SourceReader::start(awaited, SourceClock::start(), RunPace::Offline, None).unwrap();
        let next = reader.take_within(Duration::from_millis(300));
        assert!(matches!(next, NextFrame::Nothing));
        let start = Instant::now();
        drop(reader);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_reader_may_go_before_its_source_ends() {
        let reader =
            SourceReader::start(camera(), SourceClock::start(), RunPace::Offline, None).unwrap();
        assert!(reader.take().is_some());
        drop(reader);
    }
}
