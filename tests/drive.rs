//! The synthetic drive: the same from the same settings, with masks that agree with each other.

use std::collections::{BTreeMap, BTreeSet};

use unmask_drive::{CLASSES, Drive, DriveError, DriveSettings, LabelledScene};
use unmask_frame::Size;

const SMALL: Size = Size::new(160, 90);

fn drive(seed: u64, size: Size) -> Drive {
    Drive::new(DriveSettings {
        seed,
        size,
        ..DriveSettings::default()
    })
    .expect("settings are in range")
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a thread pool")
        .install(work)
}

/// Checks that picture, masks and objects of a scene tell the same story.
fn check(scene: &LabelledScene, size: Size) {
    assert_eq!(scene.picture.size(), size);
    assert_eq!(scene.classes.size(), size);
    assert_eq!(scene.instances.size(), size);
    assert_eq!(scene.anomaly.size(), size);
    let mut seen: BTreeMap<u16, ([u32; 4], u32)> = BTreeMap::new();
    for y in 0..size.h {
        for x in 0..size.w {
            let class = scene.classes.at(x, y);
            let id = scene.instances.at(x, y);
            assert!(usize::from(class) < CLASSES.len() || class == 255);
            assert_eq!(scene.anomaly.at(x, y), u8::from(class == 255));
            // Cars, people and what does not belong are objects; nothing else is.
            assert_eq!(id != 0, matches!(class, 8..=10 | 255), "class {class}");
            if id != 0 {
                let (x, y) = (x as u32, y as u32);
                let (span, area) = seen.entry(id).or_insert(([x, y, x, y], 0));
                *span = [
                    span[0].min(x),
                    span[1].min(y),
                    span[2].max(x),
                    span[3].max(y),
                ];
                *area += 1;
                let object = scene
                    .objects
                    .iter()
                    .find(|o| o.id as u16 == id)
                    .expect("every instance is listed");
                assert_eq!(object.class.unwrap_or(255), class);
                assert_eq!(object.anomaly, class == 255);
            }
        }
    }
    assert_eq!(seen.len(), scene.objects.len());
    for o in &scene.objects {
        let (span, area) = seen[&(o.id as u16)];
        assert_eq!(o.area_px, area, "{o:?}");
        let tight = [
            span[0],
            span[1],
            span[2] - span[0] + 1,
            span[3] - span[1] + 1,
        ];
        assert_eq!(o.bbox, tight, "{o:?}");
        assert!(o.distance_m.is_finite() && o.distance_m >= 0.0);
    }
    assert!(
        scene
            .objects
            .windows(2)
            .all(|w| w[0].distance_m <= w[1].distance_m)
    );
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let d = drive(3, Size::new(200, 117));
    let one = on_threads(1, || (d.scene(77), d.random_scene(5)));
    for threads in [2, 5] {
        let more = on_threads(threads, || (d.scene(77), d.random_scene(5)));
        assert!(one == more, "{threads} threads");
    }
}

#[test]
fn any_frame_may_be_asked_for_at_any_time() {
    let a = drive(4, SMALL);
    let later = a.scene(120);
    a.scene(3);
    assert!(later == a.scene(120));
    assert!(later == drive(4, SMALL).scene(120));
    assert!(later.picture != a.scene(121).picture);
    assert!(later.picture != drive(5, SMALL).scene(120).picture);
    assert!(a.random_scene(1) == a.random_scene(1));
    assert!(a.random_scene(1).picture != a.random_scene(2).picture);
    assert!(a.random_scene(1).picture != drive(5, SMALL).random_scene(1).picture);
}

#[test]
fn crossings_show_stripes_that_other_stills_seldom_have() {
    // Pixels of the road in the lower half that are far brighter than the road's median.
    let bright = |scene: &LabelledScene| {
        let size = scene.classes.size();
        let road: Vec<u8> = (size.h / 2 * size.w..size.area_px())
            .filter(|&i| {
                CLASSES[usize::from(scene.classes.data()[i]).min(CLASSES.len() - 1)] == "road"
            })
            .map(|i| scene.picture.rgb()[3 * i + 1])
            .collect();
        let mut order = road.clone();
        order.sort_unstable();
        let middle = order.get(order.len() / 2).copied().unwrap_or(0);
        let marks = road.iter().filter(|&&v| v > middle.saturating_add(30));
        marks.count()
    };
    let d = drive(6, SMALL);
    let sum =
        |make: &dyn Fn(u64) -> LabelledScene| -> usize { (0..12).map(|n| bright(&make(n))).sum() };
    let (with, without) = (sum(&|n| d.random_crossing(n)), sum(&|n| d.random_scene(n)));
    assert!(
        2 * with > 3 * without,
        "{with} against {without} bright pixels"
    );
    assert!(d.random_crossing(1) == d.random_crossing(1));
    assert!(d.random_crossing(1).picture != d.random_scene(1).picture);
}

