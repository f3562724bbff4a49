//! Pedestrians and cyclists.

use super::noise::SeededRng;
use super::shape::SolidForm;
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};

struct ClothesColours {
    top: u32,
    legs: u32,
    skin: u32,
    hair: u32,
    shoes: u32,
    long_coat: bool,
}

fn cloth(stage: &mut SceneStage, rng: &mut SeededRng, bright: bool) -> u32 {
    let dull = [
        srgb(24, 26, 34),
        srgb(46, 48, 54),
        srgb(36, 48, 78),
        srgb(84, 74, 62),
        srgb(60, 66, 58),
        srgb(110, 108, 104),
        srgb(20, 20, 22),
    ];
    let vivid = [
        srgb(160, 36, 40),
        srgb(40, 84, 160),
        srgb(206, 198, 186),
        srgb(40, 110, 84),
        srgb(190, 150, 60),
        srgb(150, 80, 130),
        srgb(226, 224, 220),
        srgb(200, 220, 40),
    ];
    let base = if bright && rng.chance(0.5) {
        rng.pick(&vivid)
    } else {
        rng.pick(&dull)
    };
    let a = rng.tint(base, 0.25);
    let pattern = match rng.below(8) {
        0 => SkinPattern::Bands {
            period: 0.12,
            axis: 1,
        },
        1 => SkinPattern::Checks { size: 0.14 },
        _ => SkinPattern::Plain {
            grain: 0.2,
            stain: 0.9,
        },
    };
    let other = rng.pick(&dull);
    let mut skin = SurfaceSkin::new(pattern, a, a.mix(other, 0.6), rng.unit());
    skin.c = other;
    stage.skin(skin)
}

impl ClothesColours {
    fn draw(stage: &mut SceneStage, rng: &mut SeededRng) -> Self {
        let tone = rng.pick(&[
            srgb(226, 182, 152),
            srgb(198, 148, 116),
            srgb(140, 96, 70),
            srgb(92, 62, 48),
            srgb(236, 200, 176),
        ]);
        let hair = rng.pick(&[
            srgb(34, 26, 22),
            srgb(84, 58, 36),
            srgb(150, 118, 76),
            srgb(120, 118, 116),
            srgb(60, 20, 24),
        ]);
        Self {
            top: cloth(stage, rng, true),
            legs: cloth(stage, rng, false),
            skin: stage.skin(SurfaceSkin::plain(tone, rng.unit())),
            hair: stage.skin(SurfaceSkin::plain(hair, rng.unit())),
            shoes: stage.skin(SurfaceSkin::plain(srgb(30, 28, 28), rng.unit())),
            long_coat: rng.chance(0.25),
        }
    }
}

fn head(stage: &mut SceneStage, spot: &ObjectSpot, at: V, wear: &ClothesColours) {
    stage.ball(spot, at, v(0.085, 0.115, 0.1), wear.skin);
    stage.ball(
        spot,
        at + v(0.0, 0.035, -0.025),
        v(0.092, 0.1, 0.1),
        wear.hair,
    );
    stage.limb(
        spot,
        at + v(0.0, -0.2, -0.01),
        at + v(0.0, -0.05, 0.0),
        0.055,
        0.05,
        wear.skin,
    );
}

/// Someone on foot; `step` is the phase of the walk, radians. The group must be open.
pub(super) fn pedestrian(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    step: f32,
    rng: &mut SeededRng,
) {
    let wear = ClothesColours::draw(stage, rng);
    let spot = &spot.scaled(rng.range(0.88, 1.08) * if rng.chance(0.1) { 0.7 } else { 1.0 });
    let swing = step.sin() * 0.3;
    let stout = rng.range(0.9, 1.2);
    for (side, phase) in [(-1.0, swing), (1.0, -swing)] {
        let hip = v(side * 0.09, 0.88, 0.0);
        let knee = v(side * 0.095, 0.48, phase * 0.45 + 0.04);
        let foot = v(
            side * 0.1,
            0.07,
            phase * 0.95 - if phase < 0.0 { 0.05 } else { 0.0 },
        );
        stage.limb(spot, hip, knee, 0.09 * stout, 0.065, wear.legs);
        stage.limb(spot, knee, foot, 0.065, 0.045, wear.legs);
        stage.ball(
            spot,
            foot + v(0.0, -0.02, 0.06),
            v(0.05, 0.05, 0.12),
            wear.shoes,
        );
        let shoulder = v(side * 0.19 * stout, 1.4, 0.0);
        let elbow = v(side * 0.24 * stout, 1.12, -phase * 0.35);
        let hand = v(side * 0.23 * stout, 0.86, -phase * 0.8 + 0.06);
        stage.limb(spot, shoulder, elbow, 0.06, 0.05, wear.top);
        stage.limb(spot, elbow, hand, 0.05, 0.035, wear.top);
        stage.ball(spot, hand, v(0.035, 0.05, 0.04), wear.skin);
    }
    stage.ball(
        spot,
        v(0.0, 1.18, 0.0),
        v(0.2 * stout, 0.32, 0.13 * stout),
        wear.top,
    );
    stage.ball(
        spot,
        v(0.0, 1.38, 0.0),
        v(0.21 * stout, 0.12, 0.11),
        wear.top,
    );
    let hem = if wear.long_coat { 0.5 } else { 0.82 };
    stage.limb(
        spot,
        v(0.0, hem, 0.0),
        v(0.0, 1.2, 0.0),
        0.17 * stout,
        0.15 * stout,
        wear.top,
    );
    head(stage, spot, v(0.0, 1.63, 0.02), &wear);
    if rng.chance(0.3) {
        let bag = cloth(stage, rng, true);
        if rng.chance(0.5) {
            stage.ball(spot, v(0.0, 1.2, -0.17), v(0.15, 0.22, 0.1), bag);
        } else {
            stage.block(spot, v(0.29, 0.7, 0.05), v(0.06, 0.16, 0.16), bag);
        }
    }
    stage.smudge(spot, (0.22, 0.22), 0.55);
}

