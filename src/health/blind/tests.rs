use super::*;

const W: usize = 480;
const H: usize = 270;
const PERIOD: Duration = Duration::from_millis(100);

/// A street of sorts: dark boxes on a bright ground, moved by `shift`, with noise of its own.
fn scene(shift: usize) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(W * H * 3);
    let mut noise = 12345u32 + shift as u32;
    for y in 0..H {
        for x in 0..W {
            let dark = ((x + shift) / 37 + y / 41).is_multiple_of(2);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = if dark { 60 } else { 170 } + (noise >> 30) as u8;
            rgb.extend([value; 3]);
        }
    }
    rgb
}

/// Every value through `f`.
fn each(rgb: &[u8], f: impl Fn(u8) -> u8) -> Vec<u8> {
    rgb.iter().map(|&v| f(v)).collect()
}

/// A mean over `2 r + 1` pixels to the side and down, twice: no edge narrower than that is left.
fn blur(rgb: &[u8], r: usize) -> Vec<u8> {
    let mean = |from: &[u8], step: usize, along: usize, across: usize, far: usize| {
        let mut out = vec![0; from.len()];
        for a in 0..across {
            for i in 0..along {
                let (lo, hi) = (i.saturating_sub(r), (i + r).min(along - 1));
                let sum: usize = (lo..=hi)
                    .map(|k| from[(a * far + k * step) * 3] as usize)
                    .sum();
                let at = (a * far + i * step) * 3;
                out[at..at + 3].fill((sum / (hi - lo + 1)) as u8);
            }
        }
        out
    };
    let mut rgb = rgb.to_vec();
    for _ in 0..2 {
        rgb = mean(&rgb, 1, W, H, W);
        rgb = mean(&rgb, W, H, W, 1);
    }
    rgb
}

fn covered(shift: usize) -> Vec<u8> {
    each(&scene(shift), |v| 80 + v / 60)
}

fn judge(rgb: &[u8]) -> Option<BlindReason> {
    BlindLimits::default().find_reason(&FrameStatistics::default().measure(W, H, rgb), false)
}

#[test]
fn each_reason_is_found_in_one_picture() {
    assert_eq!(judge(&scene(0)), None);
    assert_eq!(
        judge(&each(&scene(0), |v| v / 40)),
        Some(BlindReason::Black)
    );
    let burnt = each(&scene(0), |v| v.saturating_mul(5));
    assert_eq!(judge(&burnt), Some(BlindReason::Overexposed));
    assert_eq!(judge(&covered(0)), Some(BlindReason::Covered));
    assert_eq!(judge(&blur(&scene(0), 12)), Some(BlindReason::Blurred));
    // Night, a bright day, and a lens that is a little soft are no blindness.
    assert_eq!(judge(&each(&scene(0), |v| v / 5)), None);
    assert_eq!(judge(&each(&scene(0), |v| v.saturating_add(80))), None);
    assert_eq!(judge(&blur(&scene(0), 1)), None);
}

#[test]
fn pictures_of_any_size_are_looked_at() {
    let mut glance = FrameStatistics::default();
    for (w, h) in [(1, 1), (3, 200), (96, 54), (1000, 2)] {
        let signs = glance.measure(w, h, &vec![200; w * h * 3]);
        assert!((signs.luma_p99 - 200.0).abs() < 0.1, "{w}x{h}: {signs:?}");
        assert_eq!(signs.textured_share, 0.0);
    }
    // No pixels, or fewer than said, are no picture.
    for signs in [glance.measure(0, 0, &[]), glance.measure(4, 4, &[255; 5])] {
        assert_eq!(
            BlindLimits::default().find_reason(&signs, false),
            Some(BlindReason::Black)
        );
    }
    assert!(!glance.same_pixels(&glance));
}

#[test]
fn a_judgement_once_raised_is_kept_until_it_is_clearly_over() {
    let limits = BlindLimits::default();
    let at = |luma_p99| BlindSigns {
        luma_p99,
        bright_share: 0.0,
        textured_share: 0.5,
        sharpness: 1.0,
    };
    let between = limits.black_luma * 1.1;
    assert_eq!(limits.find_reason(&at(between), false), None);
    assert_eq!(
        limits.find_reason(&at(between), true),
        Some(BlindReason::Black)
    );
    assert_eq!(limits.find_reason(&at(limits.black_luma * 1.2), true), None);
}

struct Run {
    watch: TamperMonitor,
    now: Duration,
    changes: Vec<(u128, BlindChange)>,
}

impl Run {
    fn new() -> Self {
        Self {
            watch: TamperMonitor::new(BlindLimits::default(), PERIOD),
            now: Duration::ZERO,
            changes: Vec::new(),
        }
    }

    fn see(&mut self, frames: usize, picture: impl Fn(usize) -> Vec<u8>) {
        for i in 0..frames {
            let change = self.watch.observe(W, H, &picture(i), self.now);
            self.changes
                .extend(change.map(|c| (self.now.as_millis(), c)));
            self.now += PERIOD;
        }
    }
}

