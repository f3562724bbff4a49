//! Lost cargo and road works gear on the road.

use super::noise::SeededRng;
use super::shape::{RayHit, SolidForm};
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};
use super::wares::{TUBE, any_skin, colour, wood_skin};

/// Up to three cardboard boxes.
pub(super) fn boxes(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let n = 1 + rng.below(3);
    let mut reach = 0.0f32;
    let mut last_top = 0.0;
    for i in 0..n {
        let base = rng.pick(&[
            srgb(178, 138, 94),
            srgb(160, 122, 84),
            srgb(200, 170, 130),
            srgb(222, 216, 206),
        ]);
        let skin = stage.skin(SurfaceSkin::new(
            SkinPattern::Card,
            rng.tint(base, 0.12),
            colour(rng),
            rng.unit(),
        ));
        let half = v(
            rng.range(0.18, 0.5),
            rng.range(0.14, 0.4),
            rng.range(0.18, 0.5),
        );
        let stacked = i == 1 && rng.chance(0.4);
        let at = if stacked {
            v(0.05, last_top + half.y, 0.05)
        } else if i == 0 {
            v(0.0, half.y, 0.0)
        } else {
            v(
                rng.sign() * rng.range(0.6, 1.0),
                half.y,
                rng.range(-0.6, 0.6),
            )
        };
        let inner = spot.inner(at, LocalAxes::yaw(rng.range(-1.5, 1.5)));
        let tip = if stacked || rng.chance(0.75) {
            0.0
        } else {
            rng.range(-0.5, 0.5)
        };
        let inner = inner.inner(v(0.0, tip.abs() * 0.25, 0.0), LocalAxes::roll(tip));
        stage.block(&inner, V::ZERO, half, skin);
        if rng.chance(0.4) {
            // Open flaps.
            let flap = inner.inner(
                v(half.x, half.y, 0.0),
                LocalAxes::roll(rng.range(-0.9, 0.3)),
            );
            stage.block(
                &flap,
                v(half.x * 0.4, 0.0, 0.0),
                v(half.x * 0.45, 0.008, half.z),
                skin,
            );
        }
        let foot = ObjectSpot::new(inner.pos, inner.axes);
        stage.smudge(&foot, (half.x, half.z), 0.6);
        last_top = half.y * 2.0;
        reach = reach.max(at.length() + half.x.max(half.z));
    }
    reach.min(1.2)
}

pub(super) fn pallet(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let wood = wood_skin(stage, rng, 0);
    let up = rng.chance(0.35);
    let spot = if up {
        spot.inner(v(0.0, 0.55, 0.0), LocalAxes::pitch(1.25))
    } else {
        *spot
    };
    let (w, l) = (0.6, 0.5);
    for i in 0..6 {
        let x = (i as f32 / 5.0 * 2.0 - 1.0) * (w - 0.06);
        stage.block(&spot, v(x, 0.13, 0.0), v(0.055, 0.013, l), wood);
    }
    for i in 0..3 {
        let z = (i as f32 - 1.0) * (l - 0.06);
        stage.block(&spot, v(0.0, 0.065, z), v(w, 0.05, 0.05), wood);
        stage.block(&spot, v(0.0, 0.012, z), v(w, 0.012, 0.05), wood);
    }
    if !up && rng.chance(0.5) {
        // Still loaded.
        let load = any_skin(stage, rng);
        let high = rng.range(0.15, 0.5);
        stage.block(
            &spot,
            v(0.0, 0.145 + high, 0.0),
            v(w * 0.9, high, l * 0.9),
            load,
        );
    }
    stage.smudge(&spot, (w, l), 0.65);
    0.75
}

pub(super) fn tyres(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let rubber = stage.skin(SurfaceSkin::new(
        SkinPattern::Wheel {
            rim: if rng.chance(0.3) { 0.6 } else { 0.0 },
        },
        v(0.02, 0.02, 0.021),
        v(0.3, 0.3, 0.31),
        rng.unit(),
    ));
    let r = rng.range(0.3, 0.5);
    let w = r * rng.range(0.28, 0.4);
    let open = SolidForm::Tube {
        taper: 1.0,
        hole: 0.56,
    };
    let n = if rng.chance(0.35) { 3 } else { 1 };
    let hollow = stage.skin(SurfaceSkin::plain(v(0.01, 0.01, 0.01), 0.0));
    if n == 1 && rng.chance(0.45) {
        // Standing.
        let at = spot.inner(
            v(0.0, r, 0.0),
            LocalAxes::yaw(rng.turn()).then(&LocalAxes::along(v(1.0, 0.08, 0.0))),
        );
        stage.put(&at, V::ZERO, v(r, w, r), open, rubber);
    } else {
        for i in 0..n {
            let at = spot.inner(
                v(
                    rng.range(-0.08, 0.08),
                    w * (2.0 * i as f32 + 1.0),
                    rng.range(-0.08, 0.08),
                ),
                LocalAxes::roll(rng.range(-0.06, 0.06)),
            );
            stage.put(&at, V::ZERO, v(r, w, r), open, rubber);
            stage.put(
                &at,
                v(0.0, -0.2 * w, 0.0),
                v(r * 0.56, w * 0.7, r * 0.56),
                TUBE,
                hollow,
            );
        }
    }
    stage.smudge(spot, (r, r), 0.7);
    r
}

