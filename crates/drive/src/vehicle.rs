//! Cars, vans, buses, trucks.

use super::noise::SeededRng;
use super::shape::{SolidForm, sweep};
use super::skin::{BodySkin, SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};

/// Kinds of vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VehicleKind {
    Hatchback,
    Saloon,
    Offroad,
    Van,
    Bus,
    Truck,
}

impl VehicleKind {
    /// Draws a kind; buses and trucks are rare, and never parked.
    pub fn draw(rng: &mut SeededRng, parked: bool) -> Self {
        let heavy = if parked { 0.0 } else { 0.06 };
        [
            VehicleKind::Hatchback,
            VehicleKind::Saloon,
            VehicleKind::Offroad,
            VehicleKind::Van,
            VehicleKind::Bus,
            VehicleKind::Truck,
        ][rng.weighted(&[0.4, 0.3, 0.2, 0.12, heavy, heavy])]
    }

    pub fn name(self) -> &'static str {
        match self {
            VehicleKind::Hatchback | VehicleKind::Saloon | VehicleKind::Offroad => "car",
            VehicleKind::Van => "van",
            VehicleKind::Bus => "bus",
            VehicleKind::Truck => "truck",
        }
    }

    /// Half length, m.
    pub fn half_length(self) -> f32 {
        match self {
            VehicleKind::Hatchback => 1.98,
            VehicleKind::Saloon => 2.28,
            VehicleKind::Offroad => 2.22,
            VehicleKind::Van => 2.6,
            VehicleKind::Bus => 5.4,
            VehicleKind::Truck => 3.9,
        }
    }
}

fn paint(rng: &mut SeededRng) -> V {
    let base = rng.pick(&[
        srgb(24, 25, 28),
        srgb(40, 42, 46),
        srgb(196, 198, 200),
        srgb(150, 154, 158),
        srgb(112, 116, 120),
        srgb(226, 226, 224),
        srgb(28, 44, 92),
        srgb(52, 84, 140),
        srgb(140, 20, 24),
        srgb(96, 16, 24),
        srgb(30, 66, 48),
        srgb(188, 176, 146),
        srgb(206, 150, 30),
        srgb(60, 40, 34),
    ]);
    rng.tint(base, 0.15)
}

/// What a vehicle is built from.
struct VehicleKit {
    spot: ObjectSpot,
    kind: VehicleKind,
    /// Half width, half length, m.
    half: (f32, f32),
    axle: f32,
    wheel: f32,
    /// Lower edge of the body, m.
    sill: f32,
    brake: bool,
    colour: V,
    plate: V,
    shift: f32,
}

impl VehicleKit {
    /// The main body from the sill up to `top`, with a side view `outline`.
    fn body(
        &self,
        stage: &mut SceneStage,
        top: f32,
        outline: &[(f32, f32)],
        lean: f32,
        windows_m: f32,
    ) {
        let mut skin = SurfaceSkin::new(
            SkinPattern::Body(BodySkin {
                half: self.half,
                sill_m: self.sill,
                axle_m: self.axle,
                wheel_m: self.wheel,
                brake: self.brake,
                windows_m,
            }),
            self.colour,
            self.plate,
            self.shift,
        );
        skin.gloss = 0.06;
        let skin = stage.skin(skin);
        let form = stage.hull(&sweep(outline, lean));
        let half_y = 0.5 * (top - self.sill);
        stage.put(
            &self.spot,
            v(0.0, self.sill + half_y, 0.0),
            v(self.half.0, half_y, self.half.1),
            form,
            skin,
        );
    }

    fn cabin(
        &self,
        stage: &mut SceneStage,
        from: f32,
        to: f32,
        z: f32,
        half_z: f32,
        outline: &[(f32, f32)],
    ) {
        let skin = SurfaceSkin::new(
            SkinPattern::Cabin {
                half_length: half_z,
            },
            self.colour,
            self.plate,
            self.shift,
        )
        .gloss(0.06);
        let skin = stage.skin(skin);
        let form = stage.hull(&sweep(outline, 0.2));
        let half_y = 0.5 * (to - from);
        stage.put(
            &self.spot,
            v(0.0, from + half_y, z),
            v(self.half.0 * 0.93, half_y, half_z),
            form,
            skin,
        );
    }

