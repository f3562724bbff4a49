//! Buildings.

use super::class::BUILDING;
use super::noise::SeededRng;
use super::shape::sweep;
use super::skin::{HouseFacade, SkinPattern, SurfaceSkin};
use super::space::{LocalAxes, srgb, v};
use super::stage::{ObjectSpot, SceneStage};
use super::style::StreetStyle;

/// Size of a building: half width across the road, half length along it, height, m.
#[derive(Clone, Copy, Debug)]
pub(super) struct HouseBulk {
    pub half_x: f32,
    pub half_z: f32,
    pub height: f32,
}

fn open(stage: &mut SceneStage, spot: &ObjectSpot, bulk: &HouseBulk) {
    stage.group(BUILDING, spot.point(v(0.0, bulk.height, 0.0)));
    stage.tune(|g| g.big = true);
}

fn walls(
    stage: &mut SceneStage,
    style: &StreetStyle,
    facade: HouseFacade,
    rng: &mut SeededRng,
) -> u32 {
    let base = rng.pick(&style.walls);
    let a = rng.tint(base, 0.12);
    let frame = rng.pick(&[
        srgb(226, 224, 218),
        srgb(200, 196, 186),
        srgb(60, 58, 56),
        srgb(120, 110, 98),
    ]);
    let mut skin = SurfaceSkin::new(
        SkinPattern::Wall(facade),
        a,
        rng.tint(frame, 0.1),
        rng.unit(),
    );
    let paint = rng.pick(&[
        srgb(28, 60, 44),
        srgb(120, 24, 28),
        srgb(24, 34, 72),
        srgb(34, 34, 36),
        srgb(150, 120, 40),
        srgb(40, 90, 120),
        srgb(180, 60, 30),
        srgb(110, 60, 120),
    ]);
    skin.c = rng.tint(paint, 0.2);
    stage.skin(skin)
}

/// A pitched roof whose ridge runs along the road, or across it.
fn roof(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: &ObjectSpot,
    bulk: &HouseBulk,
    rise: f32,
    across: bool,
    rng: &mut SeededRng,
) {
    let base = rng.pick(&style.roofs);
    let tiles = SurfaceSkin::new(
        SkinPattern::Tiles { row: 0.34 },
        rng.tint(base, 0.12),
        base,
        rng.unit(),
    );
    let skin = stage.skin(tiles);
    let form = stage.hull(&sweep(&[(-1.0, -1.0), (0.0, 1.0), (1.0, -1.0)], 0.0));
    let (half_x, half_z) = (bulk.half_x + 0.3, bulk.half_z + 0.02);
    let (turn, half) = if across {
        (0.0, v(half_x, 0.5 * rise, half_z))
    } else {
        (std::f32::consts::FRAC_PI_2, v(half_z, 0.5 * rise, half_x))
    };
    let at = spot.inner(v(0.0, bulk.height + 0.5 * rise, 0.0), LocalAxes::yaw(turn));
    stage.put(&at, v(0.0, 0.0, 0.0), half, form, skin);
}

fn chimneys(
    stage: &mut SceneStage,
    spot: &ObjectSpot,
    bulk: &HouseBulk,
    rise: f32,
    rng: &mut SeededRng,
) {
    let brick = stage.skin(SurfaceSkin::plain(srgb(116, 74, 58), rng.unit()));
    for _ in 0..1 + rng.below(2) {
        let at = v(
            rng.range(-0.3, 0.3) * bulk.half_x,
            bulk.height + rise * 0.9,
            rng.sign() * bulk.half_z * 0.85,
        );
        stage.block(spot, at, v(0.45, 0.9, 0.35), brick);
    }
}