pub(super) fn crate_(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let wood = wood_skin(stage, rng, 1);
    let half = v(
        rng.range(0.3, 0.65),
        rng.range(0.25, 0.55),
        rng.range(0.3, 0.65),
    );
    let tilt = if rng.chance(0.3) {
        rng.range(-0.35, 0.35)
    } else {
        0.0
    };
    let spot = &spot.inner(
        v(0.0, half.y + half.x * f32::abs(tilt) * 0.8, 0.0),
        LocalAxes::roll(tilt),
    );
    stage.block(spot, V::ZERO, half * 0.96, wood);
    let edge = wood_skin(stage, rng, 0);
    for x in [-1.0, 1.0] {
        for z in [-1.0, 1.0] {
            stage.block(
                spot,
                v(x * half.x, 0.0, z * half.z),
                v(0.05, half.y, 0.05),
                edge,
            );
        }
        for y in [-1.0, 1.0] {
            stage.block(
                spot,
                v(x * half.x, y * (half.y - 0.05), 0.0),
                v(0.04, 0.05, half.z),
                edge,
            );
            stage.block(
                spot,
                v(0.0, y * (half.y - 0.05), x * half.z),
                v(half.x, 0.05, 0.04),
                edge,
            );
        }
    }
    stage.smudge(spot, (half.x, half.z), 0.6);
    half.x.max(half.z)
}

pub(super) fn barrel(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let a = colour(rng);
    let skin = stage.skin(
        SurfaceSkin::new(
            SkinPattern::Bands {
                period: 0.58,
                axis: 1,
            },
            a,
            a * 0.75,
            rng.unit(),
        )
        .gloss(0.04),
    );
    let (r, h) = (rng.range(0.24, 0.32), rng.range(0.38, 0.48));
    let lying = rng.chance(0.6);
    let at = if lying {
        spot.inner(v(0.0, r, 0.0), LocalAxes::along(v(1.0, 0.0, 0.0)))
    } else {
        spot.inner(v(0.0, h, 0.0), LocalAxes::WORLD)
    };
    stage.put(&at, V::ZERO, v(r, h, r), TUBE, skin);
    let rim = stage.skin(SurfaceSkin::plain(a * 0.5, 0.2));
    for y in [-0.34, 0.34, 0.97] {
        stage.put(
            &at,
            v(0.0, y * h, 0.0),
            v(r * 1.03, 0.02, r * 1.03),
            TUBE,
            rim,
        );
    }
    stage.smudge(spot, if lying { (h, r) } else { (r, r) }, 0.6);
    h
}

pub(super) fn ladder(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let skin = if rng.chance(0.6) {
        stage.skin(SurfaceSkin::plain(srgb(190, 192, 194), rng.unit()).gloss(0.1))
    } else {
        wood_skin(stage, rng, 2)
    };
    let half = rng.range(0.8, 1.5);
    let spot = &spot.inner(v(0.0, 0.05, 0.0), LocalAxes::pitch(rng.range(0.0, 0.12)));
    for x in [-0.2, 0.2] {
        stage.block(spot, v(x, 0.03, 0.0), v(0.022, 0.04, half), skin);
    }
    let rungs = (half / 0.15) as i32;
    for i in 0..rungs {
        let z = ((i as f32 + 0.5) / rungs as f32 * 2.0 - 1.0) * half;
        stage.limb(spot, v(-0.2, 0.03, z), v(0.2, 0.03, z), 0.018, 0.018, skin);
    }
    stage.smudge(spot, (0.22, half), 0.3);
    half
}

/// A heap of planks or pipes.
pub(super) fn planks(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let pipe = rng.chance(0.4);
    let skin = if pipe {
        let a = colour(rng);
        stage.skin(SurfaceSkin::plain(a, rng.unit()).gloss(0.05))
    } else {
        wood_skin(stage, rng, 1)
    };
    let half = rng.range(0.6, 1.4);
    for _ in 0..3 + rng.below(5) {
        let inner = spot.inner(
            v(
                rng.range(-0.4, 0.4),
                rng.range(0.05, 0.3),
                rng.range(-0.3, 0.3),
            ),
            LocalAxes::yaw(rng.range(-0.6, 0.6)).then(&LocalAxes::roll(rng.range(-0.16, 0.16))),
        );
        let long = half * rng.range(0.6, 1.0);
        if pipe {
            stage.limb(
                &inner,
                v(-long, 0.0, 0.0),
                v(long, 0.0, 0.0),
                0.055,
                0.055,
                skin,
            );
        } else {
            stage.block(&inner, V::ZERO, v(long, 0.025, 0.08), skin);
        }
    }
    stage.smudge(spot, (half, 0.4), 0.5);
    half
}