    fn wheels(&self, stage: &mut SceneStage) {
        let tyre = SurfaceSkin::new(
            SkinPattern::Wheel { rim: 0.64 },
            v(0.018, 0.018, 0.019),
            if self.shift > 0.4 {
                v(0.34, 0.35, 0.36)
            } else {
                v(0.1, 0.1, 0.105)
            },
            self.shift,
        );
        let tyre = stage.skin(tyre);
        let form = SolidForm::Tube {
            taper: 1.0,
            hole: 0.0,
        };
        for side in [-1.0, 1.0] {
            for end in [-1.0, 1.0] {
                let at = self.spot.inner(
                    v(side * (self.half.0 - 0.1), self.wheel, end * self.axle),
                    LocalAxes::along(v(side, 0.0, 0.0)),
                );
                stage.put(&at, V::ZERO, v(self.wheel, 0.115, self.wheel), form, tyre);
            }
        }
        // The dark underside.
        let under = stage.skin(SurfaceSkin::plain(v(0.008, 0.008, 0.008), 0.0));
        stage.block(
            &self.spot,
            v(0.0, self.sill * 0.8, 0.0),
            v(self.half.0 * 0.86, self.sill * 0.5, self.half.1 * 0.92),
            under,
        );
        stage.smudge(&self.spot, (self.half.0 * 0.95, self.half.1 * 0.95), 0.85);
    }

    fn mirrors(&self, stage: &mut SceneStage, y: f32, z: f32) {
        let skin = stage.skin(SurfaceSkin::plain(self.colour * 0.7, 0.3).gloss(0.05));
        for side in [-1.0, 1.0] {
            stage.ball(
                &self.spot,
                v(side * (self.half.0 + 0.06), y, z),
                v(0.1, 0.075, 0.06),
                skin,
            );
        }
    }
}

