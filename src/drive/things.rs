//! Lost cargo, litter, furniture, stone and other things that lie on the road.

use super::noise::Rng;
use super::shape::{Form, cut_ball, sweep};
use super::skin::{Pattern, Skin};
use super::space::{Axes, V, srgb, v};
use super::stage::{Spot, Stage};

const TUBE: Form = Form::Tube {
    taper: 1.0,
    hole: 0.0,
};

/// Any strong or dull colour.
fn colour(rng: &mut Rng) -> V {
    let base = rng.pick(&[
        srgb(178, 34, 38),
        srgb(214, 120, 24),
        srgb(220, 190, 40),
        srgb(60, 130, 60),
        srgb(40, 90, 170),
        srgb(110, 60, 140),
        srgb(222, 218, 210),
        srgb(40, 40, 44),
        srgb(140, 104, 70),
        srgb(120, 124, 128),
        srgb(70, 150, 160),
        srgb(220, 130, 150),
    ]);
    // Most are faded or dirty.
    let faded = base.saturate(rng.range(0.35, 1.0));
    rng.tint(faded, 0.3)
}

/// A pattern for something unknown.
fn any_skin(stage: &mut Stage, rng: &mut Rng) -> u32 {
    let (a, b) = (colour(rng), colour(rng));
    let pattern = match rng.below(9) {
        0 => Pattern::Blotch {
            size: rng.range(0.08, 0.3),
            share: rng.range(0.4, 0.6),
        },
        1 => Pattern::Bands {
            period: rng.range(0.06, 0.4),
            axis: rng.below(3) as u8,
        },
        2 => Pattern::Checks {
            size: rng.range(0.1, 0.4),
        },
        3 => Pattern::Boards {
            width: rng.range(0.08, 0.2),
            axis: rng.below(3) as u8,
        },
        4 => Pattern::Rock,
        5 => Pattern::Film,
        6 => Pattern::Card,
        7 => Pattern::Fur {
            saddle: 0.2,
            belly: 0.2,
        },
        _ => Pattern::Plain {
            grain: 0.3,
            stain: rng.range(0.2, 1.0),
        },
    };
    let mut skin = Skin::new(pattern, a, b, rng.unit());
    skin.c = colour(rng);
    if rng.chance(0.3) {
        skin.gloss = rng.range(0.03, 0.2);
    }
    stage.skin(skin)
}

fn wood_skin(stage: &mut Stage, rng: &mut Rng, axis: u8) -> u32 {
    let base = rng.pick(&[
        srgb(186, 150, 104),
        srgb(150, 116, 78),
        srgb(130, 112, 92),
        srgb(104, 78, 54),
    ]);
    let a = rng.tint(base, 0.15);
    stage.skin(Skin::new(
        Pattern::Boards { width: 0.11, axis },
        a,
        a * 0.75,
        rng.unit(),
    ))
}