/// A tarpaulin or blanket in folds.
pub(super) fn sheet(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let a = colour(rng);
    let skin = stage.skin(SurfaceSkin::new(SkinPattern::Film, a, a, rng.unit()).gloss(0.04));
    let n = 3 + rng.below(4);
    for _ in 0..n {
        let at = v(rng.range(-0.6, 0.6), 0.02, rng.range(-0.5, 0.5));
        let half = v(
            rng.range(0.25, 0.6),
            rng.range(0.08, 0.28),
            rng.range(0.2, 0.5),
        );
        let inner = spot.inner(at, LocalAxes::yaw(rng.turn()));
        stage.ball(&inner, V::ZERO, half, skin);
    }
    stage.smudge(spot, (0.7, 0.6), 0.5);
    0.9
}

/// A trolley of wire, upright or tipped.
pub(super) fn trolley(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let skin = stage.skin(SurfaceSkin::plain(srgb(170, 174, 178), rng.unit()).gloss(0.15));
    let grip = stage.skin(SurfaceSkin::plain(colour(rng), rng.unit()));
    let spot = &if rng.chance(0.4) {
        spot.inner(
            v(0.0, 0.3, 0.0),
            LocalAxes::roll(std::f32::consts::FRAC_PI_2),
        )
    } else {
        *spot
    };
    let mesh = |cells: f32, ratio: f32| RayHit::Mesh { cells, ratio };
    for x in [-0.27, 0.27] {
        stage.put_cut(
            spot,
            v(x, 0.66, 0.0),
            v(0.01, 0.26, 0.42),
            SolidForm::Box,
            skin,
            mesh(12.0, 0.6),
        );
        for z in [-0.4, 0.4] {
            stage.limb(spot, v(x, 0.08, z), v(x, 0.95, z), 0.016, 0.016, skin);
            stage.ball(spot, v(x, 0.06, z), v(0.03, 0.06, 0.06), grip);
        }
        for y in [0.2, 0.42, 0.92] {
            stage.limb(spot, v(x, y, -0.42), v(x, y, 0.42), 0.016, 0.016, skin);
        }
    }
    for z in [-0.42, 0.42] {
        stage.put_cut(
            spot,
            v(0.0, 0.66, z),
            v(0.27, 0.26, 0.01),
            SolidForm::Box,
            skin,
            mesh(8.0, 0.9),
        );
    }
    stage.block(spot, v(0.0, 0.41, 0.0), v(0.27, 0.012, 0.42), skin);
    stage.limb(
        spot,
        v(-0.27, 1.0, -0.45),
        v(0.27, 1.0, -0.45),
        0.025,
        0.025,
        grip,
    );
    stage.smudge(spot, (0.3, 0.45), 0.4);
    0.6
}

/// Traffic cones, standing askew or on their side.
pub(super) fn cones(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let a = rng.pick(&[srgb(222, 84, 20), srgb(214, 50, 30), srgb(226, 190, 30)]);
    let skin = stage.skin(SurfaceSkin::new(
        SkinPattern::Bands {
            period: rng.range(0.2, 0.3),
            axis: 1,
        },
        a,
        srgb(228, 226, 220),
        rng.unit(),
    ));
    let base = stage.skin(SurfaceSkin::plain(a * 0.5, rng.unit()));
    let n = 1 + rng.below(3);
    let spot = &spot.scaled(rng.range(0.9, 1.3));
    for i in 0..n {
        let at = v(i as f32 * 0.7 - 0.3 * n as f32, 0.0, rng.range(-0.5, 0.5));
        let down = i == 0 || rng.chance(0.6);
        let inner = if down {
            spot.inner(
                at + v(0.0, 0.2, 0.0),
                LocalAxes::yaw(rng.turn())
                    .then(&LocalAxes::pitch(std::f32::consts::FRAC_PI_2 + 0.25)),
            )
        } else {
            spot.inner(at, LocalAxes::roll(rng.range(-0.1, 0.1)))
        };
        let cone = SolidForm::Tube {
            taper: 0.14,
            hole: 0.0,
        };
        stage.put(&inner, v(0.0, 0.37, 0.0), v(0.16, 0.36, 0.16), cone, skin);
        stage.block(&inner, v(0.0, 0.02, 0.0), v(0.2, 0.02, 0.2), base);
        stage.smudge(&spot.inner(at, LocalAxes::WORLD), (0.25, 0.25), 0.5);
    }
    0.4 + 0.3 * n as f32
}
