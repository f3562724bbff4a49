//! Trees, bushes and hedges.

use super::class::TREE;
use super::noise::SeededRng;
use super::shape::{RayHit, SolidForm};
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, V, srgb, v};
use super::stage::{ObjectSpot, SceneStage};
use super::style::StreetStyle;

fn leaf_skin(stage: &mut SceneStage, style: &StreetStyle, rng: &mut SeededRng) -> u32 {
    let a = rng.tint(style.leaf, 0.25);
    let other = srgb(120, 116, 50);
    let b = a.mix(other, rng.range(0.0, 0.5));
    let size = rng.range(0.05, 0.14);
    stage.skin(SurfaceSkin::new(
        SkinPattern::Leaves { size },
        a,
        b,
        rng.unit(),
    ))
}

fn bark_skin(stage: &mut SceneStage, rng: &mut SeededRng) -> u32 {
    let base = rng.pick(&[srgb(84, 70, 58), srgb(110, 100, 88), srgb(64, 56, 48)]);
    let a = rng.tint(base, 0.2);
    stage.skin(SurfaceSkin::new(SkinPattern::Bark, a, a, rng.unit()))
}

fn leaves(rng: &mut SeededRng, gaps: f32) -> RayHit {
    RayHit::Leaves {
        gaps,
        shift: rng.unit() * 7.0,
    }
}

/// A tree of 4 to 14 m. `far` trees get fewer parts.
pub(super) fn tree(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: ObjectSpot,
    far: bool,
    rng: &mut SeededRng,
) {
    stage.group(TREE, spot.point(v(0.0, 4.0, 0.0)));
    let height = rng.range(4.5, 12.0);
    let thick = height * rng.range(0.016, 0.028);
    let bark = bark_skin(stage, rng);
    let lean = v(rng.range(-0.05, 0.05), 1.0, rng.range(-0.05, 0.05)) * height;
    stage.smudge(&spot, (thick * 3.0, thick * 3.0), 0.5);
    let kind = rng.unit();
    if kind < style.bare {
        let reach = if far { 2 } else { 4 };
        stage.limb(&spot, V::ZERO, lean * 0.35, thick, thick * 0.7, bark);
        branch(
            stage,
            &spot,
            lean * 0.35,
            lean * 0.35,
            thick * 0.7,
            reach,
            bark,
            rng,
        );
        return;
    }
    let leaf = leaf_skin(stage, style, rng);
    if kind > 0.9 {
        // A conifer: skirts of needles.
        stage.limb(&spot, V::ZERO, lean * 0.9, thick, thick * 0.3, bark);
        let skirts = if far { 2 } else { 4 };
        let wide = height * rng.range(0.14, 0.22);
        for i in 0..skirts {
            let part = i as f32 / skirts as f32;
            let half = v(
                wide * (1.0 - 0.75 * part),
                height * 0.2,
                wide * (1.0 - 0.75 * part),
            );
            let at = lean * (0.3 + 0.62 * part);
            let cut = leaves(rng, 0.3);
            let form = SolidForm::Tube {
                taper: 0.15,
                hole: 0.0,
            };
            stage.put_cut(&spot, at, half, form, leaf, cut);
        }
        return;
    }
    let crown = height * rng.range(0.55, 0.75);
    stage.limb(&spot, V::ZERO, lean * 0.62, thick, thick * 0.5, bark);
    let wide = height * rng.range(0.18, 0.3);
    let clumps = if far { 4 } else { 7 + rng.below(4) };
    let thin = rng.range(0.1, 0.65);
    for i in 0..clumps {
        let share = i as f32 / clumps as f32;
        let turn = share * std::f32::consts::TAU + rng.unit() * 2.0;
        let out = wide * rng.range(0.25, 0.85) * if i == 0 { 0.0 } else { 1.0 };
        let at = lean * (crown / height)
            + v(
                turn.sin() * out,
                rng.range(-0.14, 0.24) * height,
                turn.cos() * out,
            );
        let r = wide * rng.range(0.36, 0.66) * if i == 0 { 1.7 } else { 1.0 };
        let half = v(r, r * rng.range(0.65, 0.95), r);
        let inner = spot.inner(at, LocalAxes::yaw(rng.turn()));
        let cut = leaves(rng, thin);
        stage.put_cut(&inner, V::ZERO, half, SolidForm::Ball, leaf, cut);
    }
}

/// Boughs that fork `left` more times.
#[allow(clippy::too_many_arguments)] // a recursion over plain numbers
fn branch(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    from: V,
    along: V,
    thick: f32,
    left: usize,
    bark: u32,
    rng: &mut SeededRng,
) {
    let forks = if left > 3 { 3 } else { 2 };
    for _ in 0..forks {
        let long = along.length() * rng.range(0.62, 0.85);
        let swing = v(
            rng.range(-0.6, 0.6),
            rng.range(0.0, 0.35),
            rng.range(-0.6, 0.6),
        );
        let step = (along.unit() + swing).unit() * long;
        let end = from + step;
        stage.limb(spot, from, end, thick * 0.75, thick * 0.4, bark);
        if left > 1 {
            branch(stage, spot, end, step, thick * 0.5, left - 1, bark, rng);
        }
    }
}

/// A bush about 1 m high.
pub(super) fn bush(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: ObjectSpot,
    rng: &mut SeededRng,
) {
    stage.group(TREE, spot.point(v(0.0, 0.8, 0.0)));
    let leaf = leaf_skin(stage, style, rng);
    let size = rng.range(0.5, 1.1);
    stage.smudge(&spot, (size, size), 0.5);
    for _ in 0..2 + rng.below(2) {
        let at = v(
            rng.range(-0.5, 0.5) * size,
            size * rng.range(0.4, 0.7),
            rng.range(-0.5, 0.5) * size,
        );
        let r = size * rng.range(0.6, 0.9);
        let cut = leaves(rng, 0.12);
        stage.put_cut(&spot, at, v(r, r * 0.8, r), SolidForm::Ball, leaf, cut);
    }
}

/// A cut hedge along the road: half length and height, m.
pub(super) fn hedge(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: ObjectSpot,
    half: f32,
    height: f32,
    rng: &mut SeededRng,
) {
    stage.group(TREE, spot.point(v(0.0, height, 0.0)));
    let leaf = leaf_skin(stage, style, rng);
    let thick = rng.range(0.35, 0.6);
    stage.block(
        &spot,
        v(0.0, 0.48 * height, 0.0),
        v(thick, 0.48 * height, half),
        leaf,
    );
    // Tufts break the straight edge.
    let tufts = (half / 1.1) as usize;
    for i in 0..tufts {
        let z = ((i as f32 + rng.unit()) / tufts as f32 * 2.0 - 1.0) * half;
        let r = rng.range(0.5, 0.9);
        let cut = leaves(rng, 0.15);
        stage.put_cut(
            &spot,
            v(rng.range(-0.2, 0.2), height * rng.range(0.75, 0.95), z),
            v(thick * 1.15, 0.3 * height * rng.range(0.7, 1.2), r),
            SolidForm::Ball,
            leaf,
            cut,
        );
    }
}
