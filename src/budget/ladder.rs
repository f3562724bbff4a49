//! The degrade ladder: steps down when frames miss their deadline, and up again when they meet it.
//!
//! A pure state machine that counts frames. It goes one step down as soon as more than a share of
//! a window's frames missed, and one step up after a number of good windows; a step up that fails
//! at once doubles that number, so that the ladder does not oscillate.

/// When the ladder moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LadderSettings {
    /// Steps below the top.
    pub steps: usize,
    /// Frames per window.
    pub window_frames: u32,
    /// Step down where more than this share of a window missed, 0 to 1.
    pub degrade_above: f32,
    /// A window is good if at most this share missed, 0 to 1.
    pub recover_below: f32,
    /// Good windows in a row before a step up.
    pub recover_windows: u32,
}

/// Most good windows that are ever waited for.
const GOOD_WINDOWS_LIMIT: u32 = 4096;

/// The ladder went from one step to another; 0 is the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LadderChange {
    /// Where it was.
    pub from: usize,
    /// Where it is.
    pub to: usize,
}

/// Where a run stands on its ladder.
#[derive(Clone, Debug)]
pub struct DegradeLadder {
    settings: LadderSettings,
    step: usize,
    frames: u32,
    missed: u32,
    good_windows: u32,
    required_good_windows: u32,
    /// The last move was a step up, and no window has passed since.
    just_recovered: bool,
}

impl DegradeLadder {
    /// A ladder at its top.
    pub fn new(settings: LadderSettings) -> Self {
        Self {
            settings,
            step: 0,
            frames: 0,
            missed: 0,
            good_windows: 0,
            required_good_windows: settings.recover_windows.max(1),
            just_recovered: false,
        }
    }

    /// The step it is on; 0 is the top.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Records a frame that made its deadline or missed it (late, or dropped as too late).
    pub fn record(&mut self, missed: bool) -> Option<LadderChange> {
        self.frames += 1;
        self.missed += u32::from(missed);
        let window = self.settings.window_frames.max(1);
        // As soon as the window cannot end well any more, it is over.
        if self.missed as f32 > self.settings.degrade_above * window as f32 {
            return self.degrade();
        }
        if self.frames < window {
            return None;
        }
        let is_calm = self.missed as f32 <= self.settings.recover_below * window as f32;
        self.good_windows = if is_calm { self.good_windows + 1 } else { 0 };
        self.just_recovered = false;
        self.restart();
        (self.step > 0 && self.good_windows >= self.required_good_windows)
            .then(|| self.move_to(self.step - 1))
    }

    fn degrade(&mut self) -> Option<LadderChange> {
        if self.just_recovered {
            self.required_good_windows = (self.required_good_windows * 2).min(GOOD_WINDOWS_LIMIT);
        }
        self.restart();
        self.good_windows = 0;
        (self.step < self.settings.steps).then(|| self.move_to(self.step + 1))
    }

    fn move_to(&mut self, to: usize) -> LadderChange {
        let from = std::mem::replace(&mut self.step, to);
        self.just_recovered = to < from;
        self.good_windows = 0;
        LadderChange { from, to }
    }

    fn restart(&mut self) {
        (self.frames, self.missed) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> DegradeLadder {
        DegradeLadder::new(LadderSettings {
            steps: 2,
            window_frames: 10,
            degrade_above: 0.2,
            recover_below: 0.0,
            recover_windows: 3,
        })
    }

    /// Frames until the next change, all of them `missed` or none.
    fn until(ladder: &mut DegradeLadder, missed: bool) -> (u32, LadderChange) {
        (1..10_000)
            .find_map(|i| ladder.record(missed).map(|change| (i, change)))
            .expect("it moves")
    }

    #[test]
    fn misses_step_down_at_once_and_never_below_the_last_step() {
        let mut ladder = ladder();
        // The third miss of ten is more than a fifth.
        assert_eq!(
            until(&mut ladder, true),
            (3, LadderChange { from: 0, to: 1 })
        );
        assert_eq!(
            until(&mut ladder, true),
            (3, LadderChange { from: 1, to: 2 })
        );
        assert!((0..100).all(|_| ladder.record(true).is_none()));
        assert_eq!(ladder.step(), 2);
    }

    #[test]
    fn a_share_of_exactly_the_limit_is_borne() {
        let mut ladder = ladder();
        for _ in 0..20 {
            for i in 0..10 {
                assert_eq!(ladder.record(i < 2), None);
            }
        }
        assert_eq!(ladder.step(), 0);
    }

    #[test]
    fn calm_windows_step_up_and_a_step_that_fails_waits_longer() {
        let mut ladder = ladder();
        until(&mut ladder, true);
        assert_eq!(
            until(&mut ladder, false),
            (30, LadderChange { from: 1, to: 0 })
        );
        // It fails within its first window: twice as many good windows are required.
        assert_eq!(until(&mut ladder, true).0, 3);
        assert_eq!(until(&mut ladder, false).0, 60);
        // It holds for a window, then fails: no longer wait than before.
        (0..10).for_each(|_| assert!(ladder.record(false).is_none()));
        until(&mut ladder, true);
        assert_eq!(until(&mut ladder, false).0, 60);
    }

    #[test]
    fn one_miss_restarts_the_count() {
        let mut ladder = ladder();
        until(&mut ladder, true);
        (0..20).for_each(|_| assert!(ladder.record(false).is_none()));
        assert!(ladder.record(true).is_none());
        (0..9).for_each(|_| assert!(ladder.record(false).is_none()));
        assert_eq!(until(&mut ladder, false).0, 30);
    }

    #[test]
    fn a_ladder_without_steps_stays() {
        let mut ladder = DegradeLadder::new(LadderSettings {
            steps: 0,
            ..self::ladder().settings
        });
        assert!((0..100).all(|i| ladder.record(i % 3 == 0).is_none()));
    }
}
