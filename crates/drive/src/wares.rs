//! Colours, woods and patterns that objects on the road share.

use super::noise::SeededRng;
use super::shape::SolidForm;
use super::skin::{SkinPattern, SurfaceSkin};
use super::space::{V, srgb};
use super::stage::SceneStage;

/// A plain round post.
pub(super) const TUBE: SolidForm = SolidForm::Tube {
    taper: 1.0,
    hole: 0.0,
};

/// Any strong or dull colour.
pub(super) fn colour(rng: &mut SeededRng) -> V {
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
pub(super) fn any_skin(stage: &mut SceneStage, rng: &mut SeededRng) -> u32 {
    let (a, b) = (colour(rng), colour(rng));
    let pattern = match rng.below(9) {
        0 => SkinPattern::Blotch {
            size: rng.range(0.08, 0.3),
            share: rng.range(0.4, 0.6),
        },
        1 => SkinPattern::Bands {
            period: rng.range(0.06, 0.4),
            axis: rng.below(3) as u8,
        },
        2 => SkinPattern::Checks {
            size: rng.range(0.1, 0.4),
        },
        3 => SkinPattern::Boards {
            width: rng.range(0.08, 0.2),
            axis: rng.below(3) as u8,
        },
        4 => SkinPattern::Rock,
        5 => SkinPattern::Film,
        6 => SkinPattern::Card,
        7 => SkinPattern::Fur {
            saddle: 0.2,
            belly: 0.2,
        },
        _ => SkinPattern::Plain {
            grain: 0.3,
            stain: rng.range(0.2, 1.0),
        },
    };
    let mut skin = SurfaceSkin::new(pattern, a, b, rng.unit());
    skin.c = colour(rng);
    if rng.chance(0.3) {
        skin.gloss = rng.range(0.03, 0.2);
    }
    stage.skin(skin)
}

/// Boards across the given axis.
pub(super) fn wood_skin(stage: &mut SceneStage, rng: &mut SeededRng, axis: u8) -> u32 {
    let base = rng.pick(&[
        srgb(186, 150, 104),
        srgb(150, 116, 78),
        srgb(130, 112, 92),
        srgb(104, 78, 54),
    ]);
    let a = rng.tint(base, 0.15);
    stage.skin(SurfaceSkin::new(
        SkinPattern::Boards { width: 0.11, axis },
        a,
        a * 0.75,
        rng.unit(),
    ))
}
