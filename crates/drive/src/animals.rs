//! Animals that stand on the road.

use super::noise::SeededRng;
use super::shape::SolidForm;
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};

/// Proportions of a four-legged animal, in shares of its height at the shoulder.
struct AnimalBuild {
    shoulder_m: f32,
    length: f32,
    girth: f32,
    leg: f32,
    neck: f32,
    neck_up: f32,
    head: f32,
    snout: f32,
    ears: f32,
    tail: f32,
    horns: f32,
    wool: bool,
}

fn coat(
    stage: &mut SceneStage,
    rng: &mut SeededRng,
    colours: &[(V, V)],
    patches: f32,
    wool: bool,
) -> u32 {
    let (a, b) = rng.pick(colours);
    let pattern = if rng.chance(patches) {
        SkinPattern::Blotch {
            size: rng.range(0.12, 0.3),
            share: rng.range(0.42, 0.56),
        }
    } else if wool {
        SkinPattern::Leaves { size: 0.03 }
    } else {
        SkinPattern::Fur {
            saddle: rng.range(-0.1, 0.4),
            belly: rng.range(0.0, 0.5),
        }
    };
    stage.skin(SurfaceSkin::new(
        pattern,
        rng.tint(a, 0.2),
        rng.tint(b, 0.2),
        rng.unit(),
    ))
}

fn four_legs(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    b: &AnimalBuild,
    coat: u32,
    rng: &mut SeededRng,
) -> f32 {
    let spot = &spot.scaled(b.shoulder_m * rng.range(0.85, 1.15));
    let dark = stage.skin(SurfaceSkin::plain(v(0.03, 0.027, 0.025), rng.unit()));
    let body = 1.0 - b.girth;
    let (half, g) = (0.5 * b.length, b.girth);
    // Trunk: chest, belly, rump.
    stage.ball(
        spot,
        v(0.0, body + 0.02, half * 0.5),
        v(g * 0.78, g * 1.05, half * 0.55),
        coat,
    );
    stage.ball(
        spot,
        v(0.0, body, 0.0),
        v(g * 0.8, g * 0.95, half * 0.75),
        coat,
    );
    stage.ball(
        spot,
        v(0.0, body + 0.03, -half * 0.55),
        v(g * 0.75, g * 1.0, half * 0.5),
        coat,
    );
    let stride = rng.range(-0.16, 0.16);
    for (x, z, s) in [
        (-1.0, half * 0.62, stride),
        (1.0, half * 0.62, -stride),
        (-1.0, -half * 0.78, -stride * 0.8),
        (1.0, -half * 0.78, stride * 0.8),
    ] {
        let hip = v(x * g * 0.5, body - 0.2 * g, z);
        let knee = v(x * g * 0.5, 0.5 * (body - 0.3 * g), z + s * 0.5);
        let hoof = v(x * g * 0.48, 0.03, z + s);
        stage.limb(spot, hip, knee, b.leg * 1.7, b.leg, coat);
        stage.limb(spot, knee, hoof, b.leg, b.leg * 0.75, coat);
        stage.limb(
            spot,
            hoof + v(0.0, -0.03, 0.0),
            hoof + v(0.0, 0.03, 0.0),
            b.leg,
            b.leg,
            dark,
        );
    }
    // Neck and head, turned a little to a side; some graze.
    let graze = rng.chance(0.25);
    let turn = rng.range(-0.6, 0.6);
    let up = if graze { -0.75 } else { b.neck_up };
    let from = v(0.0, body + 0.35 * g, half * 0.75);
    let along = v(turn * 0.4, up, (1.0 - up * up * 0.6).max(0.2)).unit() * b.neck;
    let top = from + along;
    stage.limb(spot, from, top, g * 0.62, b.head * 0.75, coat);
    let nod = spot.inner(
        top,
        LocalAxes::yaw(turn).then(&LocalAxes::pitch(if graze { -1.0 } else { -0.35 })),
    );
    let h = b.head;
    stage.ball(
        &nod,
        v(0.0, 0.0, 0.3 * h),
        v(0.72 * h, 0.8 * h, 1.05 * h),
        coat,
    );
    stage.limb(
        &nod,
        v(0.0, -0.1 * h, 0.6 * h),
        v(0.0, -0.25 * h, h * (0.9 + b.snout)),
        0.6 * h,
        0.42 * h,
        coat,
    );
    stage.ball(
        &nod,
        v(0.0, -0.22 * h, h * (0.95 + b.snout)),
        v(0.36 * h, 0.32 * h, 0.2 * h),
        dark,
    );
    for x in [-1.0, 1.0] {
        stage.ball(
            &nod,
            v(x * 0.55 * h, 0.28 * h, 0.75 * h),
            v(0.12 * h, 0.12 * h, 0.12 * h),
            dark,
        );
        let ear = v(x * 0.6 * h, 0.5 * h, -0.1 * h);
        stage.limb(
            &nod,
            ear,
            ear + v(x * 0.35, 0.75, -0.15) * (b.ears * h),
            0.28 * h,
            0.05 * h,
            coat,
        );
        if b.horns > 0.0 {
            let bone = stage.skin(SurfaceSkin::plain(srgb(170, 150, 120), rng.unit()));
            let root = v(x * 0.35 * h, 0.65 * h, 0.0);
            let mid = root + v(x * 0.6, 0.7, -0.2) * b.horns;
            stage.limb(&nod, root, mid, 0.13 * h, 0.1 * h, bone);
            stage.limb(
                &nod,
                mid,
                mid + v(x * 0.15, 0.8, 0.25) * b.horns,
                0.1 * h,
                0.03 * h,
                bone,
            );
            if b.horns > 0.25 {
                stage.limb(
                    &nod,
                    mid,
                    mid + v(x * 0.5, 0.3, 0.5) * b.horns,
                    0.08 * h,
                    0.03 * h,
                    bone,
                );
                stage.limb(
                    &nod,
                    mid,
                    mid + v(x * 0.4, 0.4, -0.5) * b.horns,
                    0.08 * h,
                    0.03 * h,
                    bone,
                );
            }
        }
    }
    if b.tail > 0.0 {
        let root = v(0.0, body + 0.5 * g, -half);
        let tip = root + v(rng.range(-0.3, 0.3), -0.8, -0.5).unit() * b.tail;
        let skin = if b.wool { coat } else { dark };
        stage.limb(spot, root, tip, 0.07 * g + 0.03, 0.03, skin);
    }
    stage.smudge(spot, (g * 0.9, half * 1.1), 0.55);
    (half + b.neck * 0.6) * spot.scale
}

