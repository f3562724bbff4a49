//! Street furniture: lamps, signs, lights, bollards, fences, walls.

use super::class::{BUILDING, FENCE, POLE, SIGN};
use super::noise::SeededRng;
use super::shape::{RayHit, SolidForm};
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};
use super::style::StreetStyle;

const TUBE: SolidForm = SolidForm::Tube {
    taper: 1.0,
    hole: 0.0,
};

fn metal(stage: &mut SceneStage, rng: &mut SeededRng) -> u32 {
    let base = rng.pick(&[
        srgb(120, 124, 126),
        srgb(70, 74, 76),
        srgb(46, 54, 50),
        srgb(150, 150, 146),
        srgb(36, 36, 38),
    ]);
    stage.skin(SurfaceSkin::plain(rng.tint(base, 0.15), rng.unit()))
}

/// A street lamp whose arm reaches `toward` (+1: to the right).
pub(super) fn lamp(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: &ObjectSpot,
    toward: f32,
    rng: &mut SeededRng,
) {
    stage.group(POLE, spot.point(v(0.0, 3.0, 0.0)));
    let skin = metal(stage, rng);
    let high = rng.range(5.0, 8.5);
    stage.limb(spot, V::ZERO, v(0.0, high, 0.0), 0.09, 0.055, skin);
    stage.limb(spot, V::ZERO, v(0.0, 1.2, 0.0), 0.12, 0.11, skin);
    let reach = toward * rng.range(0.8, 1.8);
    stage.limb(
        spot,
        v(0.0, high - 0.05, 0.0),
        v(reach, high + 0.25, 0.0),
        0.05,
        0.04,
        skin,
    );
    let glow = style.weather.lamps * 3.0;
    let head = stage.skin(SurfaceSkin::plain(srgb(190, 188, 176), 0.4).glow(glow));
    stage.block(spot, v(reach, high + 0.22, 0.0), v(0.32, 0.07, 0.13), head);
    stage.smudge(spot, (0.15, 0.15), 0.5);
}

/// A telegraph pole.
pub(super) fn mast(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) {
    stage.group(POLE, spot.point(v(0.0, 3.0, 0.0)));
    let wood = stage.skin(SurfaceSkin::new(
        SkinPattern::Bark,
        srgb(98, 82, 66),
        srgb(80, 66, 52),
        rng.unit(),
    ));
    let high = rng.range(6.5, 8.5);
    stage.limb(spot, V::ZERO, v(0.0, high, 0.0), 0.13, 0.1, wood);
    stage.block(spot, v(0.0, high - 0.5, 0.0), v(0.8, 0.06, 0.05), wood);
    stage.smudge(spot, (0.2, 0.2), 0.5);
}

/// A traffic sign that faces those who come from behind the spot.
pub(super) fn sign(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) {
    stage.group(POLE, spot.point(v(0.0, 1.5, 0.0)));
    let skin = metal(stage, rng);
    let high = rng.range(2.1, 2.9);
    stage.limb(spot, V::ZERO, v(0.0, high + 0.3, 0.0), 0.035, 0.035, skin);
    stage.smudge(spot, (0.1, 0.1), 0.4);
    stage.group(SIGN, spot.point(v(0.0, high, -0.1)));
    let design = rng.below(5) as u8;
    let a = match design {
        0 | 1 => srgb(196, 24, 32),
        3 => srgb(20, 70, 160),
        _ => rng.pick(&[
            srgb(20, 92, 60),
            srgb(24, 74, 150),
            srgb(190, 150, 20),
            srgb(196, 40, 30),
        ]),
    };
    let face = stage.skin(SurfaceSkin::new(
        SkinPattern::Sign { design },
        a,
        a,
        rng.unit(),
    ));
    if design == 2 || design == 4 {
        let half = v(rng.range(0.3, 0.7), rng.range(0.22, 0.45), 0.02);
        stage.block(spot, v(0.0, high + 0.1, -0.06), half, face);
    } else {
        // The disc's axis points at the driver; the picture's up must stay up.
        let axes = LocalAxes {
            x: v(1.0, 0.0, 0.0),
            y: v(0.0, 0.0, -1.0),
            z: v(0.0, 1.0, 0.0),
        };
        let r = rng.range(0.3, 0.42);
        let at = spot.inner(v(0.0, high, -0.06), axes);
        stage.put(&at, V::ZERO, v(r, 0.02, r), TUBE, face);
    }
}

