use super::*;
use crate::data::PASTED;

const SIZE: Size = Size { w: 60, h: 40 };

/// A grey block, 10 wide and 8 high, with its top right quarter missing.
fn block(value: u8) -> OutlierObject {
    let alpha = (0..80)
        .map(|i| if i % 10 >= 5 && i / 10 < 4 { 0 } else { 255 })
        .collect();
    OutlierObject {
        name: "block".into(),
        w: 10,
        h: 8,
        rgb: vec![value; 240],
        alpha,
    }
}

/// Height 8 px of 40, so the block keeps its size.
fn same_size() -> PasteSettings {
    PasteSettings {
        probability: 1.0,
        height: (0.2, 0.2),
        on_ground: 0.0,
        hflip: false,
        ..PasteSettings::default()
    }
}

struct Scene {
    rgb: Vec<u8>,
    labels: Vec<u8>,
}

impl Scene {
    /// Grey 100 of class 0, with ground of class 3 from row 30.
    fn new() -> Self {
        let labels = (0..SIZE.area_px())
            .map(|i| if i / SIZE.w >= 30 { 3 } else { 0 })
            .collect();
        Self {
            rgb: vec![100; SIZE.area_px() * 3],
            labels,
        }
    }

    fn stamp(
        &mut self,
        paste: &PasteSettings,
        region: Region,
        outlier: OutlierObject,
        seed: u64,
    ) -> usize {
        let mut rng = Rng::new(&[seed]);
        paste.stamp(
            &mut self.rgb,
            &mut self.labels,
            SIZE,
            region,
            &[outlier],
            &mut rng,
        )
    }

    /// Left, top, right, bottom of what was pasted.
    fn pasted(&self) -> Option<Region> {
        let at = (0..SIZE.area_px()).filter(|&i| self.labels[i] == PASTED);
        at.map(|i| (i % SIZE.w, i / SIZE.w))
            .fold(None, |all, (x, y)| {
                let (x0, y0, x1, y1) = all.unwrap_or((x, y, x, y));
                Some((x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1)))
            })
    }
}

const WHOLE: Region = (0, 0, SIZE.w, SIZE.h);

#[test]
fn the_shape_is_kept_and_nothing_else_changes() {
    let mut scene = Scene::new();
    assert_eq!(scene.stamp(&same_size(), WHOLE, block(200), 1), 60);
    let (x0, y0, x1, y1) = scene.pasted().unwrap();
    assert_eq!((x1 - x0, y1 - y0), (10, 8));
    for i in 0..SIZE.area_px() {
        let (x, y) = (i % SIZE.w, i / SIZE.w);
        let inside = (x0..x1).contains(&x) && (y0..y1).contains(&y);
        let on = inside && !(x - x0 >= 5 && y - y0 < 4);
        assert_eq!(scene.labels[i] == PASTED, on);
        assert_eq!(scene.rgb[i * 3], if on { 200 } else { 100 });
    }
}

#[test]
fn mirroring_happens_to_half_of_the_objects() {
    let paste = PasteSettings {
        hflip: true,
        ..same_size()
    };
    let mirrored = (0..100)
        .filter(|&seed| {
            let mut scene = Scene::new();
            scene.stamp(&paste, WHOLE, block(200), seed);
            let (x0, y0, ..) = scene.pasted().unwrap();
            scene.labels[y0 * SIZE.w + x0] != PASTED
        })
        .count();
    assert!((30..70).contains(&mirrored), "{mirrored}");
}

#[test]
fn objects_stay_in_the_region_and_are_cut_where_they_do_not_fit() {
    for seed in 0..200 {
        let mut scene = Scene::new();
        let region = (20, 10, 45, 35);
        assert_eq!(scene.stamp(&same_size(), region, block(200), seed), 60);
        let (x0, y0, x1, y1) = scene.pasted().unwrap();
        assert!(x0 >= 20 && y0 >= 10 && x1 <= 45 && y1 <= 35);
        // A corner smaller than the object: it hangs over, but covers the corner.
        let mut scene = Scene::new();
        let whole = OutlierObject {
            alpha: vec![255; 80],
            ..block(200)
        };
        let count = scene.stamp(&same_size(), (57, 36, 60, 40), whole, seed);
        let (x0, y0, x1, y1) = scene.pasted().unwrap();
        assert!(x0 <= 57 && y0 <= 36 && (x1, y1) == (SIZE.w, SIZE.h));
        assert_eq!(count, (x1 - x0) * (y1 - y0));
    }
}

#[test]
fn an_object_fully_outside_leaves_no_trace() {
    let object = ScaledObject::new(&block(200), 10, 8, false, false);
    for at in [
        (-10, 0),
        (60, 0),
        (0, -8),
        (0, 40),
        (i64::MIN / 2, 5),
        (5, i64::MAX / 2),
    ] {
        let mut scene = Scene::new();
        assert_eq!(
            object.put(&mut scene.rgb, &mut scene.labels, SIZE, at, 1.0),
            0
        );
        assert_eq!(scene.pasted(), None);
        assert!(scene.rgb.iter().all(|&v| v == 100));
    }
}

#[test]
fn standing_objects_have_their_foot_on_the_ground() {
    let paste = PasteSettings {
        on_ground: 1.0,
        ground: vec![3],
        ..same_size()
    };
    let mut feet = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut scene = Scene::new();
        scene.stamp(&paste, (10, 20, 50, 36), block(200), seed);
        let (x0, _, x1, y1) = scene.pasted().unwrap();
        assert!((31..=36).contains(&y1), "foot in row {}", y1 - 1);
        assert!(x0 + 5 >= 10 && x1 - 5 <= 50);
        feet.insert(y1);
    }
    assert_eq!(feet.len(), 6);
    // No ground in sight: anywhere will do.
    let mut scene = Scene::new();
    assert_eq!(scene.stamp(&paste, (0, 0, 60, 20), block(200), 1), 60);
}

