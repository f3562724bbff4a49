//! Follows findings from frame to frame, so that one thing has one id.

use super::{Event, Finding};
use std::sync::Arc;

/// Boxes grow by this share of their size before they are compared: things near the camera move
/// by about their own size between frames.
const GROW: f32 = 0.25;
/// Two boxes belong together from this share of the smaller one on.
const OVERLAP: f32 = 0.3;
/// History is kept in a 32-bit number.
const WINDOW_LIMIT: u32 = 32;

/// When a thing counts as real: seen in `hits` of the last `window` frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    hits: u32,
    window: u32,
}

impl Confirm {
    /// At the first sight.
    pub const AT_ONCE: Confirm = Confirm { hits: 1, window: 1 };

    /// In `hits` of `window` frames; `None` unless `1 <= hits <= window <= 32`.
    pub fn new(hits: u32, window: u32) -> Option<Self> {
        (1 <= hits && hits <= window && window <= WINDOW_LIMIT).then_some(Self { hits, window })
    }
}

impl std::str::FromStr for Confirm {
    type Err = String;

    /// Reads `K/N`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(k, n)| Confirm::new(k.trim().parse().ok()?, n.trim().parse().ok()?))
            .ok_or_else(|| {
                format!("wanted K/N with 1 <= K <= N <= {WINDOW_LIMIT}, for example 2/3")
            })
    }
}

impl std::fmt::Display for Confirm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.hits, self.window)
    }
}

/// A thing that is followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its id.
    pub id: Arc<str>,
    /// How it was last seen.
    pub last: Finding,
}

#[derive(Debug)]
struct Followed {
    last: Finding,
    /// Bit 0 is the newest frame; 1 = seen.
    history: u32,
    /// Given on confirmation.
    id: Option<Arc<str>>,
}

impl Followed {
    fn track(&self) -> Option<Track> {
        let id = self.id.clone()?;
        Some(Track {
            id,
            last: self.last,
        })
    }
}

/// All things that are followed.
#[derive(Debug)]
pub(super) struct Tracker {
    confirm: Confirm,
    /// Before the number in every id: makes ids of two runs differ.
    prefix: Option<String>,
    confirmed: u64,
    followed: Vec<Followed>,
}

impl Tracker {
    pub fn new(confirm: Confirm) -> Self {
        Self {
            confirm,
            prefix: None,
            confirmed: 0,
            followed: Vec::new(),
        }
    }

    /// Takes the findings of a frame captured at `unix_ns`; returns what happened, ends first.
    pub fn step(&mut self, unix_ns: i128, findings: &[Finding]) -> Vec<(Event, Track)> {
        let prefix = self
            .prefix
            .get_or_insert_with(|| format!("{:x}", unix_ns.max(0) / 1_000_000));
        let partner = pair(&self.followed, findings);
        for thing in &mut self.followed {
            thing.history <<= 1;
        }
        for (finding, partner) in findings.iter().zip(partner) {
            match partner {
                Some(i) => {
                    self.followed[i].last = *finding;
                    self.followed[i].history |= 1;
                }
                None => self.followed.push(Followed {
                    last: *finding,
                    history: 1,
                    id: None,
                }),
            }
        }
        let window = u32::MAX >> (WINDOW_LIMIT - self.confirm.window);
        let mut events = Vec::new();
        self.followed.retain(|thing| {
            let stays = thing.history & window != 0;
            if !stays && let Some(track) = thing.track() {
                events.push((Event::End, track));
            }
            stays
        });
        for thing in &mut self.followed {
            let event = match thing.id {
                Some(_) => Event::Update,
                None if (thing.history & window).count_ones() >= self.confirm.hits => {
                    self.confirmed += 1;
                    thing.id = Some(format!("{prefix}-{}", self.confirmed).into());
                    Event::Begin
                }
                None => continue,
            };
            if thing.history & 1 == 1 {
                events.extend(thing.track().map(|track| (event, track)));
            }
        }
        events
    }

    /// Ends everything that is followed.
    pub fn finish(&mut self) -> Vec<(Event, Track)> {
        self.followed
            .drain(..)
            .filter_map(|thing| thing.track().map(|track| (Event::End, track)))
            .collect()
    }
}

/// For every finding the followed thing it belongs to: best overlap first, each taken once.
fn pair(followed: &[Followed], findings: &[Finding]) -> Vec<Option<usize>> {
    let mut close: Vec<(f32, usize, usize)> = Vec::new();
    for (i, thing) in followed.iter().enumerate() {
        for (j, finding) in findings.iter().enumerate() {
            let share = overlap(thing.last.bbox, finding.bbox);
            if share >= OVERLAP {
                close.push((share, i, j));
            }
        }
    }
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut partner = vec![None; findings.len()];
    let mut taken = vec![false; followed.len()];
    for (_, i, j) in close {
        if !taken[i] && partner[j].is_none() {
            taken[i] = true;
            partner[j] = Some(i);
        }
    }
    partner
}

