//! Household goods and rubbish on the road.

use super::noise::SeededRng;
use super::shape::sweep;
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};
use super::wares::{TUBE, any_skin, wood_skin};

/// Rubbish bags.
pub(super) fn bags(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let n = 1 + rng.below(4);
    for i in 0..n {
        let a = rng.pick(&[
            srgb(22, 22, 26),
            srgb(220, 220, 218),
            srgb(40, 70, 140),
            srgb(60, 110, 60),
        ]);
        let skin = stage
            .skin(SurfaceSkin::new(SkinPattern::Film, rng.tint(a, 0.2), a, rng.unit()).gloss(0.08));
        let at = if i == 0 {
            V::ZERO
        } else {
            v(rng.range(-0.7, 0.7), 0.0, rng.range(-0.5, 0.5))
        };
        let r = rng.range(0.24, 0.42);
        stage.ball(
            spot,
            at + v(0.0, r * 0.75, 0.0),
            v(r, r * 0.85, r * 0.95),
            skin,
        );
        stage.ball(
            spot,
            at + v(r * 0.3, r * 0.6, 0.1),
            v(r * 0.8, r * 0.7, r * 0.8),
            skin,
        );
        let neck = at + v(0.0, r * 1.45, 0.0);
        stage.limb(spot, neck, neck + v(0.06, 0.22, 0.03), 0.06, 0.02, skin);
        stage.limb(
            spot,
            neck + v(0.0, 0.1, 0.0),
            neck + v(-0.12, 0.2, 0.0),
            0.05,
            0.02,
            skin,
        );
        let foot = spot.inner(at, LocalAxes::WORLD);
        stage.smudge(&foot, (r, r), 0.55);
    }
    0.6
}

pub(super) fn sofa(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let cloth = any_skin(stage, rng);
    let wide = rng.range(0.5, 1.0);
    let fallen = rng.chance(0.5);
    let spot = &if fallen {
        spot.inner(
            v(0.0, 0.42, 0.0),
            LocalAxes::pitch(std::f32::consts::FRAC_PI_2),
        )
    } else {
        *spot
    };
    stage.block(spot, v(0.0, 0.26, 0.0), v(wide, 0.16, 0.4), cloth);
    stage.block(spot, v(0.0, 0.55, -0.36), v(wide, 0.35, 0.12), cloth);
    for x in [-1.0, 1.0] {
        stage.block(spot, v(x * wide, 0.38, 0.02), v(0.12, 0.26, 0.42), cloth);
        let round = spot.inner(
            v(x * wide, 0.64, 0.02),
            LocalAxes::pitch(std::f32::consts::FRAC_PI_2),
        );
        stage.put(&round, V::ZERO, v(0.13, 0.42, 0.13), TUBE, cloth);
        stage.ball(
            spot,
            v(x * wide * 0.5, 0.46, 0.05),
            v(wide * 0.48, 0.12, 0.36),
            cloth,
        );
    }
    let leg = stage.skin(SurfaceSkin::plain(srgb(50, 36, 26), 0.1));
    for x in [-0.9, 0.9] {
        for z in [-0.32, 0.32] {
            stage.block(spot, v(x * wide, 0.05, z), v(0.04, 0.06, 0.04), leg);
        }
    }
    stage.smudge(spot, (wide * 1.1, 0.5), 0.65);
    wide + 0.15
}

/// A refrigerator or washing machine.
pub(super) fn appliance(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let a = rng.pick(&[
        srgb(226, 226, 224),
        srgb(190, 192, 194),
        srgb(200, 190, 170),
    ]);
    let skin = stage.skin(SurfaceSkin::plain(rng.tint(a, 0.08), rng.unit()).gloss(0.06));
    let tall = rng.chance(0.5);
    let half = if tall {
        v(0.3, 0.85, 0.32)
    } else {
        v(0.3, 0.43, 0.3)
    };
    let lying = tall && rng.chance(0.6);
    let spot = &if lying {
        spot.inner(
            v(0.0, half.z, 0.0),
            LocalAxes::pitch(std::f32::consts::FRAC_PI_2),
        )
    } else {
        spot.inner(v(0.0, half.y, 0.0), LocalAxes::WORLD)
    };
    stage.block(spot, V::ZERO, half, skin);
    let dark = stage.skin(SurfaceSkin::plain(v(0.05, 0.05, 0.055), 0.2).gloss(0.2));
    if tall {
        stage.block(
            spot,
            v(0.0, half.y * 0.3, half.z),
            v(half.x, 0.008, 0.012),
            dark,
        );
        for y in [0.5, 0.0] {
            stage.block(
                spot,
                v(half.x * 0.8, y * half.y, half.z + 0.03),
                v(0.02, 0.15, 0.02),
                dark,
            );
        }
    } else {
        for z in [-1.0, 1.0] {
            let door = spot.inner(v(0.0, -0.05, z * half.z), LocalAxes::along(v(0.0, 0.0, z)));
            stage.put(&door, V::ZERO, v(0.19, 0.02, 0.19), TUBE, dark);
        }
        stage.block(
            spot,
            v(0.0, half.y * 0.8, half.z),
            v(half.x * 0.9, 0.05, 0.01),
            dark,
        );
    }
    stage.smudge(spot, (half.x, if lying { half.y } else { half.z }), 0.65);
    if lying { half.y } else { half.x }
}

