//! Obstacles (anomalous objects): their kinds, and where along a drive they are placed.

use super::animals;
use super::cargo;
use super::class::ANOMALY;
use super::household;
use super::layout::{KERB_M, StreetLayout};
use super::noise::SeededRng;
use super::rubble;
use super::space::{LocalAxes, v};
use super::stage::{ObjectSpot, SceneStage, StageObject};
use super::style::StreetStyle;

/// Builds an object at a spot; gives how far it reaches sideways, m.
type ObstacleBuilder = fn(&mut SceneStage, &ObjectSpot, &mut SeededRng) -> f32;

/// Kinds with their weight in the draw.
pub(super) const KINDS: [(&str, ObstacleBuilder, f32); 33] = [
    ("dog", animals::dog, 1.2),
    ("cow", animals::cow, 1.0),
    ("horse", animals::horse, 1.0),
    ("deer", animals::deer, 1.2),
    ("sheep", animals::sheep, 1.0),
    ("boar", animals::boar, 0.8),
    ("fox", animals::fox, 0.6),
    ("bird", animals::bird, 0.8),
    ("small animal", animals::crouched, 0.6),
    ("boxes", cargo::boxes, 1.3),
    ("pallet", cargo::pallet, 1.0),
    ("tyres", cargo::tyres, 1.3),
    ("crate", cargo::crate_, 1.0),
    ("barrel", cargo::barrel, 1.0),
    ("bags", household::bags, 1.2),
    ("sofa", household::sofa, 1.0),
    ("appliance", household::appliance, 0.9),
    ("mattress", household::mattress, 0.7),
    ("rocks", rubble::rocks, 1.4),
    ("log", rubble::log, 1.1),
    ("cones", cargo::cones, 1.0),
    ("ladder", cargo::ladder, 0.6),
    ("chair", household::chair, 0.9),
    ("suitcase", household::suitcase, 0.9),
    ("ball", household::round, 0.7),
    ("planks", cargo::planks, 0.8),
    ("concrete", rubble::concrete, 0.8),
    ("bin", household::bin, 0.9),
    ("sheet", cargo::sheet, 0.7),
    ("trolley", cargo::trolley, 0.6),
    ("debris", rubble::debris, 1.6),
    ("wreckage", rubble::debris, 0.8),
    ("structure", rubble::sculpture, 0.6),
];

/// Something that does not belong, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ObstacleKind {
    /// Number within the drive; no two share it.
    pub number: u64,
    pub kind: usize,
    /// Along the road, m from its start.
    pub s: f64,
    /// Right of the road's centre, m.
    pub d: f32,
    pub seed: u64,
}

/// Seconds of driving that hold one cluster of oddities and one free stretch.
const BLOCK_S: f64 = 30.0;
/// Most oddities in a block.
const MAX_PER_BLOCK: u64 = 5;
/// Share of a block at which its cluster begins and ends.
const CLUSTER: (f64, f64) = (0.1, 0.62);
/// How far ahead oddities stand, m.
pub(super) const VISIBLE_M: f32 = 95.0;

fn draw_kind(rng: &mut SeededRng) -> usize {
    let weights: [f32; KINDS.len()] = std::array::from_fn(|i| KINDS[i].2);
    rng.weighted(&weights)
}

/// Where across the road: mostly on it, now and then on its rim.
fn draw_lateral(style: &StreetStyle, rng: &mut SeededRng) -> f32 {
    let half = style.half_road() - style.parking_m;
    match rng.weighted(&[0.46, 0.2, 0.24, 0.1]) {
        0 => style.own_lane() + rng.range(-0.45, 0.45) * style.lane_m,
        1 => -style.own_lane() + rng.range(-0.4, 0.4) * style.lane_m,
        2 => style.hand * rng.range(half - 0.9, half + 0.2),
        _ => rng.sign() * (style.half_road() + rng.range(0.3, 0.9)),
    }
}