/// Shared area of two boxes, grown, as a share of the smaller one.
fn overlap(a: [u32; 4], b: [u32; 4]) -> f32 {
    let grown = |[x, y, w, h]: [u32; 4]| {
        let [x, y, w, h] = [x, y, w, h].map(|v| v as f32);
        let (dx, dy) = (w * GROW, h * GROW);
        [x - dx, y - dy, x + w + dx, y + h + dy]
    };
    let (a, b) = (grown(a), grown(b));
    let side = |i: usize| (a[i + 2].min(b[i + 2]) - a[i].max(b[i])).max(0.0);
    let area = |r: [f32; 4]| (r[2] - r[0]) * (r[3] - r[1]);
    let smaller = area(a).min(area(b));
    if smaller > 0.0 {
        side(0) * side(1) / smaller
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: u32, y: u32, side: u32) -> Finding {
        Finding {
            bbox: [x, y, side, side],
            area_px: side * side,
            score_max: 0.9,
            score_mean: 0.8,
            on_road: true,
        }
    }

    /// Steps through frames; each event as `B1`, `U1`, `E1` with the number in its id.
    fn play(confirm: Confirm, frames: &[&[Finding]]) -> Vec<String> {
        let mut tracker = Tracker::new(confirm);
        let shown = |events: Vec<(Event, Track)>| -> String {
            let one = |(event, track): &(Event, Track)| {
                let number = track.id.rsplit_once('-').unwrap().1.to_string();
                format!("{event:?}")[..1].to_string() + &number
            };
            events.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let mut all: Vec<String> = frames
            .iter()
            .map(|f| shown(tracker.step(5_000_000, f)))
            .collect();
        all.push(shown(tracker.finish()));
        all
    }

    #[test]
    fn one_thing_has_one_id_from_begin_to_end() {
        let frames: [&[Finding]; 5] = [
            &[at(10, 10, 8)],
            &[at(12, 11, 9)],
            &[at(15, 12, 12)],
            &[],
            &[],
        ];
        assert_eq!(
            play(Confirm::AT_ONCE, &frames),
            ["B1", "U1", "U1", "E1", "", ""]
        );
    }

    #[test]
    fn confirmation_needs_k_of_n_and_gaps_are_bridged() {
        let two_of_three = Confirm::new(2, 3).unwrap();
        let a: &[Finding] = &[at(10, 10, 8)];
        let none: &[Finding] = &[];
        // Seen once: never told.
        assert_eq!(
            play(two_of_three, &[a, none, none, none]),
            ["", "", "", "", ""]
        );
        // Seen, missed, seen: told; then it stays through two misses and ends at the third.
        assert_eq!(
            play(two_of_three, &[a, none, a, none, a, none, none, none]),
            ["", "", "B1", "", "U1", "", "", "E1", ""]
        );
        // The end of the run ends it.
        assert_eq!(play(two_of_three, &[a, a]), ["", "B1", "E1"]);
    }

    #[test]
    fn two_things_keep_their_own_ids() {
        let (a, b) = (at(10, 10, 8), at(100, 10, 8));
        let frames: [&[Finding]; 3] = [&[a, b], &[b, a], &[b]];
        assert_eq!(
            play(Confirm::AT_ONCE, &frames),
            ["B1 B2", "U1 U2", "E1 U2", "E2"]
        );
    }

    #[test]
    fn the_better_overlap_wins_and_the_other_begins_anew() {
        let frames: [&[Finding]; 2] = [&[at(10, 10, 10)], &[at(17, 10, 10), at(11, 10, 10)]];
        let mut tracker = Tracker::new(Confirm::AT_ONCE);
        tracker.step(0, frames[0]);
        let events = tracker.step(0, frames[1]);
        assert_eq!(events[0].0, Event::Update);
        assert_eq!(events[0].1.last.bbox, [11, 10, 10, 10]);
        assert_eq!(events[1].0, Event::Begin);
    }

    #[test]
    fn ids_carry_the_time_of_the_first_frame() {
        let mut tracker = Tracker::new(Confirm::AT_ONCE);
        let first = tracker.step(0xabc * 1_000_000, &[at(0, 0, 5)]);
        assert_eq!(&*first[0].1.id, "abc-1");
        let second = tracker.step(i128::MAX, &[at(0, 0, 5), at(50, 50, 5)]);
        assert_eq!(&*second[1].1.id, "abc-2");
    }

    #[test]
    fn overlap_is_a_share_of_the_smaller_box() {
        assert_eq!(overlap([0, 0, 10, 10], [0, 0, 10, 10]), 1.0);
        assert_eq!(overlap([0, 0, 100, 100], [40, 40, 4, 4]), 1.0);
        assert_eq!(overlap([0, 0, 10, 10], [100, 0, 10, 10]), 0.0);
        assert_eq!(overlap([0, 0, 0, 0], [0, 0, 0, 0]), 0.0);
    }

    #[test]
    fn confirm_is_read_as_k_of_n() {
        assert_eq!(
            "2/3".parse::<Confirm>().unwrap(),
            Confirm::new(2, 3).unwrap()
        );
        assert_eq!("1/1".parse::<Confirm>().unwrap(), Confirm::AT_ONCE);
        assert_eq!(Confirm::new(32, 32).unwrap().to_string(), "32/32");
        for text in ["", "2", "0/3", "4/3", "1/33", "a/b", "-1/2", "1/2/3"] {
            assert!(
                text.parse::<Confirm>().unwrap_err().contains("K/N"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_window_of_32_frames_does_not_overflow() {
        let mut tracker = Tracker::new(Confirm::new(1, 32).unwrap());
        tracker.step(0, &[at(0, 0, 5)]);
        for _ in 0..31 {
            assert!(tracker.step(0, &[]).is_empty());
        }
        assert_eq!(tracker.step(0, &[])[0].0, Event::End);
    }
}
