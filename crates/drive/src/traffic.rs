//! Traffic: positions of cars, pedestrians and cyclists over time.

use std::f64::consts::TAU;

use super::class::{BICYCLIST, CAR, PEDESTRIAN};
use super::layout::{CHUNK_M, KERB_M, StreetLayout};
use super::noise::SeededRng;
use super::people;
use super::space::{LocalAxes, v};
use super::stage::{ObjectSpot, SceneStage, StageObject};
use super::street::Keepout;
use super::style::StreetStyle;
use super::vehicle::{self, VehicleKind};

/// Stretch around the camera in which moving objects live, m: when one leaves it at one end, another
/// enters at the other.
const BEHIND_M: f64 = 12.0;
const RANGE_M: f64 = 270.0;

/// Ranges of identity numbers, below 65 536: no two objects in a picture share one.
const PARKED: u32 = 10_000;
const CARS: u32 = 30_000;
const WALKERS: u32 = 42_000;
const CYCLISTS: u32 = 56_000;
/// Identity numbers of what does not belong: 1 to this.
const OBSTACLES: u64 = 9_999;

/// An id whose low 16 bits are in `1..=65_535` and unique in a picture.
pub(super) fn obstacle_id(number: u64) -> u32 {
    let low = (number % OBSTACLES) as u32 + 1;
    low | (((number / OBSTACLES) as u32) << 16)
}

/// Where an object that moves along the road is: ahead of the camera, m, and how often it was replaced.
fn wrapped(base: f64, speed: f64, time: f64, camera: f64) -> (f32, i64) {
    let ahead = base + speed * time - camera + BEHIND_M;
    let laps = (ahead / RANGE_M).floor();
    ((ahead - laps * RANGE_M - BEHIND_M) as f32, laps as i64)
}

/// A moment of a drive.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrafficMoment {
    pub time: f64,
    /// Camera position along the road, m, and right of the centre, m.
    pub s: f64,
    pub d: f32,
}

fn start(stage: &mut SceneStage, spot: &ObjectSpot, id: u32, kind: &'static str, class: u8) {
    let away = spot.pos - stage.camera.pos;
    stage.object(
        StageObject {
            id,
            kind,
            class: Some(class),
            distance_m: (away.x * away.x + away.z * away.z).sqrt(),
        },
        spot.pos + v(0.0, 1.0, 0.0),
    );
}

fn turned(spot: ObjectSpot, angle: f32) -> ObjectSpot {
    ObjectSpot {
        axes: spot.axes.then(&LocalAxes::yaw(angle)),
        ..spot
    }
}

/// Puts everything that moves, and what is parked, on the stage. `lane(z, d)` is the course, `z`
/// ahead, of a lane whose middle is `d`: it swerves around what lies in the way.
pub(super) fn build(
    stage: &mut SceneStage,
    style: &StreetStyle,
    layout: &StreetLayout,
    now: &TrafficMoment,
    keep: &[Keepout],
    lane: &dyn Fn(f32, f32) -> f32,
) {
    cars(stage, style, layout, now, lane);
    parked(stage, style, layout, keep);
    walkers(stage, style, layout, now, keep);
    cyclists(stage, style, layout, now, keep);
}