/// Someone on a bicycle; `turn` is the pedals' phase, radians. The group must be open.
pub(super) fn cyclist(stage: &mut SceneStage, spot: &ObjectSpot, turn: f32, rng: &mut SeededRng) {
    let wear = ClothesColours::draw(stage, rng);
    let colour = rng.pick(&[
        srgb(30, 30, 34),
        srgb(160, 30, 34),
        srgb(40, 80, 150),
        srgb(190, 190, 186),
        srgb(40, 110, 70),
    ]);
    let frame = stage.skin(SurfaceSkin::plain(colour, rng.unit()).gloss(0.05));
    let tyre = stage.skin(SurfaceSkin::plain(v(0.02, 0.02, 0.02), 0.1));
    let ring = SolidForm::Tube {
        taper: 1.0,
        hole: 0.88,
    };
    for z in [-0.52, 0.54] {
        let at = spot.inner(v(0.0, 0.34, z), LocalAxes::along(v(1.0, 0.0, 0.0)));
        stage.put(&at, V::ZERO, v(0.34, 0.022, 0.34), ring, tyre);
        for i in 0..3 {
            let a = i as f32 * 1.05 + turn * 0.6;
            let out = v(0.0, a.sin() * 0.31, a.cos() * 0.31);
            let hub = v(0.0, 0.34, z);
            stage.limb(spot, hub - out, hub + out, 0.006, 0.006, tyre);
        }
    }
    let (seat, crank, bars) = (v(0.0, 0.92, -0.2), v(0.0, 0.32, 0.0), v(0.0, 0.98, 0.4));
    let neck = v(0.0, 0.82, 0.38);
    for (a, b) in [
        (crank, seat),
        (crank, neck),
        (v(0.0, 0.8, -0.16), neck),
        (v(0.0, 0.34, -0.52), crank),
        (v(0.0, 0.34, -0.52), v(0.0, 0.8, -0.16)),
        (v(0.0, 0.34, 0.54), bars),
    ] {
        stage.limb(spot, a, b, 0.02, 0.02, frame);
    }
    stage.limb(
        spot,
        bars + v(-0.27, 0.0, 0.0),
        bars + v(0.27, 0.0, 0.0),
        0.016,
        0.016,
        tyre,
    );
    stage.block(spot, seat + v(0.0, 0.02, 0.0), v(0.07, 0.03, 0.13), tyre);
    let hip = v(0.0, 1.0, -0.17);
    let chest = v(0.0, 1.42, 0.1);
    for (side, phase) in [(-1.0, turn), (1.0, turn + std::f32::consts::PI)] {
        let pedal = crank + v(side * 0.11, phase.sin() * 0.16, phase.cos() * 0.16);
        let knee = v(
            side * 0.11,
            0.66 + 0.5 * (pedal.y - 0.16),
            0.2 + 0.3 * pedal.z,
        );
        stage.limb(
            spot,
            hip + v(side * 0.09, 0.0, 0.0),
            knee,
            0.09,
            0.065,
            wear.legs,
        );
        stage.limb(spot, knee, pedal, 0.062, 0.042, wear.legs);
        stage.ball(
            spot,
            pedal + v(0.0, -0.02, 0.04),
            v(0.045, 0.045, 0.12),
            wear.shoes,
        );
        let shoulder = chest + v(side * 0.19, 0.0, 0.0);
        let elbow = v(side * 0.27, 1.16, 0.2);
        stage.limb(spot, shoulder, elbow, 0.06, 0.05, wear.top);
        stage.limb(
            spot,
            elbow,
            bars + v(side * 0.24, 0.04, 0.0),
            0.05,
            0.035,
            wear.top,
        );
    }
    stage.limb(spot, hip, chest, 0.17, 0.16, wear.top);
    stage.ball(spot, chest, v(0.22, 0.14, 0.13), wear.top);
    stage.ball(spot, hip, v(0.18, 0.15, 0.17), wear.legs);
    let top = chest + v(0.0, 0.27, 0.1);
    head(stage, spot, top, &wear);
    if rng.chance(0.6) {
        let helmet = cloth(stage, rng, true);
        stage.ball(
            spot,
            top + v(0.0, 0.06, -0.01),
            v(0.105, 0.09, 0.13),
            helmet,
        );
    }
    stage.smudge(spot, (0.2, 0.85), 0.5);
}