/// The oddities of a drive between `from` and `to` metres along it.
pub(super) fn along_drive(style: &StreetStyle, from: f64, to: f64) -> Vec<ObstacleKind> {
    let long = BLOCK_S * style.speed_mps;
    let first = (from / long).floor().max(0.0) as u64;
    let last = (to / long).floor().max(0.0) as u64;
    let mut out = Vec::new();
    for block in first..=last {
        let mut rng = SeededRng::new(&[style.seed, 0x41, block]);
        let count = 3 + rng.below(3) as u64;
        let mut last_kind = KINDS.len();
        for i in 0..count {
            let part = (i as f64 + f64::from(rng.range(0.15, 0.85))) / count as f64;
            let at = CLUSTER.0 + (CLUSTER.1 - CLUSTER.0) * part;
            let mut kind = draw_kind(&mut rng);
            if kind == last_kind {
                kind = draw_kind(&mut rng);
            }
            last_kind = kind;
            out.push(ObstacleKind {
                number: block * MAX_PER_BLOCK + i,
                kind,
                s: (block as f64 + at) * long,
                d: draw_lateral(style, &mut rng),
                seed: rng.bits(),
            });
        }
    }
    out.retain(|o| o.s >= from && o.s < to);
    out
}

/// Up to three oddities for a still, at distances from near to far.
pub(super) fn for_image(style: &StreetStyle, s0: f64, rng: &mut SeededRng) -> Vec<ObstacleKind> {
    let count = rng.weighted(&[0.15, 0.4, 0.28, 0.17]);
    (0..count)
        .map(|i| {
            // Even in the logarithm: apparent sizes of all scales are equally likely.
            let z = 4.0 * (45.0f32 / 4.0).powf(rng.unit());
            let d = if rng.chance(0.6) {
                draw_lateral(style, rng)
            } else {
                rng.range(-1.0, 1.0) * (style.half_road() + 0.8)
            };
            ObstacleKind {
                number: i as u64,
                kind: draw_kind(rng),
                s: s0 + f64::from(z),
                d,
                seed: rng.bits(),
            }
        })
        .collect()
}

/// Puts an oddity on the stage.
pub(super) fn place(stage: &mut SceneStage, layout: &StreetLayout, odd: &ObstacleKind, id: u32) {
    let mut rng = SeededRng::new(&[odd.seed]);
    let z = (odd.s - layout.s0) as f32;
    let mut spot = layout.spot(z, odd.d);
    let (_, height) = layout.ground(z, odd.d);
    spot.pos += v(0.0, height.min(KERB_M), 0.0);
    spot.axes = spot.axes.then(&LocalAxes::yaw(rng.turn()));
    let (kind, build, _) = KINDS[odd.kind];
    let away = spot.pos - stage.camera.pos;
    stage.object(
        StageObject {
            id,
            kind,
            class: None,
            distance_m: (away.x * away.x + away.z * away.z).sqrt(),
        },
        spot.pos + v(0.0, 0.5, 0.0),
    );
    debug_assert_eq!(stage.groups.last().map(|g| g.class), Some(ANOMALY));
    build(stage, &spot, &mut rng);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_stretch_holds_what_its_parts_hold() {
        let style = StreetStyle::new(5, false);
        let whole = along_drive(&style, 0.0, 3000.0);
        let mut parts = along_drive(&style, 0.0, 777.0);
        parts.extend(along_drive(&style, 777.0, 1400.0));
        parts.extend(along_drive(&style, 1400.0, 3000.0));
        assert_eq!(whole, parts);
        assert!(whole.windows(2).all(|w| w[0].s < w[1].s));
        let numbers: BTreeSet<u64> = whole.iter().map(|o| o.number).collect();
        assert_eq!(numbers.len(), whole.len());
        assert!(along_drive(&style, -500.0, 0.0).is_empty());
    }

    #[test]
    fn six_to_ten_a_minute() {
        for seed in 0..20 {
            let style = StreetStyle::new(seed, false);
            assert!((8.0..=15.0).contains(&style.speed_mps));
            let minutes = 20.0;
            let count = along_drive(&style, 0.0, style.speed_mps * 60.0 * minutes).len();
            let rate = count as f64 / minutes;
            assert!((6.0..=10.0).contains(&rate), "{rate}");
        }
    }

    #[test]
    fn they_stand_on_or_close_to_the_road() {
        for seed in 0..10 {
            let style = StreetStyle::new(seed, false);
            for o in along_drive(&style, 0.0, 9000.0) {
                assert!(o.d.abs() <= style.half_road() + 1.0, "{o:?}");
            }
        }
    }
}