pub(super) fn mattress(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let a = rng.pick(&[
        srgb(220, 214, 200),
        srgb(180, 186, 200),
        srgb(206, 184, 170),
    ]);
    let skin = stage.skin(SurfaceSkin::new(
        if rng.chance(0.5) {
            SkinPattern::Bands {
                period: 0.2,
                axis: 2,
            }
        } else {
            SkinPattern::Checks { size: 0.25 }
        },
        a,
        a * 0.8,
        rng.unit(),
    ));
    let (w, l) = (rng.range(0.45, 0.8), 0.98);
    let tilt = if rng.chance(0.4) {
        rng.range(0.2, 0.9)
    } else {
        0.0
    };
    let spot = &spot.inner(
        v(0.0, 0.11 + 0.7 * w * f32::sin(tilt), 0.0),
        LocalAxes::roll(tilt),
    );
    stage.block(spot, V::ZERO, v(w, 0.11, l), skin);
    stage.smudge(spot, (w, l), 0.6);
    l
}

pub(super) fn chair(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let skin = any_skin(stage, rng);
    let leg = wood_skin(stage, rng, 0);
    let spot = &match rng.below(3) {
        0 => *spot,
        1 => spot.inner(
            v(0.0, 0.24, 0.0),
            LocalAxes::roll(std::f32::consts::FRAC_PI_2),
        ),
        _ => spot.inner(
            v(0.0, 0.1, 0.3),
            LocalAxes::pitch(std::f32::consts::FRAC_PI_2),
        ),
    };
    stage.block(spot, v(0.0, 0.45, 0.0), v(0.22, 0.03, 0.22), skin);
    stage.block(spot, v(0.0, 0.75, -0.2), v(0.21, 0.2, 0.02), skin);
    for x in [-0.19, 0.19] {
        for z in [-0.19, 0.19] {
            let top = if z < 0.0 { 0.95 } else { 0.45 };
            stage.limb(spot, v(x, 0.0, z), v(x, top, z), 0.022, 0.022, leg);
        }
    }
    stage.smudge(spot, (0.3, 0.3), 0.4);
    0.5
}

pub(super) fn suitcase(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let skin = any_skin(stage, rng);
    let dark = stage.skin(SurfaceSkin::plain(v(0.02, 0.02, 0.02), 0.3));
    let n = 1 + rng.below(2);
    for i in 0..n {
        let half = v(
            rng.range(0.22, 0.34),
            rng.range(0.28, 0.4),
            rng.range(0.11, 0.16),
        );
        let at = v(i as f32 * 0.6, 0.0, rng.range(-0.2, 0.2));
        let lying = rng.chance(0.5);
        let inner = spot.inner(at, LocalAxes::yaw(rng.range(-1.2, 1.2)));
        let inner = if lying {
            inner.inner(
                v(0.0, half.z, 0.0),
                LocalAxes::pitch(std::f32::consts::FRAC_PI_2),
            )
        } else {
            inner.inner(v(0.0, half.y, 0.0), LocalAxes::WORLD)
        };
        stage.block(&inner, V::ZERO, half, skin);
        stage.block(
            &inner,
            v(0.0, 0.0, 0.0),
            v(half.x * 1.02, half.y * 1.02, 0.012),
            dark,
        );
        stage.limb(
            &inner,
            v(-0.08, half.y + 0.05, 0.0),
            v(0.08, half.y + 0.05, 0.0),
            0.018,
            0.018,
            dark,
        );
        stage.smudge(
            &spot.inner(at, LocalAxes::WORLD),
            (half.x, half.x * 0.7),
            0.6,
        );
    }
    0.7
}

/// Balls, cushions, a helmet: one round object.
pub(super) fn round(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let skin = any_skin(stage, rng);
    let r = rng.range(0.16, 0.5);
    let half = v(r, r * rng.range(0.6, 1.0), r);
    stage.ball(spot, v(0.0, half.y, 0.0), half, skin);
    stage.smudge(spot, (r * 0.8, r * 0.8), 0.6);
    r
}

/// A wheelie bin, mostly fallen.
pub(super) fn bin(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let a = rng.pick(&[
        srgb(40, 90, 56),
        srgb(52, 54, 58),
        srgb(40, 66, 120),
        srgb(190, 160, 40),
        srgb(110, 60, 44),
    ]);
    let skin = stage.skin(SurfaceSkin::plain(rng.tint(a, 0.15), rng.unit()).gloss(0.03));
    let fallen = rng.chance(0.7);
    let spot = &if fallen {
        spot.inner(
            v(0.0, 0.29, 0.0),
            LocalAxes::pitch(-std::f32::consts::FRAC_PI_2),
        )
    } else {
        *spot
    };
    let body = stage.hull(&sweep(
        &[(-0.8, -1.0), (-1.0, 1.0), (1.0, 1.0), (0.8, -1.0)],
        -0.12,
    ));
    stage.put(spot, v(0.0, 0.5, 0.0), v(0.25, 0.48, 0.29), body, skin);
    stage.block(spot, v(0.0, 1.0, 0.0), v(0.3, 0.04, 0.33), skin);
    let dark = stage.skin(SurfaceSkin::plain(v(0.02, 0.02, 0.02), 0.0));
    for x in [-0.26, 0.26] {
        let wheel = spot.inner(v(x, 0.1, -0.24), LocalAxes::along(v(1.0, 0.0, 0.0)));
        stage.put(&wheel, V::ZERO, v(0.1, 0.03, 0.1), TUBE, dark);
    }
    stage.smudge(spot, (0.3, 0.5), 0.6);
    0.6
}
