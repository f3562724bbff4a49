//! Sky, clouds and the far skyline.

use super::noise::textures;
use super::space::{V, ramp, v};
use super::style::WeatherStyle;

/// What stands where no solid and no near ground does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SkyBackdrop {
    Sky,
    Trees,
    Houses,
}

/// Sine of the elevation below which the far skyline stands, by direction.
fn skyline(x: f32, seed: f32) -> (f32, f32) {
    let trees = 0.012 + 0.035 * textures().cloud.at(x * 0.35 + seed, seed, 0.0);
    let row = super::space::floor_i(x * 26.0 + seed * 64.0);
    let houses = 0.008 + 0.04 * super::noise::lattice(row, 3, (seed * 4096.0) as u32);
    (trees, houses)
}

/// What stands far off in direction `dir`; `course` is the camera's heading over ground, so that
/// the skyline keeps its place while the road bends.
pub(super) fn backdrop(dir: V, course: f32, seed: f32) -> SkyBackdrop {
    let flat = (dir.x * dir.x + dir.z * dir.z).sqrt().max(1e-6);
    let rise = dir.y / flat;
    if rise > 0.06 {
        return SkyBackdrop::Sky;
    }
    let turn = dir.x / dir.z.max(0.05) + course;
    let (trees, houses) = skyline(turn, seed);
    if rise < trees {
        SkyBackdrop::Trees
    } else if rise < houses {
        SkyBackdrop::Houses
    } else {
        SkyBackdrop::Sky
    }
}

/// Colour of the sky in unit direction `dir`.
pub(super) fn sky(w: &WeatherStyle, dir: V, course: f32) -> V {
    let up = dir.y.max(0.0);
    let fade = (1.0 - up).powi(4);
    let mut colour = w.sky_top.mix(w.sky_low, fade);
    let to_sun = dir.dot(w.sun).max(0.0);
    let s2 = to_sun * to_sun;
    let s8 = s2 * s2 * s2 * s2;
    let glow = 0.18 * s8 + 0.5 * s8 * s8 * s8 * s8;
    if w.cloud > 0.0 {
        let k = 0.11 / (up + 0.12);
        let x = dir.x * k + course * 0.05 + w.cloud_shift.0;
        let y = dir.z * k + w.cloud_shift.1;
        let t = textures();
        let shape = 0.7 * t.cloud.at(x, y, 0.0) + 0.3 * t.cloud.at(x * 3.1 + 0.3, y * 3.1, 0.0);
        let body = 0.7 * t.cloud.at(x + 0.013, y + 0.02, 0.0)
            + 0.3 * t.cloud.at(x * 2.3, y * 2.3 + 0.4, 0.0);
        let edge = 1.0 - w.cloud;
        let cover = if w.cloud >= 1.0 {
            1.0
        } else {
            ramp(edge - 0.5 * w.cloud_soft, edge + 0.5 * w.cloud_soft, shape)
        };
        let bright = ramp(0.2, 0.8, body);
        let tone = w.cloud_light.mix(w.cloud_shade, bright * 0.85);
        colour = colour.mix(tone, cover * (0.95 - 0.35 * fade));
    }
    colour + w.sun_light * (glow * 0.5)
}

/// Colour of the far skyline before haze.
pub(super) fn far_colour(w: &WeatherStyle, what: SkyBackdrop, leaf: V, dir: V, course: f32) -> V {
    let turn = dir.x / dir.z.max(0.05) + course;
    let light = w.sky_light + w.sun_light * 0.35;
    let grain = textures().cloud.at(turn * 2.1, dir.y * 9.0, 0.0);
    match what {
        SkyBackdrop::Trees => leaf.times(light) * (0.35 + 0.7 * grain),
        _ => v(0.3, 0.28, 0.27).times(light) * (0.7 + 0.4 * grain),
    }
}
