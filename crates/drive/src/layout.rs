//! Layout of the street: the road and the kinds of ground along it.

use super::noise::SeededRng;
use super::space::{LocalAxes, V, fract, ramp, v};
use super::stage::ObjectSpot;
use super::style::StreetStyle;

/// Length of a stretch of street that is made in one go, m.
pub(super) const CHUNK_M: f32 = 32.0;
/// Stretches that share the kind of neighbourhood.
const RUN: i64 = 5;
/// How far ahead streets are made, m.
pub(super) const REACH_M: f32 = 290.0;
/// Half width of a side road, m.
pub(super) const SIDE_ROAD_M: f32 = 3.4;
/// Period after which patterns on the ground repeat, m; pattern lengths divide it.
const REPEAT_M: f64 = 1920.0;

/// What a side of the street looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroundZone {
    /// Houses wall to wall, shops.
    Terrace,
    /// Large modern buildings.
    Blocks,
    /// Detached houses behind gardens.
    Suburb,
    /// Trees behind railings.
    Park,
    /// Grass, hedges, fields; no pavement.
    Rural,
    /// Sheds and yards behind wire fences.
    Industry,
}

/// All zones, in the order of the style's weights.
pub(super) const ZONES: [GroundZone; 6] = [
    GroundZone::Terrace,
    GroundZone::Blocks,
    GroundZone::Suburb,
    GroundZone::Park,
    GroundZone::Rural,
    GroundZone::Industry,
];

/// A stretch of street. Side 0 is left, 1 is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreetChunk {
    /// Its number along the drive.
    pub k: i64,
    /// Where it begins, m ahead of the camera.
    pub z: f32,
    pub zone: [GroundZone; 2],
    /// Whether a side road opens at the middle.
    pub side_road: [bool; 2],
    /// Width of the pavement, m; 0 for none.
    pub pave: [f32; 2],
    /// Whether a crossing is painted before the middle.
    pub crossing: bool,
}

impl StreetChunk {
    /// The middle, m ahead of the camera.
    pub fn middle(&self) -> f32 {
        self.z + 0.5 * CHUNK_M
    }
}

/// Kinds of ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroundKind {
    Road,
    Kerb,
    Pavement,
    Grass,
    Yard,
}

/// Where a ray meets the ground.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroundHit {
    pub kind: GroundKind,
    pub t: f32,
    /// Ahead of the camera along the road and right of the road's centre, m.
    pub z: f32,
    pub d: f32,
}

/// The street around one camera position.
pub(super) struct StreetLayout {
    /// Camera position along the road, m.
    pub s0: f64,
    /// The same within the repeat of ground patterns.
    pub s_pattern: f32,
    pub chunks: Vec<StreetChunk>,
    /// Half width of the carriageway, m.
    pub half_road: f32,
    /// The road's heading here, radians, right positive.
    pub course: f32,
    centre: Vec<f32>,
    /// Tone of the road across it.
    profile: Vec<f32>,
}

/// Range of the road's profile to each side, m, and its entries a metre.
const PROFILE_M: f32 = 14.0;
const PROFILE_STEPS: f32 = 40.0;

/// Where in a stretch of road its crossing begins, m.
pub(super) const CROSSING_AT_M: f32 = 0.5 * CHUNK_M - SIDE_ROAD_M - 9.0;

/// Height of pavements above the road, m.
pub(super) const KERB_M: f32 = 0.12;
const BEHIND_M: i64 = 1;

/// Lateral position of the road's centre at `s` along it, m.
fn bend(style: &StreetStyle, s: f64) -> f64 {
    style
        .bends
        .iter()
        .map(|b| b.amplitude_m * ((s / b.length_m) + b.phase).sin())
        .sum()
}

fn slope(style: &StreetStyle, s: f64) -> f64 {
    style
        .bends
        .iter()
        .map(|b| b.amplitude_m / b.length_m * ((s / b.length_m) + b.phase).cos())
        .sum()
}

impl StreetLayout {
    pub fn new(style: &StreetStyle, s0: f64) -> Self {
        let (c0, k0) = (bend(style, s0), slope(style, s0));
        let centre = (0..=440)
            .map(|i| {
                let z = f64::from(i - 20);
                (bend(style, s0 + z) - c0 - k0 * z) as f32
            })
            .collect();
        let first = (s0 / f64::from(CHUNK_M)).floor() as i64 - BEHIND_M;
        let count = (REACH_M / CHUNK_M) as i64 + 1 + BEHIND_M;
        let chunks = (first..=first.saturating_add(count))
            .map(|k| chunk(style, k, s0))
            .collect();
        Self {
            s0,
            s_pattern: (s0 % REPEAT_M) as f32,
            chunks,
            half_road: style.half_road(),
            course: k0 as f32,
            centre,
            profile: (0..(2.0 * PROFILE_M * PROFILE_STEPS) as usize)
                .map(|i| profile(style, (i as f32 + 0.5) / PROFILE_STEPS - PROFILE_M))
                .collect(),
        }
    }