/// Brown, tan and black coats.
fn browns() -> [(V, V); 5] {
    [
        (srgb(110, 74, 46), srgb(70, 46, 30)),
        (srgb(160, 118, 76), srgb(120, 84, 52)),
        (srgb(30, 27, 26), srgb(50, 44, 40)),
        (srgb(196, 178, 150), srgb(150, 128, 98)),
        (srgb(84, 66, 54), srgb(56, 44, 36)),
    ]
}

pub(super) fn dog(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let mut colours = browns().to_vec();
    colours.push((srgb(226, 220, 210), srgb(120, 90, 64)));
    let coat = coat(stage, rng, &colours, 0.3, false);
    let b = AnimalBuild {
        shoulder_m: rng.range(0.42, 0.72),
        length: rng.range(0.95, 1.25),
        girth: rng.range(0.2, 0.27),
        leg: 0.055,
        neck: 0.34,
        neck_up: 0.75,
        head: 0.17,
        snout: 0.75,
        ears: rng.range(0.5, 1.1),
        tail: 0.5,
        horns: 0.0,
        wool: true,
    };
    four_legs(stage, spot, &b, coat, rng)
}

pub(super) fn fox(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let coat = coat(
        stage,
        rng,
        &[(srgb(176, 88, 36), srgb(140, 64, 30))],
        0.0,
        false,
    );
    let b = AnimalBuild {
        shoulder_m: 0.42,
        length: 1.45,
        girth: 0.22,
        leg: 0.045,
        neck: 0.3,
        neck_up: 0.55,
        head: 0.19,
        snout: 0.85,
        ears: 1.2,
        tail: 0.9,
        horns: 0.0,
        wool: true,
    };
    four_legs(stage, spot, &b, coat, rng)
}

pub(super) fn cow(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let coat = coat(
        stage,
        rng,
        &[
            (srgb(230, 226, 218), srgb(28, 26, 26)),
            (srgb(226, 214, 196), srgb(120, 66, 36)),
            (srgb(140, 90, 56), srgb(110, 70, 44)),
            (srgb(214, 202, 184), srgb(190, 172, 146)),
        ],
        0.55,
        false,
    );
    let b = AnimalBuild {
        shoulder_m: 1.35,
        length: 1.35,
        girth: 0.31,
        leg: 0.06,
        neck: 0.36,
        neck_up: 0.3,
        head: 0.17,
        snout: 0.95,
        ears: 0.8,
        tail: 0.7,
        horns: if rng.chance(0.5) { 0.14 } else { 0.0 },
        wool: false,
    };
    four_legs(stage, spot, &b, coat, rng)
}

pub(super) fn horse(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let mut colours = browns().to_vec();
    colours.push((srgb(216, 212, 206), srgb(180, 176, 172)));
    let coat = coat(stage, rng, &colours, 0.15, false);
    let b = AnimalBuild {
        shoulder_m: 1.5,
        length: 1.15,
        girth: 0.26,
        leg: 0.05,
        neck: 0.52,
        neck_up: 0.8,
        head: 0.15,
        snout: 1.5,
        ears: 0.8,
        tail: 0.6,
        horns: 0.0,
        wool: false,
    };
    four_legs(stage, spot, &b, coat, rng)
}

pub(super) fn deer(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let coat = coat(
        stage,
        rng,
        &[
            (srgb(142, 100, 66), srgb(110, 76, 50)),
            (srgb(100, 80, 64), srgb(76, 60, 48)),
        ],
        0.0,
        false,
    );
    let b = AnimalBuild {
        shoulder_m: rng.range(0.9, 1.5),
        length: 1.15,
        girth: 0.23,
        leg: 0.042,
        neck: 0.45,
        neck_up: 0.85,
        head: 0.14,
        snout: 1.2,
        ears: 1.2,
        tail: 0.14,
        horns: if rng.chance(0.55) { 0.34 } else { 0.0 },
        wool: true,
    };
    four_legs(stage, spot, &b, coat, rng)
}

