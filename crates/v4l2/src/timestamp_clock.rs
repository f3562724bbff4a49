//! Timestamp clock: determines which clock a driver's timestamps use.
//!
//! Drivers stamp frames on the monotonic clock, on the wall clock, on a clock of their own that
//! stands a constant time away from both, or at the end of a frame that has not come yet. The
//! timestamps of the first frames are compared with their arrival: that gives the clock and its
//! constant offset, or the age is reported as unknown.

use crate::BufferFlags;
use std::time::Duration;

/// Frames that are looked at before a verdict.
const FRAMES: u32 = 8;
/// Frames after which stamps of the future are compared with what is taken off them.
const REVIEW_FRAMES: u32 = 64;
/// Stamps may lie this far after the arrival: clocks are read one after the other.
const SLACK_NS: i64 = 1_000_000;
/// A frame on its way for longer than this has no true stamp.
const LATEST_NS: i64 = 2_000_000_000;
/// Stamps that are constant but for this are constant.
const JITTER_NS: i64 = 50_000_000;
/// A lag that leaves its place by this is a jump, if it stays away.
const JUMP_NS: i64 = 500_000_000;

/// The clock of a driver's stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClockDomain {
    /// Not yet known.
    #[default]
    Measuring,
    /// The monotonic clock.
    Monotonic,
    /// The wall clock.
    Realtime,
    /// A clock that stands a constant time away; that time is taken off. The quickest of the first
    /// frames counts as having arrived at once: the age is at least what is said.
    Offset,
    /// The monotonic clock, but frames are stamped later than they arrive, by a constant time;
    /// that time is taken off, as in [`ClockDomain::Offset`].
    Future,
    /// None that can be reported: no age is claimed.
    Unknown,
}

impl ClockDomain {
    /// One word for logs and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            ClockDomain::Measuring => "measuring",
            ClockDomain::Monotonic => "monotonic",
            ClockDomain::Realtime => "realtime",
            ClockDomain::Offset => "offset",
            ClockDomain::Future => "future",
            ClockDomain::Unknown => "unknown",
        }
    }
}

/// How old a frame was when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameAge {
    /// So old.
    Known(Duration),
    /// It cannot be known.
    Unknown,
}

/// A change of the timestamp clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockEvent {
    /// Stamps are of this clock, and this much is taken off the time from stamp to arrival, ns.
    Settled(ClockDomain, i64),
    /// Stamps jumped by about this much, ns: they are looked at again.
    Jumped(i64),
}

/// Determines the clock of timestamps, and the ages of frames.
#[derive(Clone, Debug)]
pub struct TimestampClock {
    period_ns: i64,
    domain: ClockDomain,
    /// Taken off the time from stamp to arrival.
    offset_ns: i64,
    /// Where that time usually lies.
    usual_ns: i64,
    /// Frames that lie far from there, one after the other, and the range they lie in.
    outliers: (u32, ClockSpread),
    /// Frames since the last review of a correction for the future, and the range of their ages.
    review: (u32, ClockSpread),
    samples: u32,
    repeats: u32,
    last: Option<Duration>,
    monotonic: ClockSpread,
    realtime: ClockSpread,
}

/// The least and the greatest of some numbers.
#[derive(Clone, Copy, Debug)]
struct ClockSpread {
    min: i64,
    max: i64,
}

impl ClockSpread {
    const NONE: ClockSpread = ClockSpread {
        min: i64::MAX,
        max: i64::MIN,
    };

    fn add(&mut self, value: i64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn width(&self) -> i64 {
        self.max.saturating_sub(self.min)
    }

    /// Whether these can be times from capture to arrival.
    fn is_plausible(&self) -> bool {
        is_plausible(self.min) && is_plausible(self.max)
    }
}

fn is_plausible(lag_ns: i64) -> bool {
    (-SLACK_NS..=LATEST_NS).contains(&lag_ns)
}

/// `to - from`, ns.
fn between(from: Duration, to: Duration) -> i64 {
    let ns = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    ns(to).saturating_sub(ns(from))
}

impl TimestampClock {
    /// For a camera that gives a frame every `period`.
    pub fn new(period: Duration) -> Self {
        Self {
            period_ns: between(Duration::ZERO, period),
            domain: ClockDomain::Measuring,
            offset_ns: 0,
            usual_ns: 0,
            outliers: (0, ClockSpread::NONE),
            review: (0, ClockSpread::NONE),
            samples: 0,
            repeats: 0,
            last: None,
            monotonic: ClockSpread::NONE,
            realtime: ClockSpread::NONE,
        }
    }

    /// The clock of the stamps.
    pub fn domain(&self) -> ClockDomain {
        self.domain
    }