    /// Tone of the road `d` right of its centre.
    pub fn profile_at(&self, d: f32) -> f32 {
        let i = ((d + PROFILE_M) * PROFILE_STEPS) as usize;
        self.profile[i.min(self.profile.len() - 1)]
    }

    /// Lateral position of the road's centre `z` ahead, m right of the camera axis's start.
    pub fn centre_at(&self, z: f32) -> f32 {
        let at = (z + 20.0).clamp(0.0, 439.0);
        let i = at as usize;
        let a = self.centre[i];
        a + (self.centre[i + 1] - a) * (z + 20.0 - i as f32)
    }

    /// Heading of the road `z` ahead relative to here, radians, right positive.
    pub fn heading_at(&self, z: f32) -> f32 {
        (self.centre_at(z + 1.0) - self.centre_at(z - 1.0)) * 0.5
    }

    /// A spot `z` ahead and `d` right of the road's centre, looking along the road.
    pub fn spot(&self, z: f32, d: f32) -> ObjectSpot {
        let h = self.heading_at(z);
        // The offset is measured across the road, which is turned by the heading.
        let pos = v(self.centre_at(z) + d, 0.0, z - d * h);
        ObjectSpot::new(pos, LocalAxes::yaw(h))
    }

    /// The stretch at `z`.
    pub fn chunk_at(&self, z: f32) -> &StreetChunk {
        let i = ((z - self.chunks[0].z) / CHUNK_M).max(0.0) as usize;
        &self.chunks[i.min(self.chunks.len() - 1)]
    }

    /// Kind of ground and its height, m.
    pub fn ground(&self, z: f32, d: f32) -> (GroundKind, f32) {
        let a = d.abs();
        if a <= self.half_road {
            return (GroundKind::Road, 0.0);
        }
        let c = self.chunk_at(z);
        let side = usize::from(d > 0.0);
        let pave = c.pave[side];
        let kerb = if pave > 0.0 { KERB_M } else { 0.0 };
        if c.side_road[side] {
            let away = (z - c.middle()).abs();
            // The mouth of the side road is rounded.
            let mouth = (1.0 - (a - self.half_road) / 3.0).max(0.0);
            let half = SIDE_ROAD_M + 3.0 * mouth * mouth;
            if away < half {
                return (GroundKind::Road, 0.0);
            }
            if away < half + 1.8 && pave > 0.0 {
                return (GroundKind::Pavement, kerb);
            }
        }
        if a <= self.half_road + pave {
            return (GroundKind::Pavement, kerb);
        }
        match c.zone[side] {
            GroundZone::Terrace | GroundZone::Blocks => (GroundKind::Pavement, kerb),
            GroundZone::Suburb | GroundZone::Park | GroundZone::Rural => (GroundKind::Grass, kerb),
            GroundZone::Industry => (GroundKind::Yard, kerb),
        }
    }

    /// The hit at point `p` of ground of a known kind.
    pub fn at(&self, kind: GroundKind, t: f32, p: V) -> GroundHit {
        GroundHit {
            kind,
            t,
            z: p.z,
            d: p.x - self.centre_at(p.z),
        }
    }

    /// Where the ray `o + t dir` meets the ground.
    pub fn meet(&self, o: V, dir: V) -> Option<GroundHit> {
        if dir.y >= -1e-5 {
            return None;
        }
        let at = |height: f32| {
            let t = (height - o.y) / dir.y;
            let (x, z) = (o.x + t * dir.x, o.z + t * dir.z);
            let d = x - self.centre_at(z);
            let (kind, top) = self.ground(z, d);
            (GroundHit { kind, t, z, d }, top)
        };
        let (mut low, top) = at(0.0);
        // Well inside the road no kerb can stand before it.
        if low.kind == GroundKind::Road && low.d.abs() < self.half_road - 0.7 {
            return Some(low);
        }
        let (high, high_top) = at(KERB_M);
        if high_top > 0.0 {
            return Some(high);
        }
        if top > 0.0 {
            low.kind = GroundKind::Kerb;
        }
        Some(low)
    }
}

