//! Multi-object tracker: associates detections over frames, so that one object keeps one id.
//!
//! A detection either counts towards a beginning or it does not (the rules say which). Confirmed
//! tracks are continued by both: beginning takes more than continuing.

use super::{AlertEvent, Detection};
use std::sync::Arc;
use std::time::Duration;

/// Boxes grow by this share of their size before they are compared: objects near the camera move
/// by about their own size between frames.
const GROW: f32 = 0.25;
/// Two boxes belong together from this share of the smaller one on.
const OVERLAP: f32 = 0.3;
/// History is kept in a 32-bit number.
const WINDOW_LIMIT: u32 = 32;
/// Most objects tracked at a time; further detections of a frame are left out, the smallest first.
const TRACKS_LIMIT: usize = 128;
/// Most objects remembered after their end.
const ENDED_LIMIT: usize = 32;
/// An object that comes again within the cool-down is reported at once where its area has grown so much.
const GROWN: u64 = 2;

/// When an object counts as real: seen in `hits` of the last `window` frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct TrackConfirmation {
    hits: u32,
    window: u32,
}

impl TrackConfirmation {
    /// At the first detection.
    pub const IMMEDIATE: TrackConfirmation = TrackConfirmation { hits: 1, window: 1 };

    /// In `hits` of `window` frames; `None` unless `1 <= hits <= window <= 32`.
    pub const fn new(hits: u32, window: u32) -> Option<Self> {
        if 1 <= hits && hits <= window && window <= WINDOW_LIMIT {
            Some(Self { hits, window })
        } else {
            None
        }
    }

    fn mask(self) -> u32 {
        u32::MAX >> (WINDOW_LIMIT - self.window)
    }
}

impl std::str::FromStr for TrackConfirmation {
    type Err = String;

    /// Reads `K/N`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(k, n)| {
                TrackConfirmation::new(k.trim().parse().ok()?, n.trim().parse().ok()?)
            })
            .ok_or_else(|| {
                format!("expected K/N with 1 <= K <= N <= {WINDOW_LIMIT}, for example 2/3")
            })
    }
}

impl TryFrom<String> for TrackConfirmation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::fmt::Display for TrackConfirmation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.hits, self.window)
    }
}

/// How objects are tracked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TrackFilter {
    /// How often an object must be seen, by detections that count.
    pub confirm: TrackConfirmation,
    /// Minimum area at confirmation, as a share of that at first detection: what is approached grows.
    pub min_growth: f32,
    /// Farthest that its bottom edge may have risen since first detection, as a share of its height: what is
    /// approached comes down the picture.
    pub max_rise: f32,
    /// For how long an object that ended does not start again in its place.
    pub cooldown: Duration,
}

/// An object that is tracked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrackUpdate {
    /// Its id.
    pub id: Arc<str>,
    /// How it was last seen.
    pub last: Detection,
}

#[derive(Debug)]
struct TrackState {
    first: Detection,
    last: Detection,
    /// How its middle moves, px per frame.
    shift: [f32; 2],
    /// Frames since it was last seen.
    frames_since_update: u32,
    /// Bit 0 is the newest frame; 1 = seen.
    history: u32,
    /// The same for sightings that count.
    counted: u32,
    /// Given on confirmation.
    id: Option<Arc<str>>,
}

impl TrackState {
    fn new(detection: Detection, counts: bool) -> Self {
        Self {
            first: detection,
            last: detection,
            shift: [0.0; 2],
            frames_since_update: 0,
            history: 1,
            counted: u32::from(counts),
            id: None,
        }
    }

    fn update(&mut self, detection: Detection, counts: bool) {
        let (old, new) = (middle(self.last.bbox), middle(detection.bbox));
        let frames = self.frames_since_update.max(1) as f32;
        self.shift = [0, 1].map(|i| (new[i] - old[i]) / frames);
        self.last = detection;
        self.frames_since_update = 0;
        self.history |= 1;
        self.counted |= u32::from(counts);
    }

    /// Where its box should be now.
    fn expected(&self) -> [f32; 4] {
        let [x, y, w, h] = self.last.bbox.map(|v| v as f32);
        let frames = self.frames_since_update as f32;
        let [dx, dy] = self.shift.map(|v| v * frames);
        [x + dx, y + dy, w, h]
    }

    /// Whether it behaves as something that is approached, or at least stays.
    fn is_approached(&self, rule: &TrackFilter) -> bool {
        let grown = self.last.area_px as f32 >= rule.min_growth * self.first.area_px as f32;
        let bottom = |f: &Detection| (f.bbox[1] + f.bbox[3]) as f32;
        let rise = bottom(&self.first) - bottom(&self.last);
        grown && rise <= rule.max_rise * self.last.bbox[3] as f32
    }
}

#[derive(Clone, Copy, Debug)]
struct EndedTrack {
    bbox: [u32; 4],
    area_px: u32,
    unix_ns: i128,
}

/// All objects that are tracked.
#[derive(Debug)]
pub(super) struct Tracker {
    filter: TrackFilter,
    /// Stands before the number in every id, so that ids of two runs differ.
    prefix: Option<Arc<str>>,
    confirmed: u64,
    tracks: Vec<TrackState>,
    /// Oldest first.
    ended: Vec<EndedTrack>,
    association: TrackAssociation,
}

impl Tracker {
    pub fn new(filter: TrackFilter) -> Self {
        Self {
            filter,
            prefix: None,
            confirmed: 0,
            tracks: Vec::with_capacity(TRACKS_LIMIT),
            ended: Vec::with_capacity(ENDED_LIMIT),
            association: TrackAssociation::default(),
        }
    }

