use super::*;
use unmask_frame::{LabelMap, ScoreMap};

/// Road in the lower half; one anomalous cell at `(x, y)` of an 8x8 grid.
fn frame(x: usize, y: usize) -> ScoredFrame {
    let size = Size::new(8, 8);
    let mut score = ScoreMap::filled(size, 0.1);
    score.data_mut()[y * 8 + x] = 0.9;
    let mut classes = LabelMap::filled(size, 1);
    classes.data_mut()[32..].fill(0);
    ScoredFrame {
        score,
        classes,
        qualified: 0,
    }
}

const PICTURE: Size = Size::new(80, 80);

fn settings(only_near_road: bool) -> AlertSettings {
    AlertSettings {
        threshold: 0.5,
        low_threshold: 0.5,
        min_area_px: 1,
        only_near_road,
        zone: None,
        confirm: TrackConfirmation::IMMEDIATE,
        rules: FilterRules::NONE,
        cooldown: Duration::ZERO,
        camera_geometry: None,
        high_severity: HighSeverity {
            distance_m: 10.0,
            area_share: 0.5,
        },
    }
}

fn step(decider: &mut AlertDecider, scored: &ScoredFrame) -> Vec<(AlertEvent, TrackSnapshot)> {
    let mut events = Vec::new();
    decider.step(scored, PICTURE, 0, &mut events);
    events
}

/// Whether a decider with `settings` begins an alert on `scored` at once.
fn begins_alert(settings: AlertSettings, scored: &ScoredFrame) -> bool {
    let mut decider = AlertDecider::new(settings, &[0]).unwrap();
    !step(&mut decider, scored).is_empty()
}

#[test]
fn objects_off_the_road_are_reported_only_where_asked_for() {
    let mut near = AlertDecider::new(settings(true), &[0]).unwrap();
    assert!(step(&mut near, &frame(3, 0)).is_empty());
    assert_eq!(step(&mut near, &frame(3, 5))[0].0, AlertEvent::Begin);
    let mut all = AlertDecider::new(settings(false), &[0]).unwrap();
    let reported = step(&mut all, &frame(3, 0));
    assert_eq!(reported[0].0, AlertEvent::Begin);
    assert!(!reported[0].1.last.on_road);
    let mut ended = Vec::new();
    all.finish(&mut ended);
    assert_eq!(ended[0].0, AlertEvent::End);
    ended.clear();
    all.finish(&mut ended);
    assert!(ended.is_empty());
}

#[test]
fn each_rule_alone_holds_an_object_back() {
    let with = |rules: FilterRules| {
        begins_alert(
            AlertSettings {
                rules,
                ..settings(true)
            },
            // In the left column, one cell of 0.9 in 0.1, road in all of its lower ring.
            &frame(0, 5),
        )
    };
    let none = FilterRules::NONE;
    assert!(with(none));
    assert!(with(FilterRules {
        min_contrast: 1.59,
        ..none
    }));
    assert!(!with(FilterRules {
        min_contrast: 1.61,
        ..none
    }));
    assert!(with(FilterRules {
        min_thickness_px: 10.0,
        ..none
    }));
    assert!(!with(FilterRules {
        min_thickness_px: 10.1,
        ..none
    }));
    assert!(with(FilterRules {
        min_fill: 1.0,
        ..none
    }));
    assert!(!with(FilterRules {
        min_fill: 1.01,
        ..none
    }));
    assert!(with(FilterRules {
        min_road_share: 1.0,
        ..none
    }));
    assert!(!with(FilterRules {
        min_road_share: 1.01,
        ..none
    }));
    assert!(!with(FilterRules {
        reject_truncated: true,
        ..none
    }));
}

#[test]
fn the_zone_holds_the_bottom_centre() {
    let with = |corners: Vec<[f32; 2]>| {
        let zone = Some(ImageZone::try_from(corners).unwrap());
        begins_alert(
            AlertSettings {
                zone,
                ..settings(false)
            },
            &frame(3, 5),
        )
    };
    // Its foot is at (0.4375, 0.75).
    assert!(with(vec![[0.0, 0.7], [1.0, 0.7], [1.0, 1.0], [0.0, 1.0]]));
    assert!(!with(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 0.7], [0.0, 0.7]]));
}

#[test]
fn severity_follows_road_distance_and_size() {
    let of = |settings: AlertSettings, scored: &ScoredFrame| {
        let mut decider = AlertDecider::new(settings, &[0]).unwrap();
        step(&mut decider, scored)[0].1.clone()
    };
    assert_eq!(
        of(settings(false), &frame(3, 0)).severity,
        AlertSeverity::Low
    );
    assert_eq!(
        of(settings(true), &frame(3, 5)).severity,
        AlertSeverity::Medium
    );
    let mut large = settings(true);
    large.high_severity.area_share = 0.01;
    assert_eq!(of(large, &frame(3, 5)).severity, AlertSeverity::High);
    // 1.5 m high, focal length 80 px: a foot 20 px below the middle is 6 m away.
    let mut placed = settings(true);
    placed.camera_geometry = Some(CameraGeometry {
        height_m: 1.5,
        pitch_deg: 0.0,
        focal_widths: 1.0,
        focal_down_widths: None,
        centre: [0.5, 0.5],
        furthest_m: 100.0,
    });
    let track = of(placed.clone(), &frame(3, 5));
    assert!((track.position.distance_m.unwrap() - 6.0).abs() < 0.1);
    assert!(track.position.bearing_deg.unwrap() < 0.0);
    assert_eq!(track.severity, AlertSeverity::High);
    placed.high_severity.distance_m = 5.0;
    assert_eq!(of(placed, &frame(3, 5)).severity, AlertSeverity::Medium);
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |bad: AlertSettings| AlertDecider::new(bad, &[0]).unwrap_err().to_string();
    let base = || settings(true);
    let nan = AlertSettings {
        threshold: f32::NAN,
        ..base()
    };
    assert!(refused(nan).contains("NaN"));
    for low_threshold in [0.6, f32::NAN, f32::NEG_INFINITY] {
        let bad = AlertSettings {
            low_threshold,
            ..base()
        };
        assert!(refused(bad).contains("low threshold"));
    }
    let mut sunk = base();
    sunk.camera_geometry = Some(CameraGeometry {
        height_m: -1.0,
        pitch_deg: 0.0,
        focal_widths: 1.0,
        focal_down_widths: None,
        centre: [0.5, 0.5],
        furthest_m: 100.0,
    });
    assert!(refused(sunk).contains("height_m"));
}
