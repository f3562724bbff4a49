use super::*;
use unmask_frame::ScoreMap;

fn find(
    map: &ScoredFrame,
    road: &[usize],
    picture: Size,
    high: f32,
    min_area_px: u32,
) -> Vec<Detection> {
    let thresholds = HysteresisThresholds {
        high,
        low: high,
        min_area_px,
    };
    DetectionFinder::new(road)
        .find(map, picture, thresholds)
        .to_vec()
}

/// Cells as text: a digit is ten times the score on road (class 0), a letter `a` to `j` the
/// same digits next to the road (class 1).
fn scored(rows: &[&str]) -> ScoredFrame {
    let size = Size::new(rows[0].len(), rows.len());
    let cells: Vec<(f32, u8)> = rows
        .concat()
        .bytes()
        .map(|b| match b {
            b'0'..=b'9' => (f32::from(b - b'0') / 10.0, 0),
            _ => (f32::from(b - b'a') / 10.0, 1),
        })
        .collect();
    ScoredFrame {
        score: ScoreMap::new(size, cells.iter().map(|c| c.0).collect()).unwrap(),
        classes: LabelMap::new(size, cells.iter().map(|c| c.1).collect()).unwrap(),
        qualified: 0,
    }
}

#[test]
fn components_come_in_pixels_of_the_picture() {
    let map = scored(&["0000", "0990", "0700", "0000"]);
    let found = find(&map, &[0], Size::new(40, 20), 0.69, 1);
    assert_eq!(found.len(), 1);
    let Detection {
        bbox,
        area_px,
        score_max,
        score_mean,
        on_road,
        ..
    } = found[0];
    assert_eq!((bbox, area_px, on_road), ([10, 5, 20, 10], 150, true));
    assert_eq!(score_max, 0.9);
    assert!((score_mean - 2.5 / 3.0).abs() < 1e-6);
}

#[test]
fn boxes_are_rounded_outwards() {
    assert_eq!(
        to_picture([1, 1, 1, 1], Size::new(3, 3), Size::new(10, 10)),
        [3, 3, 4, 4]
    );
    assert_eq!(
        to_picture([0, 0, 3, 3], Size::new(3, 3), Size::new(10, 7)),
        [0, 0, 10, 7]
    );
    // A picture smaller than the grid: a box never vanishes.
    assert_eq!(
        to_picture([5, 5, 1, 1], Size::new(8, 8), Size::new(4, 4)),
        [2, 2, 1, 1]
    );
}

#[test]
fn scores_lie_above_the_threshold_and_areas_from_the_least_on() {
    let map = scored(&["700", "000", "077"]);
    let picture = Size::new(30, 30);
    let areas = |threshold, min| -> Vec<u32> {
        let found = find(&map, &[0], picture, threshold, min);
        found.iter().map(|f| f.area_px).collect()
    };
    assert_eq!(areas(0.69, 1), [200, 100]);
    assert_eq!(areas(0.69, 100), [200, 100]);
    assert_eq!(areas(0.69, 101), [200]);
    assert!(areas(0.69, 201).is_empty());
    assert!(areas(0.7, 1).is_empty());
}

#[test]
fn on_road_is_what_stands_on_the_road_or_next_to_it() {
    // The road narrows upwards; everything else is class 1.
    let rows = [
        "aaaaaaaaaa",
        "aaaa00aaaa",
        "aaa0000aaa",
        "aa000000aa",
        "a00000000a",
    ];
    let stands = |x: usize, y: usize| {
        let mut map = scored(&rows);
        map.score.data_mut()[y * 10 + x] = 0.9;
        map.classes.data_mut()[y * 10 + x] = 1;
        let found = find(&map, &[0], Size::new(10, 5), 0.8, 1);
        assert_eq!(found.len(), 1);
        found[0].on_road
    };
    assert!(stands(5, 3) && stands(4, 1), "on the road");
    assert!(stands(1, 3) && stands(9, 4), "next to it");
    assert!(stands(4, 0), "its foot reaches the road below");
    assert!(
        !stands(0, 0) && !stands(9, 1) && !stands(0, 1),
        "away from it"
    );
}

#[test]
fn a_verge_that_reaches_to_the_road_is_not_on_it() {
    // A bank along the left of the road, its bottom edge at the bottom.
    let rows = [
        "aaaaaaaaaa",
        "aaaa00aaaa",
        "jjj0000aaa",
        "jj000000aa",
        "jjjjj00000",
    ];
    let found = find(&scored(&rows), &[0], Size::new(10, 5), 0.8, 1);
    assert_eq!((found.len(), found[0].on_road), (1, false));
    // The same with half of its bottom edge on the road.
    let rows = [
        "aaaaaaaaaa",
        "aaaa00aaaa",
        "jjj0000aaa",
        "jjj00000aa",
        "jjj9999900",
    ];
    assert!(find(&scored(&rows), &[0], Size::new(10, 5), 0.8, 1)[0].on_road);
}