    /// Begins every id with `prefix`, rather than with the time of the first frame.
    pub fn set_prefix(&mut self, prefix: &str) {
        self.prefix = Some(prefix.into());
    }

    /// Takes the detections of a frame captured at `unix_ns`, each with whether it counts; appends
    /// what happened to `events`, ends first.
    pub fn step(
        &mut self,
        unix_ns: i128,
        detections: &[(Detection, bool)],
        events: &mut Vec<(AlertEvent, TrackUpdate)>,
    ) {
        self.prefix
            .get_or_insert_with(|| format!("{:x}", unix_ns.max(0) / 1_000_000).into());
        for object in &mut self.tracks {
            object.history <<= 1;
            object.counted <<= 1;
            object.frames_since_update = object.frames_since_update.saturating_add(1);
        }
        self.association.associate(&self.tracks, detections);
        for (&(detection, counts), partner) in
            detections.iter().zip(&self.association.matched_track)
        {
            match *partner {
                Some(i) => self.tracks[i].update(detection, counts),
                None if self.tracks.len() < TRACKS_LIMIT => {
                    self.tracks.push(TrackState::new(detection, counts));
                }
                None => {}
            }
        }
        self.remove_lost(unix_ns, events);
        self.emit_events(unix_ns, events);
    }

    /// Ends everything that is tracked.
    pub fn finish(&mut self, events: &mut Vec<(AlertEvent, TrackUpdate)>) {
        events.extend(self.tracks.drain(..).filter_map(|object| {
            let last = object.last;
            object
                .id
                .map(|id| (AlertEvent::End, TrackUpdate { id, last }))
        }));
    }

    /// Ends what was not seen for a whole window.
    fn remove_lost(&mut self, unix_ns: i128, events: &mut Vec<(AlertEvent, TrackUpdate)>) {
        let (window, ended) = (self.filter.confirm.mask(), &mut self.ended);
        self.tracks.retain_mut(|object| {
            let stays = object.history & window != 0;
            if !stays && let Some(id) = object.id.take() {
                if ended.len() == ENDED_LIMIT {
                    ended.remove(0);
                }
                ended.push(EndedTrack {
                    bbox: object.last.bbox,
                    area_px: object.last.area_px,
                    unix_ns,
                });
                let last = object.last;
                events.push((AlertEvent::End, TrackUpdate { id, last }));
            }
            stays
        });
    }

    fn emit_events(&mut self, unix_ns: i128, events: &mut Vec<(AlertEvent, TrackUpdate)>) {
        let cool_down = i128::try_from(self.filter.cooldown.as_nanos()).unwrap_or(i128::MAX);
        self.ended
            .retain(|ended| unix_ns.saturating_sub(ended.unix_ns) < cool_down);
        let TrackFilter { confirm, .. } = self.filter;
        let ended = &self.ended;
        let prefix = self.prefix.as_deref().unwrap_or_default();
        for object in self.tracks.iter_mut().filter(|t| t.history & 1 == 1) {
            let last = object.last;
            if let Some(id) = &object.id {
                let id = id.clone();
                events.push((AlertEvent::Update, TrackUpdate { id, last }));
                continue;
            }
            let hits = (object.counted & confirm.mask()).count_ones();
            // It begins with a sighting that counts, not with a doubtful one after them.
            let ready = object.counted & 1 == 1 && hits >= confirm.hits;
            if !ready || !object.is_approached(&self.filter) || is_in_cooldown(ended, &last) {
                continue;
            }
            self.confirmed += 1;
            let id: Arc<str> = format!("{prefix}-{}", self.confirmed).into();
            object.id = Some(id.clone());
            events.push((AlertEvent::Begin, TrackUpdate { id, last }));
        }
    }
}

/// Whether `detection` lies where something ended a short while ago, and has not grown much since.
fn is_in_cooldown(ended: &[EndedTrack], detection: &Detection) -> bool {
    ended.iter().any(|e| {
        overlap(e.bbox.map(|v| v as f32), detection.bbox.map(|v| v as f32)) >= OVERLAP
            && u64::from(detection.area_px) < GROWN * u64::from(e.area_px)
    })
}

/// Which detection belongs to which tracked object.
#[derive(Debug, Default)]
struct TrackAssociation {
    candidates: Vec<(f32, usize, usize)>,
    taken: Vec<bool>,
    /// For every detection the tracked object it belongs to.
    matched_track: Vec<Option<usize>>,
}

impl TrackAssociation {
    /// Best overlap first, each taken once.
    fn associate(&mut self, tracks: &[TrackState], detections: &[(Detection, bool)]) {
        self.candidates.clear();
        for (i, object) in tracks.iter().enumerate() {
            let last = object.last.bbox.map(|v| v as f32);
            let expected = object.expected();
            for (j, (detection, _)) in detections.iter().enumerate() {
                let bbox = detection.bbox.map(|v| v as f32);
                let share = overlap(last, bbox).max(overlap(expected, bbox));
                if share >= OVERLAP {
                    self.candidates.push((share, i, j));
                }
            }
        }
        self.candidates
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        self.matched_track.clear();
        self.matched_track.resize(detections.len(), None);
        self.taken.clear();
        self.taken.resize(tracks.len(), false);
        for &(_, i, j) in &self.candidates {
            if !self.taken[i] && self.matched_track[j].is_none() {
                self.taken[i] = true;
                self.matched_track[j] = Some(i);
            }
        }
    }
}

fn middle([x, y, w, h]: [u32; 4]) -> [f32; 2] {
    [x as f32 + w as f32 / 2.0, y as f32 + h as f32 / 2.0]
}

/// Shared area of two boxes, grown, as a share of the smaller one.
fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let grown = |[x, y, w, h]: [f32; 4]| {
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
mod tests;