#[test]
fn twice_the_rate_shows_the_same_moments() {
    let settings = |rate_hz| DriveSettings {
        seed: 9,
        size: SMALL,
        rate_hz,
        anomalies: true,
    };
    let slow = Drive::new(settings(5.0)).unwrap().scene(30);
    let fast = Drive::new(settings(10.0)).unwrap().scene(60);
    assert!(slow.classes == fast.classes);
    assert!(slow.objects == fast.objects);
}

#[test]
fn masks_and_objects_agree() {
    for seed in 0..5 {
        let d = drive(seed, SMALL);
        for frame in [0, 45, 110, 200] {
            check(&d.scene(frame), SMALL);
        }
        for n in 0..6 {
            check(&d.random_scene(n), SMALL);
        }
    }
}

#[test]
fn every_class_appears_over_a_drive() {
    for seed in [1, 2, 7] {
        let d = drive(seed, SMALL);
        let mut area = [0usize; 11];
        let mut anomaly = 0;
        for second in 0..90 {
            for &c in d.scene(second * 10).classes.data() {
                match c {
                    255 => anomaly += 1,
                    c => area[usize::from(c)] += 1,
                }
            }
        }
        for (name, area) in CLASSES.iter().zip(area) {
            assert!(area > 20, "seed {seed}: {area} px of {name}");
        }
        assert!(anomaly > 100, "seed {seed}: {anomaly} px");
    }
}

/// Sightings of every thing that does not belong: frame, area, distance.
type Sightings = BTreeMap<u32, Vec<(u64, u32, f32)>>;

#[test]
fn what_does_not_belong_is_approached_and_passes() {
    let d = drive(2, Size::new(240, 135));
    let mut tracks: Sightings = BTreeMap::new();
    let mut kinds: BTreeMap<u32, &str> = BTreeMap::new();
    for frame in (0..600).step_by(5) {
        for o in d.scene(frame).objects.iter().filter(|o| o.anomaly) {
            assert_eq!(*kinds.entry(o.id).or_insert(o.kind), o.kind);
            let track = tracks.entry(o.id).or_default();
            track.push((frame, o.area_px, o.distance_m));
        }
    }
    // 6 to 10 per minute, give or take those under way at both ends.
    assert!((5..=12).contains(&tracks.len()), "{}", tracks.len());
    let mut grown = 0;
    for track in tracks.values() {
        assert!(
            track.windows(2).all(|w| w[1].2 < w[0].2),
            "the distance falls from frame to frame: {track:?}"
        );
        let (first, last) = (track[0], track[track.len() - 1]);
        let most = track.iter().map(|t| t.1).max().unwrap_or(0);
        if last.0 - first.0 >= 20 && most >= 20 * first.1 && most > 150 {
            grown += 1;
        }
    }
    assert!(grown * 10 >= tracks.len() * 6, "{grown} of {tracks:?}");
}

#[test]
fn things_that_do_not_belong_come_in_clusters() {
    for seed in [3, 8] {
        let d = drive(seed, SMALL);
        let mut ids = BTreeSet::new();
        let mut free = 0;
        let minutes = 3;
        // Every other second: each is in sight for longer.
        for step in 0..minutes * 30 {
            let scene = d.scene(step * 20);
            let before = ids.len();
            let here: Vec<_> = scene.objects.iter().filter(|o| o.anomaly).collect();
            ids.extend(here.iter().map(|o| o.id));
            free += usize::from(here.is_empty());
            assert!(ids.len() <= before + 4);
        }
        let a_minute = ids.len() as f64 / minutes as f64;
        assert!((5.5..=10.5).contains(&a_minute), "{a_minute} a minute");
        let share = free as f64 / (minutes * 30) as f64;
        assert!((0.1..0.7).contains(&share), "free {share}");
    }
}