/// A board with advertising or a shop's hanging sign.
pub(super) fn board(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) {
    stage.group(SIGN, spot.point(v(0.0, 2.0, 0.0)));
    let a = rng.pick(&[
        srgb(20, 60, 120),
        srgb(140, 24, 40),
        srgb(24, 96, 60),
        srgb(200, 160, 30),
    ]);
    let face = stage.skin(SurfaceSkin::new(
        SkinPattern::Sign { design: 2 },
        rng.tint(a, 0.2),
        a,
        rng.unit(),
    ));
    stage.block(spot, v(0.0, 2.6, 0.0), v(0.45, 0.35, 0.04), face);
}

/// A traffic light that faces those who come from behind the spot.
pub(super) fn signal(stage: &mut SceneStage, spot: &ObjectSpot, lit: u8, rng: &mut SeededRng) {
    stage.group(POLE, spot.point(v(0.0, 1.5, 0.0)));
    let skin = metal(stage, rng);
    stage.limb(spot, V::ZERO, v(0.0, 2.5, 0.0), 0.055, 0.055, skin);
    stage.smudge(spot, (0.12, 0.12), 0.4);
    stage.group(SIGN, spot.point(v(0.0, 2.7, -0.2)));
    let face = stage.skin(SurfaceSkin::new(
        SkinPattern::Signal { lit },
        v(0.012, 0.013, 0.013),
        V::ZERO,
        0.0,
    ));
    stage.block(spot, v(0.0, 2.85, -0.12), v(0.17, 0.45, 0.12), face);
}

/// A bollard.
pub(super) fn bollard(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) {
    stage.group(POLE, spot.point(v(0.0, 0.6, 0.0)));
    let skin = metal(stage, rng);
    stage.limb(spot, V::ZERO, v(0.0, 0.95, 0.0), 0.085, 0.07, skin);
    stage.ball(spot, v(0.0, 0.97, 0.0), v(0.085, 0.07, 0.085), skin);
    stage.smudge(spot, (0.13, 0.13), 0.5);
}

/// Railings along the road.
pub(super) fn railing(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    half: f32,
    height: f32,
    rng: &mut SeededRng,
) {
    stage.group(FENCE, spot.point(v(0.0, height, 0.0)));
    stage.tune(|g| g.casts = false);
    let skin = metal(stage, rng);
    let bars = RayHit::Bars {
        bars: half * 2.0 / rng.range(0.11, 0.16),
        share: rng.range(0.16, 0.3),
    };
    stage.put_cut(
        spot,
        v(0.0, 0.5 * height, 0.0),
        v(0.012, 0.5 * height, half),
        SolidForm::Box,
        skin,
        bars,
    );
    let posts = (half / 1.2) as i32;
    for i in 0..=posts {
        let z = (i as f32 / posts.max(1) as f32 * 2.0 - 1.0) * half;
        stage.limb(
            spot,
            v(0.0, 0.0, z),
            v(0.0, height + 0.06, z),
            0.035,
            0.035,
            skin,
        );
    }
}

/// Wire mesh between posts.
pub(super) fn mesh(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    half: f32,
    height: f32,
    rng: &mut SeededRng,
) {
    stage.group(FENCE, spot.point(v(0.0, height, 0.0)));
    stage.tune(|g| g.casts = false);
    let skin = metal(stage, rng);
    let cut = RayHit::Mesh {
        cells: half * 2.0 / 0.16,
        ratio: height / (half * 2.0),
    };
    stage.put_cut(
        spot,
        v(0.0, 0.5 * height, 0.0),
        v(0.01, 0.5 * height, half),
        SolidForm::Box,
        skin,
        cut,
    );
    let posts = (half / 1.4) as i32;
    for i in 0..=posts {
        let z = (i as f32 / posts.max(1) as f32 * 2.0 - 1.0) * half;
        stage.limb(
            spot,
            v(0.0, 0.0, z),
            v(0.0, height + 0.1, z),
            0.04,
            0.04,
            skin,
        );
    }
    stage.limb(
        spot,
        v(0.0, height, -half),
        v(0.0, height, half),
        0.02,
        0.02,
        skin,
    );
}