#[test]
fn sizes_follow_the_settings() {
    let paste = PasteSettings {
        height: (0.1, 0.5),
        max_enlarge: 1.5,
        ..same_size()
    };
    let (mut small, mut large) = (usize::MAX, 0);
    for seed in 0..200 {
        let mut scene = Scene::new();
        scene.stamp(&paste, WHOLE, block(200), seed);
        let (_, y0, _, y1) = scene.pasted().unwrap();
        (small, large) = (small.min(y1 - y0), large.max(y1 - y0));
    }
    assert_eq!(
        (small, large),
        (4, 12),
        "0.1 of 40 px; not above 1.5 times 8 px"
    );
    // A long object is held to the picture's width.
    let long = OutlierObject {
        name: "pole".into(),
        w: 400,
        h: 2,
        rgb: vec![9; 2400],
        alpha: vec![255; 800],
    };
    let mut scene = Scene::new();
    assert!(scene.stamp(&paste, WHOLE, long, 1) > 0);
    let (x0, _, x1, _) = scene.pasted().unwrap();
    assert_eq!(x1 - x0, 54);
}

#[test]
fn an_object_that_becomes_too_thin_vanishes() {
    let mut alpha = vec![0; 40 * 40];
    (0..40).for_each(|i| alpha[i * 41] = 255);
    let thread = OutlierObject {
        name: "thread".into(),
        w: 40,
        h: 40,
        rgb: vec![9; 4800],
        alpha,
    };
    let mut scene = Scene::new();
    assert_eq!(
        scene.stamp(
            &PasteSettings {
                height: (0.1, 0.1),
                ..same_size()
            },
            WHOLE,
            thread,
            1
        ),
        0
    );
    assert_eq!(scene.pasted(), None);
}

#[test]
fn old_surroundings_do_not_bleed_in() {
    let mut outlier = block(10);
    for (rgb, &alpha) in outlier.rgb.chunks_exact_mut(3).zip(&outlier.alpha) {
        if alpha == 0 {
            rgb.fill(255);
        }
    }
    let mut scene = Scene::new();
    scene.stamp(
        &PasteSettings {
            height: (0.33, 0.33),
            ..same_size()
        },
        WHOLE,
        outlier,
        3,
    );
    for (rgb, &label) in scene.rgb.chunks_exact(3).zip(&scene.labels) {
        assert_eq!(rgb[0], if label == PASTED { 10 } else { 100 });
    }
}

#[test]
fn feathering_blends_the_edge_only() {
    let mut scene = Scene::new();
    let whole = OutlierObject {
        alpha: vec![255; 80],
        ..block(200)
    };
    assert_eq!(
        scene.stamp(
            &PasteSettings {
                feather: true,
                ..same_size()
            },
            WHOLE,
            whole,
            1
        ),
        80
    );
    let (x0, y0, ..) = scene.pasted().unwrap();
    let at = |x: usize, y: usize| scene.rgb[((y0 + y) * SIZE.w + x0 + x) * 3];
    assert_eq!((at(0, 0), at(4, 0), at(4, 4)), (144, 167, 200));
}

#[test]
fn light_moves_towards_the_surroundings() {
    let shade = |strength| {
        let mut scene = Scene::new();
        let paste = PasteSettings {
            match_light: strength,
            ..same_size()
        };
        scene.stamp(&paste, WHOLE, block(200), 1);
        let (x0, y0, ..) = scene.pasted().unwrap();
        scene.rgb[(y0 * SIZE.w + x0) * 3]
    };
    assert_eq!((shade(0.0), shade(0.5), shade(1.0)), (200, 150, 100));
}

#[test]
fn counts_follow_the_probability() {
    let paste = PasteSettings {
        probability: 0.25,
        max_objects: 3,
        ..PasteSettings::default()
    };
    let mut seen = [0; 4];
    for seed in 0..2000 {
        seen[paste.draw_count(&mut Rng::new(&[seed]))] += 1;
    }
    assert!((1400..1600).contains(&seen[0]), "{seen:?}");
    assert!(seen[1..].iter().all(|n| (120..220).contains(n)), "{seen:?}");
}

#[test]
fn wrong_settings_are_named() {
    let base = || PasteSettings {
        ground: vec![3],
        ..PasteSettings::default()
    };
    assert!(base().check().is_ok());
    let message = |paste: PasteSettings| paste.check().unwrap_err().to_string();
    assert!(
        message(PasteSettings {
            probability: 1.1,
            ..base()
        })
        .contains("probability")
    );
    assert!(
        message(PasteSettings {
            on_ground: f32::NAN,
            ..base()
        })
        .contains("probability")
    );
    assert!(
        message(PasteSettings {
            match_light: 2.0,
            ..base()
        })
        .contains("match_light")
    );
    assert!(
        message(PasteSettings {
            height: (0.0, 0.1),
            ..base()
        })
        .contains("height")
    );
    assert!(
        message(PasteSettings {
            height: (0.5, 0.1),
            ..base()
        })
        .contains("height")
    );
    assert!(
        message(PasteSettings {
            max_enlarge: 0.0,
            ..base()
        })
        .contains("max_enlarge")
    );
    assert!(
        message(PasteSettings {
            max_objects: 0,
            ..base()
        })
        .contains("max_objects")
    );
    assert!(
        message(PasteSettings {
            ground: vec![],
            ..base()
        })
        .contains("ground")
    );
}