#[test]
fn an_object_across_the_whole_road_is_on_it_and_a_stray_cell_makes_no_road() {
    let mut rows = ["0bbbbb", "bbbbbb", "jjjjjj", "000000", "000000"];
    let found = find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1);
    assert!(found[0].on_road);
    rows[3] = "bbbbbb";
    rows[4] = "bbbbbb";
    rows[0] = "0jbbbb";
    rows[2] = "bbbbbb";
    // Only one road cell in the picture: it is the largest piece there is.
    assert!(find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1)[0].on_road);
    rows[4] = "000000";
    assert!(!find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1)[0].on_road);
    // No road at all.
    rows = ["bbbbbb", "bbjbbb", "bbbbbb", "bbbbbb", "bbbbbb"];
    assert!(!find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1)[0].on_road);
}

#[test]
fn a_component_reaches_down_to_the_low_threshold_but_needs_the_high_one() {
    let map = scored(&["00000000", "05900550", "00600000", "00000000"]);
    let thresholds = |high, low| HysteresisThresholds {
        high,
        low,
        min_area_px: 1,
    };
    let mut finder = DetectionFinder::new(&[0]);
    let picture = Size::new(80, 40);
    let found = finder.find(&map, picture, thresholds(0.8, 0.4)).to_vec();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].bbox, found[0].area_px), ([10, 10, 20, 20], 300));
    // The low threshold alone finds both; the high one alone only the peak.
    assert_eq!(finder.find(&map, picture, thresholds(0.4, 0.4)).len(), 2);
    assert_eq!(
        finder.find(&map, picture, thresholds(0.8, 0.8))[0].area_px,
        100
    );
    assert!(finder.find(&map, picture, thresholds(0.9, 0.4)).is_empty());
}

#[test]
fn the_ring_reports_what_it_stands_out_from_and_stands_on() {
    // One cell of 0.9 on road of 0.1; below it, and next to it in its own row, all is road.
    let map = scored(&[
        "bbbbbbb", "bbbbbbb", "1119111", "1111111", "1111111", "1111111",
    ]);
    let found = find(&map, &[0], Size::new(7, 6), 0.8, 1)[0];
    assert!((found.contrast - 0.8).abs() < 1e-6, "{found:?}");
    assert_eq!((found.road_share, found.at_edge), (1.0, false));
    assert_eq!(found.thickness_px, 1.0);
    // Nothing but anomaly: nothing to stand out from, and the edge is reached.
    let all = find(&scored(&["99", "99"]), &[0], Size::new(2, 2), 0.8, 1)[0];
    assert_eq!(
        (all.contrast, all.road_share, all.at_edge),
        (0.0, 0.0, true)
    );
    // Half of the lower ring is road.
    let map = scored(&["bbbbbb", "bbbbbb", "bbj000", "bbb000", "bbb000"]);
    let found = find(&map, &[0], Size::new(6, 5), 0.8, 1)[0];
    assert!((found.road_share - 6.0 / 14.0).abs() < 1e-6, "{found:?}");
}

#[test]
fn a_line_is_thin_and_the_upper_edge_is_no_edge() {
    let map = scored(&["0999990", "0000000", "0000000"]);
    let found = find(&map, &[0], Size::new(70, 30), 0.8, 1)[0];
    assert_eq!((found.thickness_px, found.at_edge), (10.0, false));
    assert_eq!(found.fill, 1.0);
    let map = scored(&["0900", "0090", "0000"]);
    let found = find(&map, &[0], Size::new(40, 30), 0.8, 1)[0];
    assert_eq!(found.fill, 0.5);
}

#[test]
fn a_finder_forgets_the_frame_before() {
    let (a, b) = (scored(&["090", "000", "009"]), scored(&["00", "99"]));
    let thresholds = HysteresisThresholds {
        high: 0.8,
        low: 0.5,
        min_area_px: 1,
    };
    let mut finder = DetectionFinder::new(&[0]);
    let first = finder.find(&a, Size::new(30, 30), thresholds).to_vec();
    finder.find(&b, Size::new(20, 20), thresholds);
    assert_eq!(finder.find(&a, Size::new(30, 30), thresholds), first);
}