/// A fence of boards.
pub(super) fn boards(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    half: f32,
    height: f32,
    rng: &mut SeededRng,
) {
    stage.group(FENCE, spot.point(v(0.0, height, 0.0)));
    let base = rng.pick(&[
        srgb(140, 108, 76),
        srgb(116, 96, 80),
        srgb(150, 144, 132),
        srgb(214, 210, 200),
        srgb(92, 80, 64),
    ]);
    let a = rng.tint(base, 0.15);
    let skin = stage.skin(SurfaceSkin::new(
        SkinPattern::Boards {
            width: rng.range(0.1, 0.18),
            axis: if rng.chance(0.7) { 2 } else { 1 },
        },
        a,
        a * 0.8,
        rng.unit(),
    ));
    stage.block(
        spot,
        v(0.0, 0.5 * height, 0.0),
        v(0.04, 0.5 * height, half),
        skin,
    );
    let posts = (half / 1.3) as i32;
    for i in 0..=posts {
        let z = (i as f32 / posts.max(1) as f32 * 2.0 - 1.0) * half;
        stage.block(
            spot,
            v(0.0, 0.5 * height + 0.06, z),
            v(0.07, 0.5 * height + 0.06, 0.06),
            skin,
        );
    }
}

/// Posts with rails, as at meadows, or a crash barrier.
pub(super) fn rails(stage: &mut SceneStage, spot: &ObjectSpot, half: f32, rng: &mut SeededRng) {
    stage.group(FENCE, spot.point(v(0.0, 1.0, 0.0)));
    let barrier = rng.chance(0.4);
    let base = if barrier {
        srgb(160, 164, 166)
    } else {
        srgb(118, 100, 80)
    };
    let a = rng.tint(base, 0.15);
    let skin = stage.skin(SurfaceSkin::new(
        if barrier {
            SkinPattern::Bands {
                period: 0.2,
                axis: 1,
            }
        } else {
            SkinPattern::Bark
        },
        a,
        a * 0.8,
        rng.unit(),
    ));
    let heights: &[f32] = if barrier { &[0.6] } else { &[0.45, 0.8, 1.15] };
    for &y in heights {
        let high = if barrier { 0.16 } else { 0.06 };
        stage.block(spot, v(0.0, y, 0.0), v(0.03, high, half), skin);
    }
    let posts = (half / 1.1) as i32;
    for i in 0..=posts {
        let z = (i as f32 / posts.max(1) as f32 * 2.0 - 1.0) * half;
        let top = if barrier { 0.7 } else { 1.3 };
        stage.limb(spot, v(0.05, 0.0, z), v(0.05, top, z), 0.06, 0.06, skin);
    }
}

/// A garden wall: counts as building, as masonry does.
pub(super) fn wall(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: &ObjectSpot,
    half: f32,
    height: f32,
    rng: &mut SeededRng,
) {
    stage.group(BUILDING, spot.point(v(0.0, height, 0.0)));
    let base = rng.pick(&style.walls);
    let a = rng.tint(base, 0.12);
    let skin = stage.skin(SurfaceSkin::new(
        SkinPattern::Wall(super::skin::HouseFacade {
            storey_m: 3.0,
            bay_m: 3.0,
            window: (0.0, 0.0),
            brick: rng.chance(0.7),
            shop: false,
            curtain: false,
            bars: 0,
            number: rng.bits() as u32,
        }),
        a,
        a * 1.1,
        rng.unit(),
    ));
    stage.block(
        spot,
        v(0.0, 0.5 * height, 0.0),
        v(0.13, 0.5 * height, half),
        skin,
    );
    let cap = stage.skin(SurfaceSkin::plain(srgb(160, 154, 144), rng.unit()));
    stage.block(spot, v(0.0, height + 0.04, 0.0), v(0.18, 0.045, half), cap);
}