fn cars(
    stage: &mut SceneStage,
    style: &StreetStyle,
    layout: &StreetLayout,
    now: &TrafficMoment,
    lane: &dyn Fn(f32, f32) -> f32,
) {
    let own = style.own_lane();
    let oncoming = (1.0 + 5.0 * style.cars) as u64;
    for i in 0..oncoming {
        let mut slot = SeededRng::new(&[style.seed, 0x61, i]);
        let speed = -f64::from(slot.range(8.0, 14.0));
        let base = (i as f64 + f64::from(slot.range(0.2, 0.8))) * RANGE_M / oncoming as f64;
        let (z, lap) = wrapped(base, speed, now.time, now.s);
        let mut rng = SeededRng::new(&[style.seed, 0x62, i, lap as u64]);
        let row = rng.below(style.lanes) as f32;
        let d = lane(z, -style.hand * (row + 0.5) * style.lane_m);
        // Nothing drives through the camera.
        if z.abs() < 7.0 && (d - now.d).abs() < 2.0 {
            continue;
        }
        let spot = turned(layout.spot(z, d), std::f32::consts::PI);
        let kind = VehicleKind::draw(&mut rng, false);
        let id = CARS + 1000 * i as u32 + lap.rem_euclid(1000) as u32;
        start(stage, &spot, id, kind.name(), CAR);
        vehicle::vehicle(stage, &spot, kind, false, &mut rng);
    }
    // Slower traffic in the other lanes of the own direction, and perhaps someone ahead.
    if style.lanes > 1 {
        for i in 0..2u64 {
            let mut slot = SeededRng::new(&[style.seed, 0x63, i]);
            let speed = style.speed_mps * f64::from(slot.range(0.75, 1.2));
            let base = f64::from(slot.range(0.0, 1.0)) * RANGE_M;
            let (z, lap) = wrapped(base, speed, now.time, now.s);
            let mut rng = SeededRng::new(&[style.seed, 0x64, i, lap as u64]);
            let d = lane(z, style.hand * 0.5 * style.lane_m);
            if z.abs() < 7.0 && (d - now.d).abs() < 2.0 {
                continue;
            }
            let spot = layout.spot(z, d);
            let kind = VehicleKind::draw(&mut rng, false);
            let id = CARS + 1000 * (8 + i as u32) + lap.rem_euclid(1000) as u32;
            start(stage, &spot, id, kind.name(), CAR);
            vehicle::vehicle(stage, &spot, kind, rng.chance(0.2), &mut rng);
        }
    }
    if style.lead_car {
        let mut rng = SeededRng::new(&[style.seed, 0x65]);
        let gap = f64::from(rng.range(28.0, 55.0));
        let phase = f64::from(rng.turn());
        let z = (gap + 8.0 * (now.time * 0.11 + phase).sin()) as f32;
        let brake = (now.time * 0.11 + phase).cos() < -0.3;
        let spot = layout.spot(z, lane(z, own));
        let kind = VehicleKind::draw(&mut rng, true);
        start(stage, &spot, CARS + 11_000, kind.name(), CAR);
        vehicle::vehicle(stage, &spot, kind, brake, &mut rng);
    }
}

fn parked(stage: &mut SceneStage, style: &StreetStyle, layout: &StreetLayout, keep: &[Keepout]) {
    if style.parking_m == 0.0 {
        return;
    }
    for chunk in &layout.chunks {
        if chunk.z > 180.0 {
            continue;
        }
        for (side, sign) in [(0usize, -1.0f32), (1, 1.0)] {
            let mut rng = SeededRng::new(&[style.seed, 0x66, chunk.k as u64, side as u64]);
            for bay in 0..5u32 {
                let mut own = SeededRng::new(&[rng.bits()]);
                if !own.chance(style.parked) {
                    continue;
                }
                let along = 3.2 + 6.2 * bay as f32 + own.range(-0.3, 0.3);
                let near_mouth = (along - 0.5 * CHUNK_M).abs() < 7.5;
                if near_mouth && (chunk.side_road[0] || chunk.side_road[1]) {
                    continue;
                }
                let z = chunk.z + along;
                let d = sign * (layout.half_road - 0.5 * style.parking_m + own.range(-0.08, 0.08));
                if keep
                    .iter()
                    .any(|k| (k.0 - z).abs() < k.2 + 3.4 && (k.1 - d).abs() < k.2 + 1.4)
                {
                    continue;
                }
                let backward = sign * style.hand < 0.0;
                let spot = turned(
                    layout.spot(z, d),
                    if backward { std::f32::consts::PI } else { 0.0 } + own.range(-0.03, 0.03),
                );
                let kind = VehicleKind::draw(&mut own, true);
                let number = (chunk.k.rem_euclid(2000) as u32) * 10 + bay * 2 + side as u32;
                start(stage, &spot, PARKED + number, kind.name(), CAR);
                vehicle::vehicle(stage, &spot, kind, false, &mut own);
            }
        }
    }
}

