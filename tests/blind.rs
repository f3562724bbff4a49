//! False alarms and hits of the tamper monitor: on the synthetic drive always, on road pictures if
//! they are available. Prints the table of `docs/camera.md`.

use unmask::health::blind::{BlindLimits, BlindReason, FrameStatistics};
use unmask::source::{OpenSource, SourceUri};
use unmask_frame::Picture;

/// Frames of the drive looked at.
const DRIVE_FRAMES: usize = 40;

/// A fault, made of a good picture.
type Fault = (BlindReason, fn(&Picture) -> Picture);

const FAULTS: [Fault; 4] = [
    (BlindReason::Black, |p| each(p, |v, noise| v / 60 + noise)),
    (BlindReason::Overexposed, |p| {
        each(p, |v, _| v.saturating_mul(5).saturating_add(90))
    }),
    (BlindReason::Covered, |p| {
        let far = blur(p, p.size().w / 8);
        each(&far, |v, noise| 60 + v / 8 + noise)
    }),
    (BlindReason::Blurred, |p| {
        let soft = blur(p, p.size().w / 50);
        each(&soft, |v, noise| v.saturating_add(noise))
    }),
];

/// Every byte through `f`, with noise of 0 to 3.
fn each(picture: &Picture, f: impl Fn(u8, u8) -> u8) -> Picture {
    let mut noise = 1u32;
    let mut out = picture.clone();
    for v in out.rgb_mut() {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *v = f(*v, (noise >> 30) as u8);
    }
    out
}

/// A mean over `2 r + 1` pixels across and down, twice.
fn blur(picture: &Picture, r: usize) -> Picture {
    let mut out = picture.clone();
    let size = picture.size();
    for _ in 0..2 {
        for (lines, along, line_step, step) in [
            (size.h, size.w, size.w * 3, 3),
            (size.w, size.h, 3, size.w * 3),
        ] {
            let mut sums = vec![0u32; along + 1];
            for line in 0..lines {
                for channel in 0..3 {
                    let at = line * line_step + channel;
                    for i in 0..along {
                        sums[i + 1] = sums[i] + u32::from(out.rgb()[at + i * step]);
                    }
                    for i in 0..along {
                        let (lo, hi) = (i.saturating_sub(r), (i + r + 1).min(along));
                        let mean = (sums[hi] - sums[lo]) / (hi - lo) as u32;
                        out.rgb_mut()[at + i * step] = mean as u8;
                    }
                }
            }
        }
    }
    out
}

#[derive(Default)]
struct Tally {
    pictures: u32,
    false_alarms: u32,
    /// Of so many pictures the faults were made.
    spoilt: u32,
    found: [u32; FAULTS.len()],
    /// Lowest sharpness and share of texture, greatest share of burnt cells of good pictures.
    extremes: (f32, f32, f32),
}

/// Looks at every picture, and makes the faults of one of `spoil_every`.
fn tally(pictures: impl Iterator<Item = Picture>, spoil_every: usize) -> Tally {
    let (limits, mut glance) = (BlindLimits::default(), FrameStatistics::default());
    let mut tally = Tally {
        extremes: (1.0, 1.0, 0.0),
        ..Tally::default()
    };
    for (number, picture) in pictures.enumerate() {
        let mut look = |picture: &Picture| {
            let size = picture.size();
            glance.measure(size.w, size.h, picture.rgb())
        };
        let signs = look(&picture);
        tally.pictures += 1;
        tally.false_alarms += u32::from(limits.find_reason(&signs, false).is_some());
        let (sharpness, texture, bright) = &mut tally.extremes;
        *sharpness = sharpness.min(signs.sharpness);
        *texture = texture.min(signs.textured_share);
        *bright = bright.max(signs.bright_share);
        if !number.is_multiple_of(spoil_every) {
            continue;
        }
        tally.spoilt += 1;
        for (found, (reason, fault)) in tally.found.iter_mut().zip(FAULTS) {
            let reported = limits.find_reason(&look(&fault(&picture)), false);
            *found += u32::from(reported == Some(reason));
        }
    }
    tally
}

fn print(name: &str, tally: &Tally) {
    let (sharpness, texture, bright) = tally.extremes;
    println!(
        "| {name} | {} | {} | {sharpness:.2} | {texture:.2} | {bright:.2} | {:?} of {} |",
        tally.pictures, tally.false_alarms, tally.found, tally.spoilt
    );
}

fn take(source: SourceUri, limit: usize) -> impl Iterator<Item = Picture> {
    let mut camera = OpenSource::open(&source, 10.0).unwrap();
    std::iter::from_fn(move || camera.next())
        .take(limit)
        .map(|shot| shot.unwrap().picture)
}

#[test]
fn a_synthetic_drive_is_seen_and_its_faults_are_found() {
    let tally = tally(take(SourceUri::Synthetic(11), DRIVE_FRAMES), 1);
    print("synthetic drive", &tally);
    assert_eq!(tally.false_alarms, 0);
    assert_eq!(tally.found, [DRIVE_FRAMES as u32; FAULTS.len()]);
}

#[test]
fn road_pictures_are_seen_and_their_faults_are_found() {
    let Some(data) = unmask_oracle::data("road_pictures_are_seen_and_their_faults_are_found")
    else {
        return;
    };
    // The faults of all of them take minutes in a test build.
    for (folder, spoil_every, least) in [
        ("road_anomaly/images", 3, 0.95),
        ("road_obstacle21_val/images", 3, 0.95),
        // A part of it was taken at dusk: brightened as all are, less than half of it is burnt.
        ("camvid/train/images", 9, 0.8),
        ("camvid/val/images", 3, 0.95),
    ] {
        let source = SourceUri::Pictures(data.join(folder));
        let tally = tally(take(source, usize::MAX), spoil_every);
        print(folder, &tally);
        assert_eq!(tally.false_alarms, 0, "{folder}");
        for (found, (reason, _)) in tally.found.iter().zip(FAULTS) {
            let share = f64::from(*found) / f64::from(tally.spoilt);
            assert!(share >= least, "{folder}: {reason} found in {share:.2}");
        }
    }
}
