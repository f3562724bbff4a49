//! Builds both sides of the street, stretch by stretch.

use super::furniture;
use super::house::{self, HouseBulk};
use super::layout::{CHUNK_M, GroundZone, SIDE_ROAD_M, StreetChunk, StreetLayout};
use super::noise::SeededRng;
use super::plant;
use super::space::{LocalAxes, v};
use super::stage::{ObjectSpot, SceneStage};
use super::style::StreetStyle;

/// Where small fixed objects must not stand: position ahead, right of the road's centre, radius, m.
pub(super) type Keepout = (f32, f32, f32);

/// Half the gap that a side road leaves between houses, m.
const GAP_M: f32 = SIDE_ROAD_M + 2.6;
/// Beyond this, small objects are left out, m.
const SMALL_M: f32 = 130.0;

/// A side of a stretch under construction.
struct StreetSide<'a> {
    style: &'a StreetStyle,
    layout: &'a StreetLayout,
    chunk: &'a StreetChunk,
    /// +1 right, -1 left.
    sign: f32,
    index: usize,
    keep: &'a [Keepout],
}

/// Puts houses, plants and street furniture on the stage.
pub(super) fn build(
    stage: &mut SceneStage,
    style: &StreetStyle,
    layout: &StreetLayout,
    keep: &[Keepout],
) {
    for chunk in &layout.chunks {
        for (index, sign) in [(0, -1.0), (1, 1.0)] {
            let side = StreetSide {
                style,
                layout,
                chunk,
                sign,
                index,
                keep,
            };
            side.build(stage);
        }
    }
}