pub(super) fn sheep(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let coat = coat(
        stage,
        rng,
        &[
            (srgb(214, 206, 188), srgb(190, 180, 160)),
            (srgb(90, 80, 70), srgb(70, 62, 54)),
        ],
        0.0,
        true,
    );
    let b = AnimalBuild {
        shoulder_m: 0.72,
        length: 1.3,
        girth: 0.36,
        leg: 0.06,
        neck: 0.26,
        neck_up: 0.6,
        head: 0.19,
        snout: 0.8,
        ears: 0.7,
        tail: 0.2,
        horns: if rng.chance(0.3) { 0.16 } else { 0.0 },
        wool: true,
    };
    four_legs(stage, spot, &b, coat, rng)
}

pub(super) fn boar(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let coat = coat(
        stage,
        rng,
        &[
            (srgb(70, 58, 48), srgb(46, 38, 32)),
            (srgb(206, 160, 146), srgb(180, 130, 116)),
        ],
        0.1,
        false,
    );
    let b = AnimalBuild {
        shoulder_m: 0.75,
        length: 1.5,
        girth: 0.37,
        leg: 0.06,
        neck: 0.22,
        neck_up: -0.1,
        head: 0.24,
        snout: 1.3,
        ears: 0.8,
        tail: 0.25,
        horns: 0.0,
        wool: true,
    };
    four_legs(stage, spot, &b, coat, rng)
}

/// A goose, swan or crow.
pub(super) fn bird(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let (a, long) = rng.pick(&[
        (srgb(232, 230, 226), true),
        (srgb(120, 104, 88), true),
        (srgb(26, 26, 30), false),
        (srgb(96, 70, 50), false),
    ]);
    let coat = stage.skin(SurfaceSkin::new(
        SkinPattern::Fur {
            saddle: 0.3,
            belly: 0.3,
        },
        rng.tint(a, 0.15),
        a * 0.7,
        rng.unit(),
    ));
    let beak = stage.skin(SurfaceSkin::plain(srgb(214, 120, 30), rng.unit()));
    let spot = &spot.scaled(if long {
        rng.range(0.75, 1.1)
    } else {
        rng.range(0.45, 0.7)
    });
    let tilt = spot.inner(v(0.0, 0.42, 0.0), LocalAxes::pitch(0.15));
    stage.ball(&tilt, V::ZERO, v(0.19, 0.2, 0.36), coat);
    stage.limb(
        &tilt,
        v(0.0, 0.0, -0.25),
        v(0.0, 0.05, -0.55),
        0.12,
        0.03,
        coat,
    );
    let neck = if long { 0.5 } else { 0.18 };
    let top = v(rng.range(-0.1, 0.1), 0.5 + neck, 0.36);
    stage.limb(spot, v(0.0, 0.46, 0.25), top, 0.1, 0.05, coat);
    stage.ball(spot, top, v(0.07, 0.08, 0.1), coat);
    stage.limb(
        spot,
        top + v(0.0, -0.01, 0.07),
        top + v(0.0, -0.03, 0.2),
        0.04,
        0.01,
        beak,
    );
    for x in [-0.09, 0.09] {
        stage.limb(spot, v(x, 0.3, 0.0), v(x, 0.0, 0.02), 0.025, 0.02, beak);
        stage.block(spot, v(x, 0.012, 0.06), v(0.05, 0.012, 0.08), beak);
    }
    stage.smudge(spot, (0.2, 0.35), 0.5);
    0.45 * spot.scale
}

/// A hare or a cat, crouched.
pub(super) fn crouched(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let coat = coat(stage, rng, &browns(), 0.25, false);
    let spot = &spot.scaled(rng.range(0.9, 1.5));
    stage.ball(spot, v(0.0, 0.17, -0.12), v(0.14, 0.17, 0.2), coat);
    stage.ball(spot, v(0.0, 0.2, 0.08), v(0.11, 0.14, 0.18), coat);
    stage.ball(spot, v(0.0, 0.34, 0.24), v(0.08, 0.09, 0.1), coat);
    let ear = rng.range(0.08, 0.2);
    for x in [-1.0, 1.0] {
        let root = v(x * 0.04, 0.4, 0.2);
        stage.limb(spot, root, root + v(x * 0.03, ear, -0.05), 0.03, 0.01, coat);
        stage.limb(
            spot,
            v(x * 0.07, 0.15, 0.18),
            v(x * 0.07, 0.0, 0.22),
            0.04,
            0.03,
            coat,
        );
    }
    let tail = SolidForm::Tube {
        taper: 0.5,
        hole: 0.0,
    };
    stage.put(spot, v(0.1, 0.06, -0.3), v(0.04, 0.05, 0.1), tail, coat);
    stage.smudge(spot, (0.16, 0.3), 0.6);
    0.35 * spot.scale
}