/// Up to three cardboard boxes.
pub(super) fn boxes(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
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
        let skin = stage.skin(Skin::new(
            Pattern::Card,
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
        let inner = spot.inner(at, Axes::yaw(rng.range(-1.5, 1.5)));
        let tip = if stacked || rng.chance(0.75) {
            0.0
        } else {
            rng.range(-0.5, 0.5)
        };
        let inner = inner.inner(v(0.0, tip.abs() * 0.25, 0.0), Axes::roll(tip));
        stage.block(&inner, V::ZERO, half, skin);
        if rng.chance(0.4) {
            // Open flaps.
            let flap = inner.inner(v(half.x, half.y, 0.0), Axes::roll(rng.range(-0.9, 0.3)));
            stage.block(
                &flap,
                v(half.x * 0.4, 0.0, 0.0),
                v(half.x * 0.45, 0.008, half.z),
                skin,
            );
        }
        let foot = Spot::new(inner.pos, inner.axes);
        stage.smudge(&foot, (half.x, half.z), 0.6);
        last_top = half.y * 2.0;
        reach = reach.max(at.length() + half.x.max(half.z));
    }
    reach.min(1.2)
}

pub(super) fn pallet(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let wood = wood_skin(stage, rng, 0);
    let up = rng.chance(0.35);
    let spot = if up {
        spot.inner(v(0.0, 0.55, 0.0), Axes::pitch(1.25))
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

pub(super) fn tyres(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let rubber = stage.skin(Skin::new(
        Pattern::Wheel {
            rim: if rng.chance(0.3) { 0.6 } else { 0.0 },
        },
        v(0.02, 0.02, 0.021),
        v(0.3, 0.3, 0.31),
        rng.unit(),
    ));
    let r = rng.range(0.3, 0.5);
    let w = r * rng.range(0.28, 0.4);
    let open = Form::Tube {
        taper: 1.0,
        hole: 0.56,
    };
    let n = if rng.chance(0.35) { 3 } else { 1 };
    let hollow = stage.skin(Skin::plain(v(0.01, 0.01, 0.01), 0.0));
    if n == 1 && rng.chance(0.45) {
        // Standing.
        let at = spot.inner(
            v(0.0, r, 0.0),
            Axes::yaw(rng.unit() * std::f32::consts::TAU).then(&Axes::along(v(1.0, 0.08, 0.0))),
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
                Axes::roll(rng.range(-0.06, 0.06)),
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

pub(super) fn crate_(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
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
        Axes::roll(tilt),
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

pub(super) fn barrel(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let a = colour(rng);
    let skin = stage.skin(
        Skin::new(
            Pattern::Bands {
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
        spot.inner(v(0.0, r, 0.0), Axes::along(v(1.0, 0.0, 0.0)))
    } else {
        spot.inner(v(0.0, h, 0.0), Axes::WORLD)
    };
    stage.put(&at, V::ZERO, v(r, h, r), TUBE, skin);
    let rim = stage.skin(Skin::plain(a * 0.5, 0.2));
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

/// Rubbish bags.
pub(super) fn bags(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let n = 1 + rng.below(4);
    for i in 0..n {
        let a = rng.pick(&[
            srgb(22, 22, 26),
            srgb(220, 220, 218),
            srgb(40, 70, 140),
            srgb(60, 110, 60),
        ]);
        let skin =
            stage.skin(Skin::new(Pattern::Film, rng.tint(a, 0.2), a, rng.unit()).gloss(0.08));
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
        let foot = spot.inner(at, Axes::WORLD);
        stage.smudge(&foot, (r, r), 0.55);
    }
    0.6
}

pub(super) fn sofa(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let cloth = any_skin(stage, rng);
    let wide = rng.range(0.5, 1.0);
    let fallen = rng.chance(0.5);
    let spot = &if fallen {
        spot.inner(v(0.0, 0.42, 0.0), Axes::pitch(std::f32::consts::FRAC_PI_2))
    } else {
        *spot
    };
    stage.block(spot, v(0.0, 0.26, 0.0), v(wide, 0.16, 0.4), cloth);
    stage.block(spot, v(0.0, 0.55, -0.36), v(wide, 0.35, 0.12), cloth);
    for x in [-1.0, 1.0] {
        stage.block(spot, v(x * wide, 0.38, 0.02), v(0.12, 0.26, 0.42), cloth);
        let round = spot.inner(
            v(x * wide, 0.64, 0.02),
            Axes::pitch(std::f32::consts::FRAC_PI_2),
        );
        stage.put(&round, V::ZERO, v(0.13, 0.42, 0.13), TUBE, cloth);
        stage.ball(
            spot,
            v(x * wide * 0.5, 0.46, 0.05),
            v(wide * 0.48, 0.12, 0.36),
            cloth,
        );
    }
    let leg = stage.skin(Skin::plain(srgb(50, 36, 26), 0.1));
    for x in [-0.9, 0.9] {
        for z in [-0.32, 0.32] {
            stage.block(spot, v(x * wide, 0.05, z), v(0.04, 0.06, 0.04), leg);
        }
    }
    stage.smudge(spot, (wide * 1.1, 0.5), 0.65);
    wide + 0.15
}

/// A refrigerator or washing machine.
pub(super) fn appliance(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let a = rng.pick(&[
        srgb(226, 226, 224),
        srgb(190, 192, 194),
        srgb(200, 190, 170),
    ]);
    let skin = stage.skin(Skin::plain(rng.tint(a, 0.08), rng.unit()).gloss(0.06));
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
            Axes::pitch(std::f32::consts::FRAC_PI_2),
        )
    } else {
        spot.inner(v(0.0, half.y, 0.0), Axes::WORLD)
    };
    stage.block(spot, V::ZERO, half, skin);
    let dark = stage.skin(Skin::plain(v(0.05, 0.05, 0.055), 0.2).gloss(0.2));
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
            let door = spot.inner(v(0.0, -0.05, z * half.z), Axes::along(v(0.0, 0.0, z)));
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

pub(super) fn mattress(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let a = rng.pick(&[
        srgb(220, 214, 200),
        srgb(180, 186, 200),
        srgb(206, 184, 170),
    ]);
    let skin = stage.skin(Skin::new(
        if rng.chance(0.5) {
            Pattern::Bands {
                period: 0.2,
                axis: 2,
            }
        } else {
            Pattern::Checks { size: 0.25 }
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
        Axes::roll(tilt),
    );
    stage.block(spot, V::ZERO, v(w, 0.11, l), skin);
    stage.smudge(spot, (w, l), 0.6);
    l
}

fn rock_skin(stage: &mut Stage, rng: &mut Rng) -> u32 {
    let base = rng.pick(&[
        srgb(128, 124, 118),
        srgb(150, 132, 108),
        srgb(96, 94, 96),
        srgb(170, 164, 152),
    ]);
    let a = rng.tint(base, 0.2);
    stage.skin(Skin::new(
        Pattern::Rock,
        a,
        a.mix(srgb(110, 84, 60), 0.4),
        rng.unit(),
    ))
}

fn stone(stage: &mut Stage, rng: &mut Rng) -> Form {
    let dirs: Vec<V> = (0..13)
        .map(|i| {
            // Spread over the ball, then moved at random.
            let y = 1.0 - 2.0 * (i as f32 + 0.5) / 13.0;
            let r = (1.0 - y * y).sqrt();
            let a = i as f32 * 2.4;
            v(r * a.cos(), y, r * a.sin())
                + v(
                    rng.range(-0.3, 0.3),
                    rng.range(-0.3, 0.3),
                    rng.range(-0.3, 0.3),
                )
        })
        .collect();
    let depth: Vec<f32> = dirs.iter().map(|_| rng.range(0.62, 0.95)).collect();
    stage.hull(&cut_ball(&dirs, |i| depth[i]))
}

/// One boulder or a heap of stones.
pub(super) fn rocks(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let skin = rock_skin(stage, rng);
    let heap = rng.chance(0.5);
    let n = if heap { 4 + rng.below(7) } else { 1 };
    let mut reach = 0.3f32;
    for _ in 0..n {
        let form = stone(stage, rng);
        let r = if heap {
            rng.range(0.1, 0.34)
        } else {
            rng.range(0.35, 0.8)
        };
        let at = if heap {
            v(rng.range(-0.8, 0.8), 0.0, rng.range(-0.7, 0.7))
        } else {
            V::ZERO
        };
        let half = v(
            r * rng.range(0.8, 1.2),
            r * rng.range(0.6, 0.9),
            r * rng.range(0.8, 1.2),
        );
        let inner = spot.inner(
            at + v(0.0, half.y * 0.7, 0.0),
            Axes::yaw(rng.unit() * std::f32::consts::TAU),
        );
        stage.put(&inner, V::ZERO, half, form, skin);
        stage.smudge(&spot.inner(at, Axes::WORLD), (r * 0.9, r * 0.9), 0.6);
        reach = reach.max(at.x.abs() + r);
    }
    reach
}

/// A log or a fallen bough with leaves.
pub(super) fn log(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let bark = rng.pick(&[srgb(92, 74, 58), srgb(70, 58, 48), srgb(120, 108, 94)]);
    let skin = stage.skin(Skin::new(
        Pattern::Bark,
        rng.tint(bark, 0.2),
        bark,
        rng.unit(),
    ));
    let half = rng.range(0.5, 1.2);
    let r = rng.range(0.06, 0.22);
    stage.limb(
        spot,
        v(-half, r, 0.0),
        v(half, r * 0.9, rng.range(-0.2, 0.2)),
        r,
        r * 0.75,
        skin,
    );
    let leafy = rng.chance(0.5);
    let leaf = stage.skin(Skin::new(
        Pattern::Leaves { size: 0.06 },
        srgb(90, 104, 48),
        srgb(130, 116, 60),
        rng.unit(),
    ));
    for _ in 0..2 + rng.below(4) {
        let x = rng.range(-0.8, 0.9) * half;
        let tip = v(
            x + rng.range(-0.5, 0.5),
            rng.range(0.2, 0.8),
            rng.range(-0.7, 0.7),
        );
        stage.limb(spot, v(x, r, 0.0), tip, r * 0.4, r * 0.15, skin);
        if leafy {
            let size = rng.range(0.18, 0.36);
            let cut = super::shape::Cut::Leaves {
                gaps: 0.25,
                shift: rng.unit() * 5.0,
            };
            stage.put_cut(spot, tip, v(size, size * 0.7, size), Form::Ball, leaf, cut);
        }
    }
    stage.smudge(spot, (half, r * 1.6), 0.55);
    half
}

/// Traffic cones, standing askew or on their side.
pub(super) fn cones(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let a = rng.pick(&[srgb(222, 84, 20), srgb(214, 50, 30), srgb(226, 190, 30)]);
    let skin = stage.skin(Skin::new(
        Pattern::Bands {
            period: rng.range(0.2, 0.3),
            axis: 1,
        },
        a,
        srgb(228, 226, 220),
        rng.unit(),
    ));
    let base = stage.skin(Skin::plain(a * 0.5, rng.unit()));
    let n = 1 + rng.below(3);
    let spot = &spot.scaled(rng.range(0.9, 1.3));
    for i in 0..n {
        let at = v(i as f32 * 0.7 - 0.3 * n as f32, 0.0, rng.range(-0.5, 0.5));
        let down = i == 0 || rng.chance(0.6);
        let inner = if down {
            spot.inner(
                at + v(0.0, 0.2, 0.0),
                Axes::yaw(rng.unit() * std::f32::consts::TAU)
                    .then(&Axes::pitch(std::f32::consts::FRAC_PI_2 + 0.25)),
            )
        } else {
            spot.inner(at, Axes::roll(rng.range(-0.1, 0.1)))
        };
        let cone = Form::Tube {
            taper: 0.14,
            hole: 0.0,
        };
        stage.put(&inner, v(0.0, 0.37, 0.0), v(0.16, 0.36, 0.16), cone, skin);
        stage.block(&inner, v(0.0, 0.02, 0.0), v(0.2, 0.02, 0.2), base);
        stage.smudge(&spot.inner(at, Axes::WORLD), (0.25, 0.25), 0.5);
    }
    0.4 + 0.3 * n as f32
}

pub(super) fn ladder(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let skin = if rng.chance(0.6) {
        stage.skin(Skin::plain(srgb(190, 192, 194), rng.unit()).gloss(0.1))
    } else {
        wood_skin(stage, rng, 2)
    };
    let half = rng.range(0.8, 1.5);
    let spot = &spot.inner(v(0.0, 0.05, 0.0), Axes::pitch(rng.range(0.0, 0.12)));
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

pub(super) fn chair(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let skin = any_skin(stage, rng);
    let leg = wood_skin(stage, rng, 0);
    let spot = &match rng.below(3) {
        0 => *spot,
        1 => spot.inner(v(0.0, 0.24, 0.0), Axes::roll(std::f32::consts::FRAC_PI_2)),
        _ => spot.inner(v(0.0, 0.1, 0.3), Axes::pitch(std::f32::consts::FRAC_PI_2)),
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

pub(super) fn suitcase(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let skin = any_skin(stage, rng);
    let dark = stage.skin(Skin::plain(v(0.02, 0.02, 0.02), 0.3));
    let n = 1 + rng.below(2);
    for i in 0..n {
        let half = v(
            rng.range(0.22, 0.34),
            rng.range(0.28, 0.4),
            rng.range(0.11, 0.16),
        );
        let at = v(i as f32 * 0.6, 0.0, rng.range(-0.2, 0.2));
        let lying = rng.chance(0.5);
        let inner = spot.inner(at, Axes::yaw(rng.range(-1.2, 1.2)));
        let inner = if lying {
            inner.inner(
                v(0.0, half.z, 0.0),
                Axes::pitch(std::f32::consts::FRAC_PI_2),
            )
        } else {
            inner.inner(v(0.0, half.y, 0.0), Axes::WORLD)
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
        stage.smudge(&spot.inner(at, Axes::WORLD), (half.x, half.x * 0.7), 0.6);
    }
    0.7
}

/// Balls, cushions, a helmet: one round thing.
pub(super) fn round(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let skin = any_skin(stage, rng);
    let r = rng.range(0.16, 0.5);
    let half = v(r, r * rng.range(0.6, 1.0), r);
    stage.ball(spot, v(0.0, half.y, 0.0), half, skin);
    stage.smudge(spot, (r * 0.8, r * 0.8), 0.6);
    r
}

/// A heap of planks or pipes.
pub(super) fn planks(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let pipe = rng.chance(0.4);
    let skin = if pipe {
        let a = colour(rng);
        stage.skin(Skin::plain(a, rng.unit()).gloss(0.05))
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
            Axes::yaw(rng.range(-0.6, 0.6)).then(&Axes::roll(rng.range(-0.16, 0.16))),
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

/// A concrete block, kerbstone or length of barrier.
pub(super) fn concrete(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let a = srgb(158, 154, 146);
    let skin = stage.skin(Skin::new(
        Pattern::Plain {
            grain: 0.4,
            stain: 0.9,
        },
        rng.tint(a, 0.2),
        a,
        rng.unit(),
    ));
    let half = v(
        rng.range(0.3, 0.9),
        rng.range(0.2, 0.45),
        rng.range(0.2, 0.3),
    );
    let form = if rng.chance(0.5) {
        Form::Box
    } else {
        let planes = sweep(
            &[
                (-1.0, -1.0),
                (-0.9, -0.6),
                (-0.35, 0.1),
                (-0.3, 1.0),
                (0.3, 1.0),
                (0.35, 0.1),
                (0.9, -0.6),
                (1.0, -1.0),
            ],
            0.0,
        );
        // The profile is hollow at the flanks: keep its convex part.
        let planes: Vec<_> = planes
            .into_iter()
            .filter(|p| p.n.y.abs() > 0.99 || p.n.x.abs() > 0.5 || p.n.y > 0.2)
            .collect();
        stage.hull(&planes)
    };
    stage.put(spot, v(0.0, half.y, 0.0), half, form, skin);
    stage.smudge(spot, (half.x, half.z), 0.65);
    half.x
}

/// A wheelie bin, mostly fallen.
pub(super) fn bin(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let a = rng.pick(&[
        srgb(40, 90, 56),
        srgb(52, 54, 58),
        srgb(40, 66, 120),
        srgb(190, 160, 40),
        srgb(110, 60, 44),
    ]);
    let skin = stage.skin(Skin::plain(rng.tint(a, 0.15), rng.unit()).gloss(0.03));
    let fallen = rng.chance(0.7);
    let spot = &if fallen {
        spot.inner(v(0.0, 0.29, 0.0), Axes::pitch(-std::f32::consts::FRAC_PI_2))
    } else {
        *spot
    };
    let body = stage.hull(&sweep(
        &[(-0.8, -1.0), (-1.0, 1.0), (1.0, 1.0), (0.8, -1.0)],
        -0.12,
    ));
    stage.put(spot, v(0.0, 0.5, 0.0), v(0.25, 0.48, 0.29), body, skin);
    stage.block(spot, v(0.0, 1.0, 0.0), v(0.3, 0.04, 0.33), skin);
    let dark = stage.skin(Skin::plain(v(0.02, 0.02, 0.02), 0.0));
    for x in [-0.26, 0.26] {
        let wheel = spot.inner(v(x, 0.1, -0.24), Axes::along(v(1.0, 0.0, 0.0)));
        stage.put(&wheel, V::ZERO, v(0.1, 0.03, 0.1), TUBE, dark);
    }
    stage.smudge(spot, (0.3, 0.5), 0.6);
    0.6
}

/// A tarpaulin or blanket in folds.
pub(super) fn sheet(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let a = colour(rng);
    let skin = stage.skin(Skin::new(Pattern::Film, a, a, rng.unit()).gloss(0.04));
    let n = 3 + rng.below(4);
    for _ in 0..n {
        let at = v(rng.range(-0.6, 0.6), 0.02, rng.range(-0.5, 0.5));
        let half = v(
            rng.range(0.25, 0.6),
            rng.range(0.08, 0.28),
            rng.range(0.2, 0.5),
        );
        let inner = spot.inner(at, Axes::yaw(rng.unit() * std::f32::consts::TAU));
        stage.ball(&inner, V::ZERO, half, skin);
    }
    stage.smudge(spot, (0.7, 0.6), 0.5);
    0.9
}

/// A trolley of wire, upright or tipped.
pub(super) fn trolley(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let skin = stage.skin(Skin::plain(srgb(170, 174, 178), rng.unit()).gloss(0.15));
    let grip = stage.skin(Skin::plain(colour(rng), rng.unit()));
    let spot = &if rng.chance(0.4) {
        spot.inner(v(0.0, 0.3, 0.0), Axes::roll(std::f32::consts::FRAC_PI_2))
    } else {
        *spot
    };
    let mesh = |cells: f32, ratio: f32| super::shape::Cut::Mesh { cells, ratio };
    for x in [-0.27, 0.27] {
        stage.put_cut(
            spot,
            v(x, 0.66, 0.0),
            v(0.01, 0.26, 0.42),
            Form::Box,
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
            Form::Box,
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

/// Several solids of any shape and pattern that belong to nothing known.
pub(super) fn debris(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let size = rng.range(0.25, 0.7);
    let n = 2 + rng.below(6);
    let skins = [any_skin(stage, rng), any_skin(stage, rng)];
    for i in 0..n {
        let skin = rng.pick(&skins);
        let half = v(
            rng.range(0.15, 0.6),
            rng.range(0.1, 0.5),
            rng.range(0.15, 0.6),
        ) * size;
        let spread = if i == 0 { 0.0 } else { size };
        let at = v(
            rng.range(-1.0, 1.0) * spread,
            half.y * rng.range(0.6, 1.6),
            rng.range(-1.0, 1.0) * spread,
        );
        let inner = spot.inner(
            at,
            Axes::yaw(rng.unit() * std::f32::consts::TAU).then(&Axes::roll(rng.range(-0.6, 0.6))),
        );
        let form = match rng.below(5) {
            0 => Form::Box,
            1 => Form::Ball,
            2 => Form::Tube {
                taper: rng.range(0.1, 1.0),
                hole: 0.0,
            },
            3 => stone(stage, rng),
            _ => {
                let lean = rng.range(0.0, 0.7);
                stage.hull(&sweep(
                    &[
                        (-1.0, -1.0),
                        (rng.range(-0.9, 0.0), 1.0),
                        (rng.range(0.1, 0.9), 1.0),
                        (1.0, -1.0),
                    ],
                    lean,
                ))
            }
        };
        stage.put(&inner, V::ZERO, half, form, skin);
    }
    stage.smudge(spot, (size, size), 0.5);
    size * 1.4
}

/// A large unknown shape: beams crossed, wedges, towers.
pub(super) fn sculpture(stage: &mut Stage, spot: &Spot, rng: &mut Rng) -> f32 {
    let skin = any_skin(stage, rng);
    let long = rng.range(0.5, 0.95);
    let thick = rng.range(0.06, 0.16);
    for _ in 0..3 + rng.below(3) {
        let inner = spot.inner(
            v(rng.range(-0.15, 0.15), long * 0.7, rng.range(-0.15, 0.15)),
            Axes::yaw(rng.unit() * std::f32::consts::TAU)
                .then(&Axes::roll(rng.range(0.4, 1.1) * rng.sign())),
        );
        stage.block(
            &inner,
            V::ZERO,
            v(thick, long, thick * rng.range(0.4, 1.6)),
            skin,
        );
    }
    stage.smudge(spot, (long * 0.8, long * 0.8), 0.4);
    long
}