/// Tone of the road by the distance from its centre alone, at `d`, m.
fn profile(style: &StreetStyle, d: f32) -> f32 {
    let half_road = style.half_road();
    let mut k = 1.0;
    // Wheel tracks are smoother and, on most roads, darker; oil drips between them.
    if d.abs() < half_road - style.parking_m {
        let in_lane = fract(d / style.lane_m) - 0.5;
        let track = 1.0 - ramp(0.04, 0.16, (in_lane.abs() - 0.25).abs());
        k *= 1.0 - 0.1 * track;
        let oil = 1.0 - ramp(0.0, 0.1, in_lane.abs());
        k *= 1.0 - 0.07 * oil;
    } else {
        k *= 0.93;
    }
    // Dirt gathers at the kerb.
    k * (0.82 + 0.18 * ramp(0.0, 0.6, half_road - d.abs()))
}

/// Where the first crossing after `s` begins, m along the road; `s` itself where there is none in
/// 13 km.
pub(super) fn crossing_after(style: &StreetStyle, s: f64) -> f64 {
    let first = (s / f64::from(CHUNK_M)).floor() as i64 + 1;
    (first..first + 400)
        .find(|&k| chunk(style, k, 0.0).crossing)
        .map_or(s, |k| {
            k as f64 * f64::from(CHUNK_M) + f64::from(CROSSING_AT_M)
        })
}

fn chunk(style: &StreetStyle, k: i64, s0: f64) -> StreetChunk {
    let run = k.div_euclid(RUN);
    let mut of_run = SeededRng::new(&[style.seed, 0x21, run as u64]);
    let one = |rng: &mut SeededRng| ZONES[rng.weighted(&style.zones)];
    let left = one(&mut of_run);
    // Sides often match.
    let right = if of_run.chance(0.45) {
        left
    } else {
        one(&mut of_run)
    };
    let zone = [left, right];
    let pave = zone.map(|z| {
        let w = style.pave_m * of_run.range(0.85, 1.2);
        if z == GroundZone::Rural { 0.0 } else { w }
    });
    let mut own = SeededRng::new(&[style.seed, 0x22, k as u64]);
    let open = own.chance(style.side_roads);
    let both = own.chance(0.4);
    let which = own.below(2);
    StreetChunk {
        k,
        z: (k as f64 * f64::from(CHUNK_M) - s0) as f32,
        zone,
        side_road: [open && (both || which == 0), open && (both || which == 1)],
        pave,
        // Mostly before side roads, now and then elsewhere.
        crossing: own.chance(if open { 0.5 } else { 0.06 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_street_stays_where_it_is_while_the_camera_moves() {
        let style = StreetStyle::new(11, false);
        let (a, b) = (
            StreetLayout::new(&style, 500.0),
            StreetLayout::new(&style, 520.0),
        );
        for z in [25.0, 60.0, 150.0] {
            let (x, y) = (a.chunk_at(z), b.chunk_at(z - 20.0));
            assert_eq!((x.k, x.zone, x.side_road), (y.k, y.zone, y.side_road));
            assert_eq!(x.crossing, y.crossing);
        }
        assert!(a.centre_at(0.0).abs() < 1e-3);
        assert!(a.heading_at(0.0).abs() < 1e-2);
    }

    #[test]
    fn rays_meet_road_kerb_and_pavement() {
        // A style with a pavement on at least one side somewhere.
        let style = StreetStyle::new(3, false);
        let layout = (0..50)
            .map(|i| StreetLayout::new(&style, 100.0 + 160.0 * f64::from(i)))
            .find(|l| {
                let c = l.chunk_at(8.0);
                c.pave[1] > 0.0 && !c.side_road[1]
            })
            .expect("some stretch has a pavement");
        let camera = v(0.0, 1.4, 0.0);
        let look = |d: f32| {
            let to = v(layout.centre_at(8.0) + d, 0.0, 8.0) - camera;
            layout.meet(camera, to).expect("it looks down").kind
        };
        assert_eq!(look(0.0), GroundKind::Road);
        assert_eq!(look(layout.half_road - 0.1), GroundKind::Road);
        assert_eq!(look(layout.half_road + 0.05), GroundKind::Kerb);
        assert_eq!(look(layout.half_road + 1.0), GroundKind::Pavement);
        assert!(layout.meet(camera, v(0.0, 0.1, 1.0)).is_none());
    }
}