#[test]
fn without_anomalies_everything_belongs() {
    let d = Drive::new(DriveSettings {
        seed: 2,
        size: SMALL,
        anomalies: false,
        ..DriveSettings::default()
    })
    .unwrap();
    for frame in (0..600).step_by(60) {
        let scene = d.scene(frame);
        assert!(scene.anomaly.data().iter().all(|&a| a == 0));
        assert!(scene.objects.iter().all(|o| !o.anomaly));
        let scene = d.random_scene(frame);
        assert!(scene.anomaly.data().iter().all(|&a| a == 0));
    }
}

#[test]
fn images_show_none_to_three_objects_of_many_sizes_and_kinds() {
    let d = drive(1, SMALL);
    let mut counts = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    let mut areas = Vec::new();
    for n in 0..120 {
        let scene = d.random_scene(n);
        let odd: Vec<_> = scene.objects.iter().filter(|o| o.anomaly).collect();
        assert!(odd.len() <= 3);
        counts.insert(odd.len());
        kinds.extend(odd.iter().map(|o| o.kind));
        areas.extend(odd.iter().map(|o| o.area_px));
    }
    assert_eq!(counts, BTreeSet::from([0, 1, 2, 3]));
    assert!(kinds.len() >= 20, "{kinds:?}");
    assert!(areas.iter().any(|&a| a < 30) && areas.iter().any(|&a| a > 600));
}

#[test]
fn it_looks_like_a_road() {
    // Mostly sky or houses above, road below the middle, nothing black or burnt out.
    let (mut road, mut bright) = (0, 0);
    for seed in 0..20 {
        let scene = drive(seed, SMALL).scene(37);
        road += usize::from(scene.classes.at(80, 84) == 3);
        assert_ne!(scene.classes.at(80, 2), 3);
        let rgb = scene.picture.rgb();
        let mean = rgb.iter().map(|&b| f64::from(b)).sum::<f64>() / rgb.len() as f64;
        bright += usize::from((35.0..215.0).contains(&mean));
        let low = rgb.iter().filter(|&&b| f64::from(b) < mean * 0.7).count();
        assert!(low > rgb.len() / 50, "seed {seed} has no contrast");
    }
    assert!(road >= 17, "{road} of 20");
    assert!(bright >= 19, "{bright} of 20");
}

#[test]
fn odd_sizes_and_far_frames_do_no_harm() {
    for (w, h) in [(64, 36), (65, 37), (4096, 36), (64, 700), (127, 333)] {
        let size = Size::new(w, h);
        let d = drive(6, size);
        check(&d.scene(50), size);
        check(&d.random_scene(50), size);
    }
    let size = Size::new(64, 36);
    for rate_hz in [1e-300, 0.3, 240.0] {
        let d = Drive::new(DriveSettings {
            seed: u64::MAX,
            size,
            rate_hz,
            anomalies: true,
        })
        .unwrap();
        for frame in [1, u64::from(u32::MAX), u64::MAX] {
            check(&d.scene(frame), size);
            check(&d.random_scene(frame), size);
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let with = |w, h, rate_hz| {
        Drive::new(DriveSettings {
            size: Size::new(w, h),
            rate_hz,
            ..DriveSettings::default()
        })
    };
    for (w, h) in [(63, 36), (64, 35), (0, 0)] {
        let error = with(w, h, 10.0).unwrap_err();
        let size = Size::new(w, h);
        assert_eq!(error, DriveError::TooSmall { size });
        assert!(error.to_string().contains("at least 64x36"), "{error}");
    }
    for (w, h) in [(4097, 100), (100, 4097), (usize::MAX, usize::MAX)] {
        let error = with(w, h, 10.0).unwrap_err();
        let size = Size::new(w, h);
        assert_eq!(error, DriveError::TooLarge { size });
        assert!(error.to_string().contains("4096"), "{error}");
    }
    for rate_hz in [0.0, -1.0, 240.1, f64::INFINITY, f64::NAN] {
        let error = with(64, 36, rate_hz).unwrap_err();
        assert!(matches!(error, DriveError::Rate { .. }));
        assert!(error.to_string().contains("240"), "{error}");
    }
    assert!(with(64, 36, 240.0).is_ok());
    let default = DriveSettings::default();
    assert_eq!((default.seed, default.size), (1, Size::new(640, 360)));
    assert_eq!((default.rate_hz, default.anomalies), (10.0, true));
    assert_eq!(Drive::new(default.clone()).unwrap().settings(), &default);
}