impl StreetSide<'_> {
    fn rng(&self, what: u64) -> SeededRng {
        SeededRng::new(&[
            self.style.seed,
            what,
            self.chunk.k as u64,
            self.index as u64,
        ])
    }

    /// Distance of the back of the pavement from the centre, m.
    fn back(&self) -> f32 {
        self.layout.half_road + self.chunk.pave[self.index]
    }

    /// A spot `along` the stretch and `out` metres from the centre on this side.
    fn spot(&self, along: f32, out: f32) -> ObjectSpot {
        self.layout.spot(self.chunk.z + along, self.sign * out)
    }

    /// Parts of the stretch without a side road.
    fn parts(&self) -> Vec<(f32, f32)> {
        if self.chunk.side_road[self.index] {
            let mid = 0.5 * CHUNK_M;
            vec![(0.0, mid - GAP_M), (mid + GAP_M, CHUNK_M)]
        } else {
            vec![(0.0, CHUNK_M)]
        }
    }

    fn near(&self) -> bool {
        self.chunk.z < SMALL_M
    }

    /// Whether a small object may stand here.
    fn free(&self, along: f32, out: f32) -> bool {
        let z = self.chunk.z + along;
        let d = self.sign * out;
        let on_side_road =
            self.chunk.side_road[self.index] && (along - 0.5 * CHUNK_M).abs() < GAP_M + 0.6;
        !on_side_road
            && self
                .keep
                .iter()
                .all(|k| (k.0 - z).powi(2) + (k.1 - d).powi(2) > (k.2 + 0.6).powi(2))
    }

    fn build(&self, stage: &mut SceneStage) {
        match self.chunk.zone[self.index] {
            GroundZone::Terrace => self.terrace(stage),
            GroundZone::Blocks => self.blocks(stage),
            GroundZone::Suburb => self.suburb(stage),
            GroundZone::Park => self.park(stage),
            GroundZone::Rural => self.rural(stage),
            GroundZone::Industry => self.industry(stage),
        }
        if self.chunk.side_road[self.index] {
            self.side_road_end(stage);
        }
        if self.near() {
            self.furniture(stage);
        }
    }

    fn terrace(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x31);
        let storeys = 2 + rng.below(3);
        for (mut from, to) in self.parts() {
            while to - from > 3.0 {
                let mut long = rng.range(5.5, 11.0);
                if to - from - long < 4.5 {
                    long = to - from;
                }
                let height = 3.4 + 3.1 * (storeys as f32 + rng.range(-0.6, 0.8)).max(1.0);
                let bulk = HouseBulk {
                    half_x: rng.range(4.5, 6.5),
                    half_z: 0.5 * long,
                    height,
                };
                let spot = self.spot(
                    from + 0.5 * long,
                    self.back() + bulk.half_x + rng.range(0.0, 0.25),
                );
                house::terrace(stage, self.style, &spot, &bulk, self.sign, &mut rng);
                if self.near() && rng.chance(0.25) {
                    let at = self.spot(from + long * 0.7, self.back() - 0.5);
                    furniture::board(stage, &at, &mut rng);
                }
                from += long;
            }
        }
    }

    fn blocks(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x32);
        for (from, to) in self.parts() {
            let long = to - from;
            let split = if long > 24.0 && rng.chance(0.5) { 2 } else { 1 };
            let one = long / split as f32;
            for i in 0..split {
                let set_back = if rng.chance(0.4) {
                    rng.range(2.0, 7.0)
                } else {
                    0.2
                };
                let bulk = HouseBulk {
                    half_x: rng.range(6.0, 10.0),
                    half_z: 0.5 * one * rng.range(0.86, 1.0),
                    height: rng.range(9.0, 30.0),
                };
                let at = from + (i as f32 + 0.5) * one;
                let spot = self.spot(at, self.back() + set_back + bulk.half_x);
                house::block(stage, self.style, &spot, &bulk, &mut rng);
                if set_back > 3.0 && self.near() {
                    let out = self.back() + 1.5;
                    if rng.chance(self.style.trees) && self.free(at, out) {
                        plant::tree(stage, self.style, self.spot(at, out), false, &mut rng);
                    }
                }
            }
        }
    }

    fn suburb(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x33);
        let border = self.rng_of_run(0x34).below(5);
        for (mut from, to) in self.parts() {
            while to - from > 9.0 {
                let lot = rng.range(11.0, 16.0).min(to - from);
                let mid = from + 0.5 * lot;
                let bulk = HouseBulk {
                    half_x: rng.range(3.8, 5.2),
                    half_z: (0.5 * lot - rng.range(1.2, 3.4)).max(2.5),
                    height: rng.pick(&[3.0, 5.4, 5.6, 5.8]),
                };
                let out = self.back() + rng.range(3.5, 8.0) + bulk.half_x;
                house::detached(stage, self.style, &self.spot(mid, out), &bulk, &mut rng);
                // Front of the garden, with a gate left open.
                let half = 0.5 * lot - 1.3;
                let at = self.spot(mid - 1.2, self.back() + 0.3);
                match border {
                    0 => plant::hedge(stage, self.style, at, half, rng.range(0.8, 1.8), &mut rng),
                    1 => {
                        furniture::wall(stage, self.style, &at, half, rng.range(0.6, 1.4), &mut rng)
                    }
                    2 => furniture::boards(stage, &at, half, rng.range(0.9, 1.7), &mut rng),
                    3 => furniture::railing(stage, &at, half, 1.1, &mut rng),
                    _ => {}
                }
                if self.near() {
                    for _ in 0..rng.below(3) {
                        let p = self.spot(
                            from + rng.range(0.5, lot),
                            self.back() + rng.range(1.2, 3.2),
                        );
                        plant::bush(stage, self.style, p, &mut rng);
                    }
                }
                if rng.chance(self.style.trees) {
                    let p = self.spot(
                        from + rng.range(0.5, 3.0),
                        self.back() + rng.range(1.5, 3.0),
                    );
                    plant::tree(stage, self.style, p, !self.near(), &mut rng);
                }
                from += lot;
            }
        }
        // Trees behind the houses close the view.
        for i in 0..3 {
            let p = self.spot(
                (i as f32 + rng.unit()) * 10.6,
                self.back() + rng.range(19.0, 26.0),
            );
            plant::tree(stage, self.style, p, true, &mut rng);
        }
    }

    fn rng_of_run(&self, what: u64) -> SeededRng {
        SeededRng::new(&[
            self.style.seed,
            what,
            self.chunk.k.div_euclid(5) as u64,
            self.index as u64,
        ])
    }

    fn park(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x35);
        let kind = self.rng_of_run(0x36).below(4);
        for (from, to) in self.parts() {
            let half = 0.5 * (to - from);
            let at = self.spot(from + half, self.back() + 0.25);
            match kind {
                0 | 1 => furniture::railing(stage, &at, half, rng.range(1.0, 1.8), &mut rng),
                2 => plant::hedge(stage, self.style, at, half, rng.range(0.9, 1.6), &mut rng),
                _ => furniture::wall(stage, self.style, &at, half, rng.range(0.6, 1.8), &mut rng),
            }
            let n = if self.near() { 5 } else { 4 };
            for i in 0..n {
                let along = from + (i as f32 + rng.unit()) / n as f32 * (to - from);
                let out = self.back() + rng.range(1.8, 18.0);
                plant::tree(
                    stage,
                    self.style,
                    self.spot(along, out),
                    !self.near(),
                    &mut rng,
                );
            }
            for i in 0..4 {
                let along = from + (i as f32 + rng.unit()) / 4.0 * (to - from);
                let p = self.spot(along, self.back() + rng.range(24.0, 34.0));
                plant::tree(stage, self.style, p, true, &mut rng);
            }
        }
    }

    fn rural(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x37);
        let kind = self.rng_of_run(0x38).below(5);
        for (from, to) in self.parts() {
            let half = 0.5 * (to - from);
            let out = self.back() + 1.6;
            let at = self.spot(from + half, out);
            match kind {
                0 => plant::hedge(stage, self.style, at, half, rng.range(1.0, 2.2), &mut rng),
                1 => furniture::rails(stage, &at, half, &mut rng),
                2 => furniture::boards(stage, &at, half, rng.range(1.4, 2.0), &mut rng),
                3 => furniture::mesh(stage, &at, half, rng.range(1.2, 2.0), &mut rng),
                _ => {}
            }
            let n = 2 + (4.0 * self.style.trees) as usize;
            for i in 0..n {
                let along = from + (i as f32 + rng.unit()) / n as f32 * (to - from);
                let out = self.back() + rng.range(2.6, 14.0);
                plant::tree(
                    stage,
                    self.style,
                    self.spot(along, out),
                    !self.near(),
                    &mut rng,
                );
            }
            if self.near() {
                for _ in 0..4 {
                    let along = rng.range(from, to);
                    let p = self.spot(along, self.back() + rng.range(1.9, 5.0));
                    plant::bush(stage, self.style, p, &mut rng);
                }
            }
        }
        if rng.chance(0.25) {
            let bulk = HouseBulk {
                half_x: rng.range(4.0, 6.0),
                half_z: rng.range(4.0, 7.0),
                height: rng.range(3.0, 5.6),
            };
            let spot = self.spot(rng.range(8.0, 24.0), self.back() + rng.range(16.0, 26.0));
            house::detached(stage, self.style, &spot, &bulk, &mut rng);
        }
        for i in 0..4 {
            let p = self.spot(
                (i as f32 + rng.unit()) * 8.0,
                self.back() + rng.range(26.0, 42.0),
            );
            plant::tree(stage, self.style, p, true, &mut rng);
        }
    }

    fn industry(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x39);
        for (from, to) in self.parts() {
            let half = 0.5 * (to - from);
            let bulk = HouseBulk {
                half_x: rng.range(7.0, 11.0),
                half_z: half * rng.range(0.7, 0.98),
                height: rng.range(5.0, 9.0),
            };
            let out = self.back() + rng.range(4.0, 12.0) + bulk.half_x;
            house::shed(
                stage,
                self.style,
                &self.spot(from + half, out),
                &bulk,
                &mut rng,
            );
            let at = self.spot(from + half, self.back() + 0.3);
            match self.rng_of_run(0x3a).below(3) {
                0 | 1 => furniture::mesh(stage, &at, half - 0.3, rng.range(1.6, 2.4), &mut rng),
                _ => furniture::wall(
                    stage,
                    self.style,
                    &at,
                    half - 0.3,
                    rng.range(1.0, 2.2),
                    &mut rng,
                ),
            }
        }
    }

    /// What closes the view along a side road.
    fn side_road_end(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x3b);
        let mid = 0.5 * CHUNK_M;
        let far = self.back() + rng.range(45.0, 60.0);
        let bulk = HouseBulk {
            half_x: 6.0,
            half_z: 16.0,
            height: rng.range(6.0, 12.0),
        };
        house::detached(stage, self.style, &self.spot(mid, far), &bulk, &mut rng);
        for i in 0..3 {
            let z = if i % 2 == 0 {
                GAP_M + 1.5
            } else {
                -GAP_M - 1.5
            };
            let out = self.back() + 14.0 + 9.0 * i as f32;
            plant::tree(stage, self.style, self.spot(mid + z, out), true, &mut rng);
        }
    }

    fn furniture(&self, stage: &mut SceneStage) {
        let mut rng = self.rng(0x3c);
        let style = self.style;
        let pave = self.chunk.pave[self.index];
        let curb = self.layout.half_road + if pave > 0.0 { 0.45 } else { 1.0 };
        let rural = pave == 0.0;
        // Lamps stand on one side at a time, every other stretch.
        let lamps = (self.chunk.k & 1) as usize == self.index;
        let at = rng.range(5.0, 9.0);
        if lamps && self.free(at, curb) {
            let spot = self.spot(at, curb);
            if rural {
                furniture::mast(stage, &spot, &mut rng);
            } else {
                furniture::lamp(stage, style, &spot, -self.sign, &mut rng);
            }
        }
        let at = rng.range(20.0, 31.0);
        let ours = self.sign * style.hand > 0.0;
        if rng.chance(0.55 * style.furniture) && self.free(at, curb) {
            let mut spot = self.spot(at, curb + 0.1);
            if !ours {
                spot.axes = spot.axes.then(&LocalAxes::yaw(std::f32::consts::PI));
            }
            furniture::sign(stage, &spot, &mut rng);
        }
        if (self.chunk.side_road[0] || self.chunk.side_road[1]) && rng.chance(0.6) {
            let at = 0.5 * CHUNK_M - GAP_M - 1.2;
            if self.free(at, curb) {
                let mut spot = self.spot(at, curb);
                if !ours {
                    spot.axes = spot.axes.then(&LocalAxes::yaw(std::f32::consts::PI));
                }
                furniture::signal(stage, &spot, rng.below(3) as u8, &mut rng);
            }
        }
        if !rural && self.rng_of_run(0x3d).chance(0.3 * style.furniture) {
            for i in 0..7 {
                let at = 2.0 + 4.5 * i as f32;
                if self.free(at, curb) {
                    furniture::bollard(stage, &self.spot(at, curb), &mut rng);
                }
            }
        } else if !rural && rng.chance(0.18) {
            // Guard rail at the kerb.
            let at = rng.range(9.0, 22.0);
            if (0..5).all(|i| self.free(at - 4.0 + 2.0 * i as f32, curb)) {
                furniture::railing(stage, &self.spot(at, curb - 0.1), 4.0, 1.05, &mut rng);
            }
        }
        let town = matches!(
            self.chunk.zone[self.index],
            GroundZone::Terrace | GroundZone::Blocks
        );
        if town && pave > 2.4 && rng.chance(0.6 * style.trees) {
            let at = rng.range(10.0, 19.0);
            if self.free(at, curb + 0.3) {
                plant::tree(stage, style, self.spot(at, curb + 0.3), false, &mut rng);
            }
        }
        // Low plants at the bottom edge of objects.
        if rural && rng.chance(0.7) {
            let at = rng.range(1.0, 30.0);
            let spot = self.spot(at, self.back() + 1.3);
            plant::bush(
                stage,
                style,
                ObjectSpot {
                    pos: spot.pos + v(0.0, -0.3, 0.0),
                    ..spot
                },
                &mut rng,
            );
        }
    }
}