    /// What is taken off the time from stamp to arrival, ns.
    pub fn offset_ns(&self) -> i64 {
        self.offset_ns
    }

    /// Begins again: the stream was started again.
    pub fn restart(&mut self) {
        *self = Self {
            period_ns: self.period_ns,
            ..Self::new(Duration::ZERO)
        };
    }

    /// A frame stamped `stamp` arrived at `monotonic`, which is `realtime` on the wall clock.
    pub fn observe(
        &mut self,
        stamp: Duration,
        flags: BufferFlags,
        monotonic: Duration,
        realtime: Duration,
    ) -> (FrameAge, Option<ClockEvent>) {
        let lags = (between(stamp, monotonic), between(stamp, realtime));
        if self.domain == ClockDomain::Measuring {
            return self.measure(stamp, flags, lags);
        }
        if self.domain == ClockDomain::Unknown {
            // Looked at again and again: what kept frames waiting may be over.
            let (age, event) = self.measure(stamp, flags, lags);
            let found = event.filter(|_| self.domain != ClockDomain::Unknown);
            return (found.map_or(FrameAge::Unknown, |_| age), found);
        }
        let lag = match self.domain {
            ClockDomain::Realtime => lags.1,
            _ => lags.0,
        } - self.offset_ns;
        let off = lag.saturating_sub(self.usual_ns);
        if off.abs() > JUMP_NS.max(4 * self.period_ns) {
            self.outliers.0 += 1;
            self.outliers.1.add(lag);
            let stays = self.outliers.0 >= FRAMES && self.outliers.1.width() <= self.jitter();
            // Nothing arrives before it is captured: that is a jump at once.
            if stays || lag < -JUMP_NS {
                self.restart();
                let (age, _) = self.measure(stamp, flags, lags);
                return (age, Some(ClockEvent::Jumped(off)));
            }
        } else {
            self.outliers = (0, ClockSpread::NONE);
        }
        if let Some(excess_ns) = self.review(lag) {
            self.restart();
            let (age, _) = self.measure(stamp, flags, lags);
            return (age, Some(ClockEvent::Jumped(excess_ns)));
        }
        (known(lag), None)
    }

    /// How much too old even the youngest frame of a review came out, ns. A few early stamps at the
    /// start of a stream must not make every later frame look old.
    fn review(&mut self, lag_ns: i64) -> Option<i64> {
        if self.domain != ClockDomain::Future {
            return None;
        }
        self.review.0 += 1;
        self.review.1.add(lag_ns);
        if self.review.0 < REVIEW_FRAMES {
            return None;
        }
        let (_, ages) = std::mem::replace(&mut self.review, (0, ClockSpread::NONE));
        (ages.min > JITTER_NS).then_some(ages.min)
    }

    fn jitter(&self) -> i64 {
        JITTER_NS.max(self.period_ns)
    }