#[test]
fn blindness_is_raised_within_a_second_and_cleared() {
    type Picture = fn(usize) -> Vec<u8>;
    let ways: [(BlindReason, Picture); 5] = [
        (BlindReason::Frozen, |_| scene(3)),
        (BlindReason::Black, |i| each(&scene(i), |v| v / 40)),
        (BlindReason::Overexposed, |i| {
            each(&scene(i), |v| v.saturating_mul(5))
        }),
        (BlindReason::Covered, covered),
        (BlindReason::Blurred, |i| blur(&scene(i), 12)),
    ];
    for (reason, picture) in ways {
        let mut run = Run::new();
        run.see(5, scene);
        assert_eq!(run.changes, [], "{reason}");
        run.see(12, picture);
        let [(at_ms, change)] = run.changes[..] else {
            panic!("{reason}: {:?}", run.changes)
        };
        assert_eq!(change, BlindChange::Raised(reason));
        assert!(at_ms <= 500 + 1000, "{reason} raised at {at_ms} ms");
        assert_eq!(run.watch.raised(), Some(reason));
        run.see(15, scene);
        assert_eq!(run.changes.len(), 2, "{reason}: {:?}", run.changes);
        assert_eq!(run.changes[1].1, BlindChange::Cleared(reason));
        assert!(run.changes[1].0 <= 1700 + 1300);
        assert_eq!(run.watch.raised(), None);
    }
}

#[test]
fn a_short_flash_or_a_doubled_frame_is_no_blindness() {
    let mut run = Run::new();
    run.see(5, scene);
    run.see(3, |i| each(&scene(i), |v| v.saturating_mul(5)));
    run.see(5, scene);
    run.see(2, |_| scene(9));
    run.see(5, scene);
    assert_eq!(run.changes, []);
    // Flickering between two causes is one blindness.
    run.see(10, |i| {
        if i % 2 == 0 {
            covered(i)
        } else {
            blur(&scene(i), 12)
        }
    });
    assert_eq!(run.changes.len(), 1, "{:?}", run.changes);
    // One good frame in between does not clear it, nor raise it again.
    run.see(1, scene);
    run.see(10, covered);
    assert_eq!(run.changes.len(), 1, "{:?}", run.changes);
}

#[test]
fn silence_is_reported_after_three_periods_and_ends_with_frames() {
    let mut watch = TamperMonitor::new(BlindLimits::default(), PERIOD);
    let ms = Duration::from_millis;
    assert_eq!(watch.patience(), ms(300));
    // A camera that never starts is silent, too.
    assert_eq!(watch.check_silence(ms(299)), None);
    assert_eq!(
        watch.check_silence(ms(300)),
        Some(BlindChange::Raised(BlindReason::Silent))
    );
    assert_eq!(watch.check_silence(ms(900)), None);
    assert_eq!(watch.observe(W, H, &scene(0), ms(1000)), None);
    for i in 1..10 {
        assert_eq!(
            watch.observe(W, H, &scene(i), ms(1000 + 100 * i as u64)),
            None
        );
    }
    let cleared = watch.observe(W, H, &scene(10), ms(2000));
    assert_eq!(cleared, Some(BlindChange::Cleared(BlindReason::Silent)));
    assert_eq!(watch.check_silence(ms(2299)), None);
    assert_eq!(
        watch.check_silence(ms(2300)),
        Some(BlindChange::Raised(BlindReason::Silent))
    );
}

#[test]
fn times_that_stand_still_or_go_back_do_not_panic() {
    let mut watch = TamperMonitor::new(BlindLimits::default(), Duration::MAX);
    for at in [5, 5, 1, 0, u64::MAX] {
        watch.observe(W, H, &scene(0), Duration::from_nanos(at));
        watch.check_silence(Duration::ZERO);
    }
}

#[test]
fn every_cause_has_a_word_of_its_own() {
    let words: std::collections::HashSet<_> = BlindReason::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(words.len(), BlindReason::ALL.len());
    assert_eq!(BlindReason::Overexposed.to_string(), "overexposed");
}

#[test]
fn frames_that_are_old_when_they_arrive_are_not_silence() {
    let mut watch = TamperMonitor::new(BlindLimits::default(), PERIOD);
    let late = Duration::from_millis(280);
    let mut changes = Vec::new();
    for i in 1..60 {
        let now = late + i as u32 * PERIOD;
        // Twice per period a run checks whether frames fail to come.
        changes.extend(watch.check_silence(now - PERIOD / 2));
        changes.extend(watch.observe(W, H, &scene(3 * i), now - late));
        watch.frame_arrived(now);
    }
    // Before the first frame nothing had come for three periods.
    let reason = BlindReason::Silent;
    assert_eq!(
        changes,
        [BlindChange::Raised(reason), BlindChange::Cleared(reason)]
    );
}