/// Puts a vehicle on the ground at `spot`, which looks the way it drives. The group must be open.
pub(super) fn vehicle(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    kind: VehicleKind,
    brake: bool,
    rng: &mut SeededRng,
) {
    let mut kit = VehicleKit {
        spot: *spot,
        kind,
        half: (0.86, kind.half_length()),
        axle: kind.half_length() * 0.62,
        wheel: 0.31,
        sill: 0.2,
        brake,
        colour: paint(rng),
        plate: rng.pick(&[v(0.7, 0.55, 0.04), v(0.72, 0.72, 0.7)]),
        shift: rng.unit(),
    };
    match kit.kind {
        VehicleKind::Hatchback | VehicleKind::Saloon => {
            let saloon = kind == VehicleKind::Saloon;
            let belt = rng.range(0.84, 0.92);
            kit.body(
                stage,
                belt,
                &[
                    (-0.97, -1.0),
                    (-1.0, -0.3),
                    (-0.98, 0.6),
                    (-0.93, 1.0),
                    (0.48, 1.0),
                    (0.88, 0.62),
                    (0.98, 0.2),
                    (1.0, -0.3),
                    (0.97, -1.0),
                ],
                0.1,
                9.9,
            );
            let roof = belt + rng.range(0.5, 0.6);
            let l = kit.half.1;
            if saloon {
                kit.cabin(
                    stage,
                    belt - 0.02,
                    roof,
                    -0.08 * l,
                    0.66 * l,
                    &[(-1.0, -1.0), (-0.5, 1.0), (0.25, 1.0), (1.0, -1.0)],
                );
            } else {
                kit.cabin(
                    stage,
                    belt - 0.02,
                    roof,
                    -0.22 * l,
                    0.76 * l,
                    &[
                        (-1.0, -1.0),
                        (-0.86, 0.6),
                        (-0.72, 1.0),
                        (0.3, 1.0),
                        (1.0, -1.0),
                    ],
                );
            }
            kit.mirrors(stage, belt + 0.08, 0.3 * l);
        }
        VehicleKind::Offroad => {
            kit.half.0 = 0.94;
            kit.wheel = 0.37;
            kit.sill = 0.3;
            let belt = 1.06;
            kit.body(
                stage,
                belt,
                &[
                    (-0.98, -1.0),
                    (-1.0, 0.6),
                    (-0.98, 1.0),
                    (0.45, 1.0),
                    (0.93, 0.72),
                    (1.0, 0.2),
                    (0.98, -1.0),
                ],
                0.08,
                9.9,
            );
            let l = kit.half.1;
            kit.cabin(
                stage,
                belt - 0.02,
                belt + 0.68,
                -0.25 * l,
                0.73 * l,
                &[(-1.0, -1.0), (-0.93, 1.0), (0.5, 1.0), (1.0, -1.0)],
            );
            kit.mirrors(stage, belt + 0.1, 0.35 * l);
        }
        VehicleKind::Van => {
            kit.half.0 = 0.98;
            kit.wheel = 0.34;
            kit.sill = 0.28;
            kit.body(
                stage,
                1.3,
                &[
                    (-1.0, -1.0),
                    (-1.0, 1.0),
                    (0.74, 1.0),
                    (0.95, 0.55),
                    (1.0, 0.0),
                    (1.0, -1.0),
                ],
                0.03,
                9.9,
            );
            // The upper part: its front is the windscreen.
            let skin = SurfaceSkin::new(
                SkinPattern::Cabin { half_length: 9.0 },
                kit.colour,
                kit.plate,
                kit.shift,
            )
            .gloss(0.06);
            let top = stage.skin(SurfaceSkin::plain(kit.colour, kit.shift).gloss(0.06));
            let cab = stage.skin(skin);
            let l = kit.half.1;
            let box_ = stage.hull(&sweep(
                &[
                    (-1.0, -1.0),
                    (-1.0, 0.9),
                    (-0.95, 1.0),
                    (1.0, 1.0),
                    (1.0, -1.0),
                ],
                0.1,
            ));
            stage.put(
                spot,
                v(0.0, 1.78, -0.34 * l),
                v(0.97, 0.5, 0.655 * l),
                box_,
                top,
            );
            let nose = stage.hull(&sweep(
                &[(-1.0, -1.0), (-1.0, 1.0), (-0.1, 1.0), (1.0, -1.0)],
                0.12,
            ));
            stage.put(
                spot,
                v(0.0, 1.77, 0.52 * l),
                v(0.965, 0.49, 0.22 * l),
                nose,
                cab,
            );
            let glass = stage.skin(SurfaceSkin::plain(v(0.02, 0.022, 0.025), 0.3).gloss(0.4));
            if rng.chance(0.6) {
                for x in [-0.42, 0.42] {
                    stage.block(spot, v(x, 1.7, -kit.half.1), v(0.3, 0.22, 0.02), glass);
                }
            }
            kit.mirrors(stage, 1.5, 0.55 * kit.half.1);
        }
        VehicleKind::Bus => {
            kit.half.0 = 1.25;
            kit.wheel = 0.48;
            kit.sill = 0.32;
            let two = rng.chance(0.4);
            kit.body(
                stage,
                if two { 4.2 } else { 3.0 },
                &[
                    (-1.0, -1.0),
                    (-1.0, 0.95),
                    (-0.98, 1.0),
                    (0.98, 1.0),
                    (1.0, 0.95),
                    (1.0, -1.0),
                ],
                0.03,
                1.0,
            );
            if two {
                let glass = stage.skin(SurfaceSkin::plain(v(0.02, 0.022, 0.025), 0.3).gloss(0.4));
                stage.block(spot, v(0.0, 3.3, 0.0), v(1.255, 0.38, 5.1), glass);
            }
        }
        VehicleKind::Truck => {
            kit.half.0 = 1.2;
            kit.wheel = 0.46;
            kit.sill = 0.5;
            let load = paint(rng).mix(v(0.6, 0.6, 0.58), rng.unit());
            let side = stage.skin(SurfaceSkin::new(
                SkinPattern::Boards {
                    width: 0.6,
                    axis: 2,
                },
                load,
                load * 0.95,
                rng.unit(),
            ));
            stage.block(spot, v(0.0, 2.1, -0.9), v(1.22, 1.35, 2.95), side);
            let doors = stage.skin(SurfaceSkin::new(
                SkinPattern::Bands {
                    period: 0.5,
                    axis: 1,
                },
                load * 0.9,
                load,
                rng.unit(),
            ));
            stage.block(spot, v(0.0, 2.1, -3.87), v(1.2, 1.33, 0.04), doors);
            let cab = stage.skin(SurfaceSkin::plain(kit.colour, kit.shift).gloss(0.06));
            stage.block(spot, v(0.0, 1.5, 3.0), v(1.15, 1.05, 0.85), cab);
            let glass = stage.skin(SurfaceSkin::plain(v(0.02, 0.022, 0.025), 0.3).gloss(0.4));
            stage.block(spot, v(0.0, 1.9, 3.05), v(1.16, 0.36, 0.84), glass);
            let rear = stage.skin(SurfaceSkin::plain(v(0.02, 0.02, 0.02), 0.3));
            stage.block(spot, v(0.0, 0.62, -0.3), v(0.95, 0.12, 3.5), rear);
            let lamp = stage.skin(SurfaceSkin::plain(v(0.4, 0.02, 0.02), 0.3).glow(if brake {
                2.0
            } else {
                0.2
            }));
            for x in [-0.95, 0.95] {
                stage.block(spot, v(x, 0.68, -3.85), v(0.16, 0.08, 0.06), lamp);
            }
        }
    }
    kit.wheels(stage);
}
