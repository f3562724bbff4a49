use super::*;

fn at(x: u32, y: u32, side: u32) -> Detection {
    Detection {
        bbox: [x, y, side, side],
        area_px: side * side,
        score_max: 0.9,
        score_mean: 0.8,
        contrast: 0.5,
        thickness_px: side as f32,
        fill: 1.0,
        road_share: 1.0,
        at_edge: false,
        on_road: true,
    }
}

fn rule(confirm: TrackConfirmation) -> TrackFilter {
    TrackFilter {
        confirm,
        min_growth: 0.0,
        max_rise: f32::INFINITY,
        cooldown: Duration::ZERO,
    }
}

/// One step in which every detection counts.
fn step(
    tracker: &mut Tracker,
    unix_ns: i128,
    detections: &[Detection],
) -> Vec<(AlertEvent, TrackUpdate)> {
    let detections: Vec<(Detection, bool)> = detections.iter().map(|f| (*f, true)).collect();
    let mut events = Vec::new();
    tracker.step(unix_ns, &detections, &mut events);
    events
}

fn kinds(events: &[(AlertEvent, TrackUpdate)]) -> Vec<AlertEvent> {
    events.iter().map(|e| e.0).collect()
}

/// Steps through frames; each event as `B1`, `U1`, `E1` with the number in its id.
fn play(confirm: TrackConfirmation, frames: &[&[Detection]]) -> Vec<String> {
    let mut tracker = Tracker::new(rule(confirm));
    let shown = |events: Vec<(AlertEvent, TrackUpdate)>| -> String {
        let one = |(event, track): &(AlertEvent, TrackUpdate)| {
            let number = track.id.rsplit_once('-').unwrap().1.to_string();
            format!("{event:?}")[..1].to_string() + &number
        };
        events.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    let mut all: Vec<String> = frames
        .iter()
        .map(|f| shown(step(&mut tracker, 5_000_000, f)))
        .collect();
    let mut ended = Vec::new();
    tracker.finish(&mut ended);
    all.push(shown(ended));
    all
}

#[test]
fn one_object_has_one_id_from_begin_to_end() {
    let frames: [&[Detection]; 5] = [
        &[at(10, 10, 8)],
        &[at(12, 11, 9)],
        &[at(15, 12, 12)],
        &[],
        &[],
    ];
    assert_eq!(
        play(TrackConfirmation::IMMEDIATE, &frames),
        ["B1", "U1", "U1", "E1", "", ""]
    );
}

#[test]
fn confirmation_needs_k_of_n_and_gaps_are_bridged() {
    let two_of_three = TrackConfirmation::new(2, 3).unwrap();
    let a: &[Detection] = &[at(10, 10, 8)];
    let none: &[Detection] = &[];
    // Seen once: never reported.
    assert_eq!(
        play(two_of_three, &[a, none, none, none]),
        ["", "", "", "", ""]
    );
    // Seen, missed, seen: reported; then it stays through two misses and ends at the third.
    assert_eq!(
        play(two_of_three, &[a, none, a, none, a, none, none, none]),
        ["", "", "B1", "", "U1", "", "", "E1", ""]
    );
    // The end of the run ends it.
    assert_eq!(play(two_of_three, &[a, a]), ["", "B1", "E1"]);
}

#[test]
fn two_objects_keep_their_own_ids() {
    let (a, b) = (at(10, 10, 8), at(100, 10, 8));
    let frames: [&[Detection]; 3] = [&[a, b], &[b, a], &[b]];
    assert_eq!(
        play(TrackConfirmation::IMMEDIATE, &frames),
        ["B1 B2", "U1 U2", "E1 U2", "E2"]
    );
}

#[test]
fn the_better_overlap_wins_and_the_other_begins_again() {
    let frames: [&[Detection]; 2] = [&[at(10, 10, 10)], &[at(17, 10, 10), at(11, 10, 10)]];
    let mut tracker = Tracker::new(rule(TrackConfirmation::IMMEDIATE));
    step(&mut tracker, 0, frames[0]);
    let events = step(&mut tracker, 0, frames[1]);
    assert_eq!(events[0].0, AlertEvent::Update);
    assert_eq!(events[0].1.last.bbox, [11, 10, 10, 10]);
    assert_eq!(events[1].0, AlertEvent::Begin);
}

#[test]
fn ids_carry_the_time_of_the_first_frame() {
    let mut tracker = Tracker::new(rule(TrackConfirmation::IMMEDIATE));
    let first = step(&mut tracker, 0xabc * 1_000_000, &[at(0, 0, 5)]);
    assert_eq!(&*first[0].1.id, "abc-1");
    let second = step(&mut tracker, i128::MAX, &[at(0, 0, 5), at(50, 50, 5)]);
    assert_eq!(&*second[1].1.id, "abc-2");
}

#[test]
fn overlap_is_a_share_of_the_smaller_box() {
    assert_eq!(overlap([0., 0., 10., 10.], [0., 0., 10., 10.]), 1.0);
    assert_eq!(overlap([0., 0., 100., 100.], [40., 40., 4., 4.]), 1.0);
    assert_eq!(overlap([0., 0., 10., 10.], [100., 0., 10., 10.]), 0.0);
    assert_eq!(overlap([0.; 4], [0.; 4]), 0.0);
}

#[test]
fn confirm_is_read_as_k_of_n() {
    assert_eq!(
        "2/3".parse::<TrackConfirmation>().unwrap(),
        TrackConfirmation::new(2, 3).unwrap()
    );
    assert_eq!(
        "1/1".parse::<TrackConfirmation>().unwrap(),
        TrackConfirmation::IMMEDIATE
    );
    assert_eq!(TrackConfirmation::new(32, 32).unwrap().to_string(), "32/32");
    for text in ["", "2", "0/3", "4/3", "1/33", "a/b", "-1/2", "1/2/3"] {
        assert!(
            text.parse::<TrackConfirmation>()
                .unwrap_err()
                .contains("K/N"),
            "{text}"
        );
    }
}

#[test]
fn a_window_of_32_frames_does_not_overflow() {
    let mut tracker = Tracker::new(rule(TrackConfirmation::new(1, 32).unwrap()));
    step(&mut tracker, 0, &[at(0, 0, 5)]);
    for _ in 0..31 {
        assert!(step(&mut tracker, 0, &[]).is_empty());
    }
    assert_eq!(step(&mut tracker, 0, &[])[0].0, AlertEvent::End);
}

#[test]
fn what_does_not_count_begins_nothing_but_keeps_alive() {
    let mut tracker = Tracker::new(rule(TrackConfirmation::new(2, 3).unwrap()));
    let mut at_frame = |counts: bool| {
        let mut events = Vec::new();
        tracker.step(0, &[(at(10, 10, 8), counts)], &mut events);
        kinds(&events)
    };
    assert!((0..5).all(|_| at_frame(false).is_empty()));
    assert!(at_frame(true).is_empty());
    assert!(
        at_frame(false).is_empty(),
        "no beginning on a doubtful sighting"
    );
    assert_eq!(at_frame(true), [AlertEvent::Begin]);
    assert!((0..5).all(|_| at_frame(false) == [AlertEvent::Update]));
}

#[test]
fn what_shrinks_or_rises_is_not_approached() {
    let strict = TrackFilter {
        min_growth: 0.8,
        max_rise: 0.5,
        ..rule(TrackConfirmation::new(2, 2).unwrap())
    };
    let begins = |first: Detection, second: Detection| {
        let mut tracker = Tracker::new(strict);
        step(&mut tracker, 0, &[first]);
        kinds(&step(&mut tracker, 0, &[second])) == [AlertEvent::Begin]
    };
    assert!(begins(at(10, 10, 10), at(10, 10, 10)), "it stays");
    assert!(
        begins(at(10, 10, 10), at(9, 12, 13)),
        "it grows and comes down"
    );
    // 64 of 100 px.
    assert!(!begins(at(10, 10, 10), at(11, 12, 8)), "it shrinks");
    assert!(
        begins(at(10, 10, 10), at(10, 5, 10)),
        "half of its height up"
    );
    assert!(!begins(at(10, 10, 10), at(10, 4, 10)), "further up");
}

#[test]
fn what_ended_does_not_begin_anew_until_it_cooled_down_or_grew() {
    let second_ns = 1_000_000_000;
    let cooling = TrackFilter {
        cooldown: Duration::from_secs(3),
        ..rule(TrackConfirmation::IMMEDIATE)
    };
    let after = |seconds: i128, again: Detection| {
        let mut tracker = Tracker::new(cooling);
        step(&mut tracker, 0, &[at(10, 10, 10)]);
        assert_eq!(
            kinds(&step(&mut tracker, second_ns, &[])),
            [AlertEvent::End]
        );
        kinds(&step(&mut tracker, (1 + seconds) * second_ns, &[again]))
    };
    assert!(after(1, at(12, 10, 10)).is_empty());
    assert!(after(2, at(12, 10, 10)).is_empty());
    assert_eq!(after(3, at(12, 10, 10)), [AlertEvent::Begin]);
    assert_eq!(
        after(1, at(12, 10, 15)),
        [AlertEvent::Begin],
        "it has grown"
    );
    assert_eq!(
        after(1, at(100, 10, 10)),
        [AlertEvent::Begin],
        "another place"
    );
    // Silent while it cools down, reported afterwards.
    let mut tracker = Tracker::new(cooling);
    step(&mut tracker, 0, &[at(10, 10, 10)]);
    step(&mut tracker, second_ns, &[]);
    assert!(step(&mut tracker, 2 * second_ns, &[at(10, 10, 10)]).is_empty());
    let late = step(&mut tracker, 4 * second_ns, &[at(10, 10, 10)]);
    assert_eq!(
        (kinds(&late), late[0].1.id.ends_with("-2")),
        (vec![AlertEvent::Begin], true)
    );
}

#[test]
fn a_steady_movement_is_followed_through_a_gap() {
    let mut tracker = Tracker::new(rule(TrackConfirmation::new(1, 4).unwrap()));
    for x in [0, 9, 18] {
        step(&mut tracker, 0, &[at(x, 10, 10)]);
    }
    step(&mut tracker, 0, &[]);
    step(&mut tracker, 0, &[]);
    // Three steps further: far from where it was last seen.
    assert_eq!(
        kinds(&step(&mut tracker, 0, &[at(45, 10, 10)])),
        [AlertEvent::Update]
    );
}

#[test]
fn the_number_of_tracks_is_bounded() {
    let mut tracker = Tracker::new(rule(TrackConfirmation::IMMEDIATE));
    let many: Vec<Detection> = (0..500).map(|i| at(i * 40, 0, 10)).collect();
    assert_eq!(step(&mut tracker, 0, &many).len(), TRACKS_LIMIT);
    assert_eq!(step(&mut tracker, 0, &many).len(), TRACKS_LIMIT);
}
