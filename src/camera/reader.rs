//! Reads ahead on a thread of its own.

use super::queue::{Queue, WhenFull};
use super::{BadFrame, Camera, CameraError, Clock, Shot};
use crate::frame::Moment;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Frames that wait for the engine where none may be lost: one ready, one in the making.
const AHEAD: usize = 2;
/// Frames that wait where only the newest counts.
const NEWEST: usize = 1;

/// When frames come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as they are taken; none is lost. A frame counts as captured when it is taken.
    AsTaken,
    /// At a fixed rate, whether or not they are taken: a frame that a newer one overtakes is
    /// dropped and counted.
    Realtime {
        /// Frames a second, Hz.
        rate_hz: f64,
    },
}

/// A frame with its time, or why there is none.
type Item = (Result<Shot, BadFrame>, Option<Moment>);

/// A camera on its own thread.
#[derive(Debug)]
pub struct Reader {
    queue: Arc<Queue<Item>>,
    clock: Clock,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts reading up to `frames` frames (all, where `None`).
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        camera: Camera,
        clock: Clock,
        pace: Pace,
        frames: Option<u64>,
    ) -> Result<Self, CameraError> {
        let queue = Arc::new(match pace {
            Pace::AsTaken => Queue::new(AHEAD, WhenFull::Wait),
            Pace::Realtime { .. } => Queue::new(NEWEST, WhenFull::DropOldest),
        });
        let to = queue.clone();
        let thread = std::thread::Builder::new()
            .name("camera".into())
            .spawn(move || {
                let to = EndOnDrop(&to);
                read(camera, clock, pace, frames.unwrap_or(u64::MAX), to.0);
            })
            .map_err(|source| CameraError::Thread { source })?;
        Ok(Self {
            queue,
            clock,
            thread: Some(thread),
        })
    }

    /// The next frame with the moment it was captured; `None` at the end.
    pub fn take(&self) -> Option<(Result<Shot, BadFrame>, Moment)> {
        let (shot, captured) = self.queue.take()?;
        Some((shot, captured.unwrap_or_else(|| self.clock.now())))
    }

    /// Frames dropped because a newer one came before they were taken.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed; the frames up to it have been taken.
            let _ = thread.join();
        }
    }
}

/// Ends the queue however the thread ends: whoever waits at the other side must go on.
struct EndOnDrop<'a>(&'a Queue<Item>);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn read(mut camera: Camera, clock: Clock, pace: Pace, frames: u64, queue: &Queue<Item>) {
    let start = clock.now();
    for i in 0..frames {
        let Some(shot) = camera.next() else { return };
        let captured = match pace {
            Pace::AsTaken => None,
            Pace::Realtime { rate_hz } => {
                clock.sleep_until(start.after(Duration::from_secs_f64(i as f64 / rate_hz)));
                Some(clock.now())
            }
        };
        if !queue.send((shot, captured)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn camera() -> Camera {
        Camera::open(&Source::Synthetic(3), 10.0).unwrap()
    }

    #[test]
    fn frames_come_in_order_and_stop_at_the_limit() {
        let clock = Clock::start();
        let reader = Reader::start(camera(), clock, Pace::AsTaken, Some(4)).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| reader.take()).collect();
        let numbers: Vec<u64> = taken.iter().map(|t| t.0.as_ref().unwrap().number).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert!(taken.windows(2).all(|w| w[0].1 <= w[1].1));
        assert_eq!(reader.dropped(), 0);
    }

    #[test]
    fn in_real_time_the_newest_is_taken_and_the_overtaken_are_counted() {
        let clock = Clock::start();
        let pace = Pace::Realtime { rate_hz: 1000.0 };
        let reader = Reader::start(camera(), clock, pace, Some(6)).unwrap();
        // The thread ends by itself: nothing waits for a taker.
        while !reader.thread.as_ref().unwrap().is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(reader.take().unwrap().0.unwrap().number, 5);
        assert!(reader.take().is_none());
        assert_eq!(reader.dropped(), 5);
    }

    #[test]
    fn in_real_time_frames_keep_their_distance() {
        let clock = Clock::start();
        let pace = Pace::Realtime { rate_hz: 5.0 };
        let reader = Reader::start(camera(), clock, pace, Some(3)).unwrap();
        let at: Vec<Moment> = std::iter::from_fn(|| reader.take()).map(|t| t.1).collect();
        assert!(at[2].since(at[0]) >= Duration::from_millis(200));
    }

    #[test]
    fn a_reader_may_go_before_its_source_ends() {
        let reader = Reader::start(camera(), Clock::start(), Pace::AsTaken, None).unwrap();
        assert!(reader.take().is_some());
        drop(reader);
    }
}
