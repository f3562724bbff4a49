//! Queue between the reading thread and the pipeline.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use unmask_frame::WhenFull;

/// A queue of fixed capacity between two threads.
#[derive(Debug)]
pub(super) struct FrameQueue<T> {
    capacity: usize,
    /// With [`WhenFull::Drop`] the oldest goes: the newest is always there.
    when_full: WhenFull,
    state: Mutex<QueueState<T>>,
    changed: Condvar,
}

/// Result of waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueueItem<T> {
    /// A value, and how many were dropped before it.
    Value(T, u64),
    /// Nothing came in time.
    Nothing,
    /// No more will come.
    End,
}

#[derive(Debug)]
struct QueueState<T> {
    items: VecDeque<T>,
    dropped: u64,
    /// No more will be sent.
    ended: bool,
    /// No more will be taken.
    closed: bool,
}

impl<T> FrameQueue<T> {
    pub fn new(capacity: usize, when_full: WhenFull) -> Self {
        Self {
            capacity: capacity.max(1),
            when_full,
            state: Mutex::new(QueueState {
                items: VecDeque::with_capacity(capacity.max(1)),
                dropped: 0,
                ended: false,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// A thread that panicked while it held the lock left a state that is still whole.
    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, QueueState<T>>) -> MutexGuard<'a, QueueState<T>> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends; `false` where it will not be taken any more.
    pub fn send(&self, value: T) -> bool {
        let mut state = self.lock();
        while state.items.len() >= self.capacity && !state.closed {
            match self.when_full {
                WhenFull::Block => state = self.wait(state),
                WhenFull::Drop => {
                    state.items.pop_front();
                    state.dropped += 1;
                }
            }
        }
        if state.closed {
            return false;
        }
        state.items.push_back(value);
        self.changed.notify_all();
        true
    }

    /// Takes the oldest, waiting for it, with how many were dropped before it; `None` at the end.
    pub fn take(&self) -> Option<(T, u64)> {
        match self.take_until(None) {
            QueueItem::Value(value, dropped) => Some((value, dropped)),
            QueueItem::Nothing | QueueItem::End => None,
        }
    }

    /// Like [`FrameQueue::take`], but gives up at `deadline`.
    pub fn take_until(&self, deadline: Option<Instant>) -> QueueItem<T> {
        let mut state = self.lock();
        loop {
            if let Some(value) = state.items.pop_front() {
                self.changed.notify_all();
                return QueueItem::Value(value, state.dropped);
            }
            if state.ended {
                return QueueItem::End;
            }
            let Some(deadline) = deadline else {
                state = self.wait(state);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return QueueItem::Nothing;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for `time`, or until the receiver has gone; `false` then.
    pub fn pause(&self, time: Duration) -> bool {
        let deadline = Instant::now().checked_add(time);
        let mut state = self.lock();
        while !state.closed {
            let Some(deadline) = deadline else {
                state = self.wait(state);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// No more will be sent.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// No more will be taken: a waiting sender continues.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// How many were dropped because newer ones came.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::scope;

    #[test]
    fn waiting_loses_nothing_and_keeps_the_order() {
        let queue = FrameQueue::new(2, WhenFull::Block);
        scope(|s| {
            s.spawn(|| {
                (0..500).for_each(|i| assert!(queue.send(i)));
                queue.end();
            });
            let got: Vec<i32> = std::iter::from_fn(|| queue.take()).map(|t| t.0).collect();
            assert_eq!(got, (0..500).collect::<Vec<_>>());
        });
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn dropping_keeps_the_newest_and_counts() {
        let queue = FrameQueue::new(1, WhenFull::Drop);
        for i in 0..5 {
            assert!(queue.send(i));
        }
        queue.end();
        assert_eq!(
            (queue.take(), queue.take(), queue.dropped()),
            (Some((4, 4)), None, 4)
        );
    }

    #[test]
    fn waiting_has_an_end() {
        let queue = FrameQueue::new(1, WhenFull::Block);
        let soon = || Some(Instant::now() + Duration::from_millis(5));
        assert_eq!(queue.take_until(soon()), QueueItem::Nothing);
        assert!(queue.send(3));
        assert_eq!(queue.take_until(soon()), QueueItem::Value(3, 0));
        queue.end();
        assert_eq!(queue.take_until(soon()), QueueItem::End);
    }

    #[test]
    fn a_pause_lasts_its_time_or_until_the_queue_is_closed() {
        let queue: FrameQueue<()> = FrameQueue::new(1, WhenFull::Block);
        let start = Instant::now();
        assert!(queue.pause(Duration::from_millis(20)));
        assert!(start.elapsed() >= Duration::from_millis(20));
        scope(|s| {
            // Further away than a clock can tell, and 146 years.
            let pauses = [Duration::MAX, Duration::from_secs(4_600_000_000)];
            let pausing = pauses.map(|time| {
                s.spawn({
                    let queue = &queue;
                    move || queue.pause(time)
                })
            });
            queue.close();
            assert!(pausing.into_iter().all(|paused| !paused.join().unwrap()));
        });
    }

    #[test]
    fn closing_frees_a_waiting_sender() {
        let queue = FrameQueue::new(1, WhenFull::Block);
        assert!(queue.send(0));
        scope(|s| {
            let sender = s.spawn(|| queue.send(1));
            queue.close();
            assert!(!sender.join().unwrap());
        });
        assert!(!queue.send(2));
    }
}
