//! Stone, wood, concrete and unknown remains on the road.

use super::noise::SeededRng;
use super::shape::{RayHit, SolidForm, cut_ball, sweep};
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};
use super::wares::any_skin;

fn rock_skin(stage: &mut SceneStage, rng: &mut SeededRng) -> u32 {
    let base = rng.pick(&[
        srgb(128, 124, 118),
        srgb(150, 132, 108),
        srgb(96, 94, 96),
        srgb(170, 164, 152),
    ]);
    let a = rng.tint(base, 0.2);
    stage.skin(SurfaceSkin::new(
        SkinPattern::Rock,
        a,
        a.mix(srgb(110, 84, 60), 0.4),
        rng.unit(),
    ))
}

fn stone(stage: &mut SceneStage, rng: &mut SeededRng) -> SolidForm {
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
pub(super) fn rocks(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
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
        let inner = spot.inner(at + v(0.0, half.y * 0.7, 0.0), LocalAxes::yaw(rng.turn()));
        stage.put(&inner, V::ZERO, half, form, skin);
        stage.smudge(&spot.inner(at, LocalAxes::WORLD), (r * 0.9, r * 0.9), 0.6);
        reach = reach.max(at.x.abs() + r);
    }
    reach
}

/// A log or a fallen bough with leaves.
pub(super) fn log(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let bark = rng.pick(&[srgb(92, 74, 58), srgb(70, 58, 48), srgb(120, 108, 94)]);
    let skin = stage.skin(SurfaceSkin::new(
        SkinPattern::Bark,
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
    let leaf = stage.skin(SurfaceSkin::new(
        SkinPattern::Leaves { size: 0.06 },
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
            let cut = RayHit::Leaves {
                gaps: 0.25,
                shift: rng.unit() * 5.0,
            };
            stage.put_cut(
                spot,
                tip,
                v(size, size * 0.7, size),
                SolidForm::Ball,
                leaf,
                cut,
            );
        }
    }
    stage.smudge(spot, (half, r * 1.6), 0.55);
    half
}

/// A concrete block, kerbstone or length of barrier.
pub(super) fn concrete(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let a = srgb(158, 154, 146);
    let skin = stage.skin(SurfaceSkin::new(
        SkinPattern::Plain {
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
        SolidForm::Box
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

/// Several solids of any shape and pattern that belong to nothing known.
pub(super) fn debris(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
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
            LocalAxes::yaw(rng.turn()).then(&LocalAxes::roll(rng.range(-0.6, 0.6))),
        );
        let form = match rng.below(5) {
            0 => SolidForm::Box,
            1 => SolidForm::Ball,
            2 => SolidForm::Tube {
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
pub(super) fn sculpture(stage: &mut SceneStage, spot: &ObjectSpot, rng: &mut SeededRng) -> f32 {
    let skin = any_skin(stage, rng);
    let long = rng.range(0.5, 0.95);
    let thick = rng.range(0.06, 0.16);
    for _ in 0..3 + rng.below(3) {
        let inner = spot.inner(
            v(rng.range(-0.15, 0.15), long * 0.7, rng.range(-0.15, 0.15)),
            LocalAxes::yaw(rng.turn()).then(&LocalAxes::roll(rng.range(0.4, 1.1) * rng.sign())),
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