/// A house in a row: `side` is +1 right of the road.
pub(super) fn terrace(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: &ObjectSpot,
    bulk: &HouseBulk,
    side: f32,
    rng: &mut SeededRng,
) {
    open(stage, spot, bulk);
    let shop = rng.chance(0.55);
    let facade = HouseFacade {
        storey_m: rng.range(2.8, 3.6),
        bay_m: rng.range(2.0, 3.6),
        window: (rng.range(0.36, 0.62), rng.range(0.42, 0.58)),
        brick: rng.chance(0.55),
        shop,
        curtain: false,
        bars: rng.below(3) as u8,
        number: rng.bits() as u32,
    };
    let skin = walls(stage, style, facade, rng);
    stage.block(
        spot,
        v(0.0, 0.5 * bulk.height, 0.0),
        v(bulk.half_x, 0.5 * bulk.height, bulk.half_z),
        skin,
    );
    if rng.chance(0.7) {
        let rise = rng.range(2.0, 4.0);
        let across = rng.chance(0.2);
        roof(stage, style, spot, bulk, rise, across, rng);
        chimneys(stage, spot, bulk, rise, rng);
    } else {
        let ledge = stage.skin(SurfaceSkin::plain(srgb(190, 184, 172), rng.unit()));
        stage.block(
            spot,
            v(-side * 0.15, bulk.height, 0.0),
            v(bulk.half_x, 0.16, bulk.half_z),
            ledge,
        );
    }
    if shop && rng.chance(0.45) {
        // An awning over the pavement.
        let a = rng.pick(&[
            srgb(150, 30, 34),
            srgb(30, 74, 52),
            srgb(34, 50, 110),
            srgb(200, 180, 120),
        ]);
        let cloth = SurfaceSkin::new(
            SkinPattern::Bands {
                period: 0.6,
                axis: 2,
            },
            rng.tint(a, 0.15),
            srgb(226, 220, 208),
            rng.unit(),
        );
        let cloth = stage.skin(cloth);
        let at = v(
            -side * (bulk.half_x + 0.55),
            2.75,
            rng.range(-0.3, 0.3) * bulk.half_z,
        );
        let tilted = spot.inner(at, LocalAxes::roll(-side * 0.45));
        stage.block(
            &tilted,
            v(0.0, 0.0, 0.0),
            v(0.62, 0.03, bulk.half_z * 0.55),
            cloth,
        );
    }
    if rng.chance(0.5) {
        // A down pipe.
        let pipe = stage.skin(SurfaceSkin::plain(srgb(60, 60, 62), 0.1));
        let x = -side * (bulk.half_x + 0.06);
        let z = bulk.half_z * 0.96;
        stage.limb(spot, v(x, 0.0, z), v(x, bulk.height, z), 0.055, 0.055, pipe);
    }
}

/// A large modern building.
pub(super) fn block(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: &ObjectSpot,
    bulk: &HouseBulk,
    rng: &mut SeededRng,
) {
    open(stage, spot, bulk);
    let curtain = rng.chance(0.55);
    let facade = HouseFacade {
        storey_m: rng.range(3.0, 3.8),
        bay_m: if curtain {
            rng.range(1.3, 2.4)
        } else {
            rng.range(2.4, 4.2)
        },
        window: if curtain {
            (rng.range(0.84, 0.97), rng.range(0.5, 0.92))
        } else {
            (rng.range(0.4, 0.8), rng.range(0.4, 0.6))
        },
        brick: rng.chance(0.25),
        shop: rng.chance(0.35),
        curtain,
        bars: 0,
        number: rng.bits() as u32,
    };
    let skin = walls(stage, style, facade, rng);
    stage.block(
        spot,
        v(0.0, 0.5 * bulk.height, 0.0),
        v(bulk.half_x, 0.5 * bulk.height, bulk.half_z),
        skin,
    );
    let top = stage.skin(SurfaceSkin::plain(srgb(110, 110, 112), rng.unit()));
    stage.block(
        spot,
        v(0.0, bulk.height + 1.2, rng.range(-0.4, 0.4) * bulk.half_z),
        v(bulk.half_x * 0.5, 1.2, bulk.half_z * rng.range(0.2, 0.5)),
        top,
    );
    if rng.chance(0.4) {
        // Balconies or ribs in front of the wall.
        let rib = stage.skin(SurfaceSkin::plain(srgb(176, 172, 164), rng.unit()));
        let n = 3 + rng.below(4);
        for i in 0..n {
            let z = ((i as f32 + 0.5) / n as f32 * 2.0 - 1.0) * bulk.half_z;
            stage.block(
                spot,
                v(0.0, 0.5 * bulk.height, z),
                v(bulk.half_x + 0.25, 0.5 * bulk.height, 0.2),
                rib,
            );
        }
    }
}