    fn measure(
        &mut self,
        stamp: Duration,
        flags: BufferFlags,
        lags: (i64, i64),
    ) -> (FrameAge, Option<ClockEvent>) {
        self.samples += 1;
        self.repeats += u32::from(self.last == Some(stamp));
        self.last = Some(stamp);
        self.monotonic.add(lags.0);
        self.realtime.add(lags.1);
        if self.samples < FRAMES {
            // What the driver vouches for and what can be is believed at once.
            let believed = flags.is_monotonic() && is_plausible(lags.0);
            let age = if believed {
                known(lags.0)
            } else {
                FrameAge::Unknown
            };
            return (age, None);
        }
        let (monotonic, realtime, still) = (self.monotonic, self.realtime, self.repeats);
        (self.samples, self.repeats) = (0, 0);
        (self.monotonic, self.realtime) = (ClockSpread::NONE, ClockSpread::NONE);
        let steady = monotonic.width() <= self.jitter();
        let soon = -monotonic.min <= 2 * self.period_ns.max(JITTER_NS);
        self.domain = match () {
            // A stopped clock looks plausible for a while after the start of the machine.
            () if still > FRAMES / 2 => ClockDomain::Unknown,
            () if monotonic.is_plausible() => ClockDomain::Monotonic,
            () if realtime.is_plausible() => ClockDomain::Realtime,
            // Whose clock it is the driver says: frames that were late to be looked at do not count.
            () if monotonic.min < 0 && soon && (steady || flags.is_monotonic()) => {
                ClockDomain::Future
            }
            () if steady => ClockDomain::Offset,
            () => ClockDomain::Unknown,
        };
        let corrected = matches!(self.domain, ClockDomain::Future | ClockDomain::Offset);
        self.offset_ns = if corrected { monotonic.min } else { 0 };
        let (lag, usual) = match self.domain {
            ClockDomain::Realtime => (lags.1, realtime.min),
            _ => (lags.0, monotonic.min),
        };
        self.usual_ns = usual - self.offset_ns;
        let age = match self.domain {
            ClockDomain::Unknown => FrameAge::Unknown,
            _ => known(lag - self.offset_ns),
        };
        (age, Some(ClockEvent::Settled(self.domain, self.offset_ns)))
    }
}

/// The age that a lag means; clocks that disagree by a little mean none.
fn known(lag_ns: i64) -> FrameAge {
    FrameAge::Known(Duration::from_nanos(u64::try_from(lag_ns).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(33);
    const EPOCH: Duration = Duration::from_secs(1_700_000_000);
    const MONOTONIC: BufferFlags = BufferFlags(BufferFlags::MONOTONIC);

    /// Stamps of frames that arrive every period, `delay_ms` after their capture.
    struct ClockRun {
        clock: TimestampClock,
        now: Duration,
        flags: BufferFlags,
    }

    impl ClockRun {
        fn new(flags: BufferFlags) -> Self {
            Self {
                clock: TimestampClock::new(PERIOD),
                now: Duration::from_secs(5000),
                flags,
            }
        }

        fn frames(
            &mut self,
            count: u32,
            stamp: impl Fn(Duration, u32) -> Duration,
        ) -> (FrameAge, Vec<ClockEvent>) {
            let (mut age, mut findings) = (FrameAge::Unknown, Vec::new());
            for i in 0..count {
                self.now += PERIOD;
                let stamp = stamp(self.now, i);
                let noted = self
                    .clock
                    .observe(stamp, self.flags, self.now, EPOCH + self.now);
                age = noted.0;
                findings.extend(noted.1);
            }
            (age, findings)
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn monotonic_stamps_are_believed_from_the_first_frame() {
        let mut run = ClockRun::new(MONOTONIC);
        let (age, found) = run.frames(1, |now, _| now - ms(7));
        assert_eq!((age, found.len()), (FrameAge::Known(ms(7)), 0));
        let (age, found) = run.frames(7, |now, i| now - ms(7 + u64::from(i)));
        assert_eq!(found, [ClockEvent::Settled(ClockDomain::Monotonic, 0)]);
        assert_eq!(age, FrameAge::Known(ms(13)));
    }

    #[test]
    fn nothing_is_claimed_before_an_unmarked_clock_is_known() {
        let mut run = ClockRun::new(BufferFlags(0));
        let (age, _) = run.frames(7, |now, _| EPOCH + now - ms(20));
        assert_eq!(age, FrameAge::Unknown);
        let (age, found) = run.frames(1, |now, _| EPOCH + now - ms(20));
        assert_eq!(found, [ClockEvent::Settled(ClockDomain::Realtime, 0)]);
        assert_eq!(age, FrameAge::Known(ms(20)));
    }

    #[test]
    fn a_constant_offset_is_taken_off() {
        // Stamps of a counter that began 77 minutes before the machine's clock.
        let ahead = Duration::from_secs(4620);
        let mut run = ClockRun::new(MONOTONIC);
        let (age, found) = run.frames(8, |now, i| now + ahead - ms(10 + u64::from(i % 3)));
        let offset = -(4_620_000_000_000 - 10_000_000);
        assert_eq!(found, [ClockEvent::Settled(ClockDomain::Offset, offset)]);
        assert_eq!(age, FrameAge::Known(ms(1)));
        let (age, _) = run.frames(1, |now, _| now + ahead - ms(50));
        assert_eq!(age, FrameAge::Known(ms(40)));
    }

    #[test]
    fn stamps_at_the_end_of_a_frame_to_come_are_recognised() {
        let mut run = ClockRun::new(MONOTONIC);
        let (age, found) = run.frames(8, |now, _| now + ms(30));
        assert_eq!(
            found,
            [ClockEvent::Settled(ClockDomain::Future, -30_000_000)]
        );
        assert_eq!(age, FrameAge::Known(Duration::ZERO));
        let (age, _) = run.frames(1, |now, _| now + ms(25));
        assert_eq!(age, FrameAge::Known(ms(5)));
    }

    #[test]
    fn a_correction_that_makes_every_frame_old_is_measured_again() {
        let mut run = ClockRun::new(MONOTONIC);
        // A device that was just plugged in stamps its first frames too early.
        let (_, found) = run.frames(8, |now, i| now + ms(if i < 2 { 90 } else { 0 }));
        assert_eq!(
            found,
            [ClockEvent::Settled(ClockDomain::Future, -90_000_000)]
        );
        let (age, found) = run.frames(REVIEW_FRAMES - 1, |now, _| now - ms(5));
        assert_eq!((age, found), (FrameAge::Known(ms(95)), vec![]));
        let (age, found) = run.frames(FRAMES, |now, _| now - ms(5));
        let again = [
            ClockEvent::Jumped(95_000_000),
            ClockEvent::Settled(ClockDomain::Monotonic, 0),
        ];
        assert_eq!((age, &found[..]), (FrameAge::Known(ms(5)), &again[..]));
        // Ages that come down to nothing now and then are true.
        let mut run = ClockRun::new(MONOTONIC);
        run.frames(8, |now, _| now + ms(30));
        let (_, found) = run.frames(3 * REVIEW_FRAMES, |now, i| {
            now + ms(30) - ms(if i % 60 == 0 { 0 } else { 80 })
        });
        assert_eq!(found, []);
    }

    #[test]
    fn frames_that_had_to_wait_do_not_hide_the_clock() {
        // A busy machine looks at some of the frames a quarter of a second late.
        let late =
            |now: Duration, i: u32| now + ms(30) - ms(if i.is_multiple_of(3) { 250 } else { 0 });
        let mut run = ClockRun::new(MONOTONIC);
        let (_, found) = run.frames(8, late);
        assert_eq!(
            found,
            [ClockEvent::Settled(ClockDomain::Future, -30_000_000)]
        );
        // Without the driver's word it is not known, until it is.
        let mut run = ClockRun::new(BufferFlags(0));
        let (age, found) = run.frames(8, late);
        assert_eq!(found, [ClockEvent::Settled(ClockDomain::Unknown, 0)]);
        assert_eq!(age, FrameAge::Unknown);
        let (age, found) = run.frames(8, |now, _| now + ms(30));
        assert_eq!(
            found,
            [ClockEvent::Settled(ClockDomain::Future, -30_000_000)]
        );
        assert_eq!(age, FrameAge::Known(Duration::ZERO));
    }

    #[test]
    fn clocks_that_stand_still_or_run_wild_give_no_age() {
        let mut run = ClockRun::new(BufferFlags(0));
        let (age, found) = run.frames(9, |_, _| Duration::ZERO);
        assert_eq!(found, [ClockEvent::Settled(ClockDomain::Unknown, 0)]);
        assert_eq!(age, FrameAge::Unknown);
        let mut run = ClockRun::new(MONOTONIC);
        let wild = |now: Duration, i: u32| now + Duration::from_secs(100 + 3 * u64::from(i % 5));
        let (age, found) = run.frames(20, wild);
        assert_eq!(found, [ClockEvent::Settled(ClockDomain::Unknown, 0)]);
        assert_eq!(age, FrameAge::Unknown);
    }

    #[test]
    fn a_jump_is_seen_and_measured_again() {
        let mut run = ClockRun::new(MONOTONIC);
        run.frames(10, |now, _| now - ms(5));
        let far = Duration::from_secs(1 << 31);
        let (age, found) = run.frames(1, |now, _| now + far);
        assert!(matches!(found[..], [ClockEvent::Jumped(off)] if off < -1_000_000_000));
        assert_eq!(age, FrameAge::Unknown);
        let (_, found) = run.frames(7, |now, _| now + far);
        assert!(matches!(
            found[..],
            [ClockEvent::Settled(ClockDomain::Offset, _)]
        ));
        // And back.
        let (_, found) = run.frames(16, |now, _| now - ms(5));
        assert!(matches!(found[0], ClockEvent::Jumped(_)), "{found:?}");
        assert_eq!(found[1..], [ClockEvent::Settled(ClockDomain::Monotonic, 0)]);
    }

    #[test]
    fn one_frame_that_is_late_is_late_and_no_jump() {
        let mut run = ClockRun::new(MONOTONIC);
        run.frames(10, |now, _| now - ms(5));
        let (age, found) = run.frames(1, |now, _| now - ms(900));
        assert_eq!((age, found.len()), (FrameAge::Known(ms(900)), 0));
        let (age, found) = run.frames(1, |now, _| now - ms(5));
        assert_eq!((age, found.len()), (FrameAge::Known(ms(5)), 0));
    }

    #[test]
    fn a_new_stream_is_measured_again() {
        let mut run = ClockRun::new(MONOTONIC);
        run.frames(10, |now, _| now + ms(30));
        run.clock.restart();
        assert_eq!(run.clock.domain(), ClockDomain::Measuring);
        assert_eq!(run.clock.offset_ns(), 0);
        let (age, _) = run.frames(8, |now, _| now - ms(1));
        assert_eq!(age, FrameAge::Known(ms(1)));
    }
}