fn walkers(
    stage: &mut SceneStage,
    style: &StreetStyle,
    layout: &StreetLayout,
    now: &TrafficMoment,
    keep: &[Keepout],
) {
    let count = (3.0 + 10.0 * style.people) as u64;
    for i in 0..count {
        let mut slot = SeededRng::new(&[style.seed, 0x67, i]);
        let way = f64::from(slot.sign());
        let speed = way * f64::from(slot.range(0.9, 1.6));
        let base = (i as f64 + f64::from(slot.unit())) * RANGE_M / count as f64;
        let (z, lap) = wrapped(base, speed, now.time, now.s);
        if !(-1.0..=130.0).contains(&z) {
            continue;
        }
        let mut rng = SeededRng::new(&[style.seed, 0x68, i, lap as u64]);
        let sign = rng.sign();
        let chunk = layout.chunk_at(z);
        let pave = chunk.pave[usize::from(sign > 0.0)];
        let d = if pave > 0.0 {
            sign * (layout.half_road + rng.range(0.5, (pave - 0.3).max(0.7)))
        } else {
            sign * (layout.half_road + rng.range(0.4, 1.2))
        };
        if keep
            .iter()
            .any(|k| (k.0 - z).powi(2) + (k.1 - d).powi(2) < (k.2 + 0.5).powi(2))
        {
            continue;
        }
        let mut spot = layout.spot(z, d);
        let height = layout.ground(z, d).1;
        spot.pos += v(0.0, height.min(KERB_M), 0.0);
        let spot = turned(
            spot,
            if way < 0.0 { std::f32::consts::PI } else { 0.0 } + rng.range(-0.3, 0.3),
        );
        let id = WALKERS + 1000 * i as u32 + lap.rem_euclid(500) as u32;
        start(stage, &spot, id, "pedestrian", PEDESTRIAN);
        let step = (now.time * 7.0 % TAU) as f32 + i as f32;
        people::pedestrian(stage, &spot, step, &mut rng);
        // Some walk in pairs.
        if rng.chance(0.2) {
            let beside = spot.inner(v(0.6, 0.0, 0.15), LocalAxes::yaw(0.1));
            start(stage, &beside, id + 500, "pedestrian", PEDESTRIAN);
            people::pedestrian(stage, &beside, step + 1.3, &mut rng);
        }
    }
}

fn cyclists(
    stage: &mut SceneStage,
    style: &StreetStyle,
    layout: &StreetLayout,
    now: &TrafficMoment,
    keep: &[Keepout],
) {
    let count = 2 + (3.0 * style.cyclists) as u64;
    for i in 0..count {
        let mut slot = SeededRng::new(&[style.seed, 0x69, i]);
        let way = if slot.chance(0.6) { 1.0 } else { -1.0 };
        let speed = f64::from(way) * f64::from(slot.range(3.5, 6.0));
        let base = (i as f64 + f64::from(slot.unit())) * RANGE_M / count as f64;
        let (z, lap) = wrapped(base, speed, now.time, now.s);
        if !(-2.0..=150.0).contains(&z) {
            continue;
        }
        let mut rng = SeededRng::new(&[style.seed, 0x6a, i, lap as u64]);
        let rim = layout.half_road - style.parking_m - rng.range(0.4, 0.7);
        let mut d = style.hand * way * rim;
        // Round what lies in the way.
        for k in keep {
            let gap = k.2 + 0.7;
            let reach = 1.0 - ((k.0 - z).abs() - k.2) / 9.0;
            if reach > 0.0 && (k.1 - d).abs() < gap {
                let inward = k.1 - style.hand * way * gap;
                d += (inward - d) * reach.clamp(0.0, 1.0);
            }
        }
        let spot = turned(
            layout.spot(z, d),
            if way < 0.0 { std::f32::consts::PI } else { 0.0 },
        );
        let id = CYCLISTS + 1000 * i as u32 + lap.rem_euclid(1000) as u32;
        start(stage, &spot, id, "cyclist", BICYCLIST);
        people::cyclist(stage, &spot, (now.time * 6.0 % TAU) as f32, &mut rng);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_never_zero_and_keep_their_ranges() {
        for number in [0, 1, 9_998, 9_999, 10_000, 123_456_789] {
            let low = obstacle_id(number) & 0xffff;
            assert!((1..=OBSTACLES as u32).contains(&low));
        }
        assert_ne!(
            obstacle_id(0),
            obstacle_id(9_999),
            "laps differ in the high bits"
        );
        // The most that each range can hold stays below the next.
        const { assert!(PARKED > OBSTACLES as u32) };
        const { assert!(PARKED + 1_999 * 10 + 9 < CARS) };
        const { assert!(CARS + 11_000 < WALKERS) };
        const { assert!(WALKERS + 12_999 < CYCLISTS) };
        const { assert!(CYCLISTS + 4_999 <= 0xffff) };
    }

    #[test]
    fn one_that_leaves_is_replaced_at_the_other_end() {
        let (mut last, mut laps) = (wrapped(40.0, -10.0, 0.0, 0.0), 0);
        for i in 1..2000 {
            let time = f64::from(i) * 0.1;
            let now = wrapped(40.0, -10.0, time, 12.0 * time);
            let lo = -BEHIND_M as f32;
            assert!((lo..=lo + RANGE_M as f32).contains(&now.0));
            if now.1 == last.1 {
                assert!((last.0 - now.0 - 2.2).abs() < 1e-3);
            } else {
                assert_eq!(now.1, last.1 - 1);
                assert!(now.0 > 200.0);
                laps += 1;
            }
            last = now;
        }
        assert!(laps >= 15);
    }
}