/// A detached house.
pub(super) fn detached(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: &ObjectSpot,
    bulk: &HouseBulk,
    rng: &mut SeededRng,
) {
    open(stage, spot, bulk);
    let facade = HouseFacade {
        storey_m: rng.range(2.6, 3.0),
        bay_m: rng.range(2.4, 3.6),
        window: (rng.range(0.42, 0.66), rng.range(0.4, 0.5)),
        brick: rng.chance(0.5),
        shop: false,
        curtain: false,
        bars: rng.below(3) as u8,
        number: rng.bits() as u32,
    };
    let skin = walls(stage, style, facade, rng);
    stage.block(
        spot,
        v(0.0, 0.5 * bulk.height, 0.0),
        v(bulk.half_x, 0.5 * bulk.height, bulk.half_z),
        skin,
    );
    let rise = rng.range(2.2, 3.8);
    let across = rng.chance(0.45);
    roof(stage, style, spot, bulk, rise, across, rng);
    chimneys(stage, spot, bulk, rise, rng);
    if rng.chance(0.5) {
        // A garage or an annexe.
        let low = HouseBulk {
            half_x: bulk.half_x * 0.7,
            half_z: 1.7,
            height: 2.6,
        };
        let at = spot.inner(v(0.0, 0.0, bulk.half_z + 1.7), LocalAxes::WORLD);
        let plain = HouseFacade {
            window: (0.5, 0.4),
            ..facade
        };
        let skin = walls(stage, style, plain, rng);
        stage.block(
            &at,
            v(0.0, 0.5 * low.height, 0.0),
            v(low.half_x, 0.5 * low.height, low.half_z),
            skin,
        );
    }
}

/// A shed of ribbed sheet or blind brick.
pub(super) fn shed(
    stage: &mut SceneStage,
    style: &StreetStyle,
    spot: &ObjectSpot,
    bulk: &HouseBulk,
    rng: &mut SeededRng,
) {
    open(stage, spot, bulk);
    let base = rng.pick(&[
        srgb(150, 156, 160),
        srgb(96, 116, 132),
        srgb(176, 170, 152),
        srgb(90, 104, 90),
        srgb(140, 84, 66),
    ]);
    let a = rng.tint(base, 0.15);
    let sheet = stage.skin(SurfaceSkin::new(
        SkinPattern::Boards {
            width: 0.5,
            axis: 2,
        },
        a,
        a * 0.92,
        rng.unit(),
    ));
    stage.block(
        spot,
        v(0.0, 0.5 * bulk.height, 0.0),
        v(bulk.half_x, 0.5 * bulk.height, bulk.half_z),
        sheet,
    );
    if rng.chance(0.6) {
        let across = rng.chance(0.5);
        roof(stage, style, spot, bulk, rng.range(1.0, 2.0), across, rng);
    }
    let gate = stage.skin(SurfaceSkin::new(
        SkinPattern::Bands {
            period: 0.35,
            axis: 1,
        },
        srgb(120, 122, 124),
        srgb(96, 98, 100),
        rng.unit(),
    ));
    for _ in 0..1 + rng.below(3) {
        let z = rng.range(-0.8, 0.8) * bulk.half_z;
        stage.block(spot, v(0.0, 1.9, z), v(bulk.half_x + 0.04, 1.9, 1.8), gate);
    }
}
