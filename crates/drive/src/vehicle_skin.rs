//! Surfaces of cars, vans and buses.

use super::noise::textures;
use super::skin::{BodySkin, SkinPoint, SurfaceColour, SurfaceSkin};
use super::space::{V, cover, ramp, v};

/// The body at `p`: `a` paint, `b` plate colour. Forward is `+z`.
pub(super) fn body(skin: &SurfaceSkin, b: &BodySkin, p: &SkinPoint) -> SurfaceColour {
    let foot = p.foot.max(0.004);
    let (x, y, z) = (p.m.x, p.m.y + p.half.y, p.m.z);
    let dirt = textures()
        .cloud
        .at(z * 0.6 + skin.shift, y * 0.8 + x * 0.5, foot);
    let low = 1.0 - ramp(0.0, 0.35, y);
    let mud = v(0.16, 0.14, 0.12);
    let mut out = SurfaceColour::dull(skin.a.mix(mud, (0.12 + 0.4 * low) * dirt));
    out.gloss = skin.gloss;
    let black = v(0.015, 0.015, 0.017);
    // Sheet metal bulges.
    out.bump = v(
        0.22 * x / b.half.0,
        0.3 * (p.m.y / p.half.y),
        0.22 * z / b.half.1,
    );
    let dark = |out: &mut SurfaceColour, share: f32| {
        out.colour = out.colour.mix(black, share);
        out.gloss *= 1.0 - 0.7 * share;
    };
    if p.n.x.abs() > 0.6 {
        // Wheel arches, sill, seams, door handles.
        for axle in [-b.axle_m, b.axle_m] {
            let r = ((z - axle) * (z - axle) + (y + b.sill_m - b.wheel_m).powi(2)).sqrt();
            dark(&mut out, cover(r, -1.0, b.wheel_m * 1.16, foot));
        }
        dark(&mut out, cover(y, -1.0, 0.08, foot) * 0.8);
        for seam in [-0.32, 0.05, 0.42] {
            let at = seam * b.axle_m * 1.6;
            let share = cover(z, at - 0.008, at + 0.008, foot) * cover(y, 0.1, 3.0, foot);
            dark(&mut out, share * 0.8);
        }
        let handle = cover(z, -0.3, -0.14, foot) * cover(y, 0.5, 0.54, foot);
        dark(&mut out, handle * 0.6);
        if b.windows_m < 9.0 {
            side_windows(&mut out, p, b, foot);
        }
    } else if p.n.z.abs() > 0.35 {
        let rear = p.n.z < 0.0;
        let (ax, hx) = (x.abs(), b.half.0);
        let bumper = cover(y, -1.0, 0.26, foot);
        out.colour = out.colour.mix(v(0.06, 0.06, 0.065), bumper * 0.55);
        // Number plate.
        let plate = cover(x, -0.27, 0.27, foot) * cover(y, 0.2, 0.32, foot);
        let ink = plate
            * if super::noise::lattice(
                super::space::floor_i(x * 26.0),
                1,
                (skin.shift * 99.0) as u32,
            ) > 0.4
            {
                cover(y, 0.225, 0.295, foot)
            } else {
                0.0
            };
        let plate_colour = if rear { skin.b } else { v(0.75, 0.75, 0.72) };
        out.colour = out.colour.mix(plate_colour, plate).mix(black, ink * 0.8);
        let upright = if p.n.z.abs() > 0.7 { 1.0 } else { 0.0 };
        let lamp = upright * cover(ax, hx - 0.36, hx - 0.06, foot) * cover(y, 0.36, 0.56, foot);
        if rear {
            out.colour = out.colour.mix(v(0.4, 0.02, 0.02), lamp);
            let burn = if b.brake { 1.3 } else { 0.12 + 0.7 * p.lamps };
            out.glow += v(0.9, 0.04, 0.02) * (lamp * burn);
            let line = cover(y, 0.6, 0.615, foot);
            dark(&mut out, line * 0.6);
        } else {
            let grille = upright * cover(ax, -1.0, 0.42, foot) * cover(y, 0.34, 0.5, foot);
            dark(&mut out, grille);
            out.colour = out.colour.mix(v(0.6, 0.62, 0.64), lamp);
            out.glow += v(1.0, 0.95, 0.85) * (lamp * (0.1 + 2.2 * p.lamps));
        }
        if b.windows_m < 9.0 {
            let glass =
                cover(ax, -1.0, hx * 0.86, foot) * cover(y, b.windows_m, b.windows_m + 0.85, foot);
            out.colour = out.colour.mix(v(0.02, 0.022, 0.025), glass);
            out.gloss = out.gloss.max(0.4 * glass);
        }
    } else if p.n.y < -0.5 {
        dark(&mut out, 1.0);
    }
    out
}

fn side_windows(out: &mut SurfaceColour, p: &SkinPoint, b: &BodySkin, foot: f32) {
    let y = p.m.y + p.half.y;
    let bay = 1.25;
    let pillar = super::space::stripes(p.m.z, 0.0, 0.09, bay, foot);
    let glass = cover(y, b.windows_m, b.windows_m + 0.8, foot)
        * cover(p.m.z.abs(), -1.0, b.half.1 - 0.3, foot)
        * (1.0 - pillar);
    out.colour = out.colour.mix(v(0.02, 0.022, 0.025), glass);
    out.gloss = out.gloss.max(0.4 * glass);
}

/// The upper part of a car: glass with pillars and a painted roof.
pub(super) fn cabin(skin: &SurfaceSkin, half_length: f32, p: &SkinPoint) -> SurfaceColour {
    let foot = p.foot.max(0.004);
    let mut out = SurfaceColour::dull(skin.a);
    out.gloss = skin.gloss;
    out.bump = v(0.2 * p.m.x / p.half.x, 0.0, 0.15 * p.m.z / p.half.z);
    if p.n.y > 0.9 {
        return out;
    }
    // Height in the cabin and how far the pillar stands in from the rim.
    let y = p.m.y / p.half.y;
    let glass = if p.n.x.abs() > 0.5 {
        let z = p.m.z;
        let post = cover(z, -0.06, 0.03, foot)
            + cover(
                z,
                -half_length * 0.62 - 0.05,
                -half_length * 0.62 + 0.06,
                foot,
            );
        // The outer pillars follow the slope of the windscreens.
        let post = if half_length > 5.0 { 0.0 } else { post };
        let reach = half_length * (0.93 - 0.16 * (y + 1.0));
        cover(z.abs(), -1.0, reach, foot) * (1.0 - post.min(1.0)) * cover(y, -0.85, 0.72, foot)
    } else {
        cover(
            p.m.x.abs(),
            -1.0,
            p.half.x * (0.86 - 0.07 * (y + 1.0)),
            foot,
        ) * cover(y, -0.88, 0.8, foot)
    };
    let seats = textures()
        .cloud
        .at(p.m.x * 0.8 + p.m.z * 0.9, p.m.y * 1.1 + skin.shift, foot);
    let room = v(0.018, 0.02, 0.022) * (0.4 + 1.4 * seats);
    out.colour = skin.a.mix(room, glass);
    out.gloss = skin.gloss + (0.42 - skin.gloss) * glass;
    out
}

/// A wheel: tyre, rim and hub on the ends of a tube, tread around it.
pub(super) fn wheel(skin: &SurfaceSkin, rim: f32, p: &SkinPoint) -> SurfaceColour {
    let foot = (p.foot / p.half.x.max(1e-3)).max(0.01);
    let tyre = skin.a;
    if p.n.y.abs() < 0.7 {
        let tread = super::space::stripes(p.m.y, 0.0, 0.012, 0.04, p.foot.max(0.003));
        let angle = p.m.x + p.m.z;
        let lug = super::space::stripes(angle, 0.0, 0.02, 0.06, p.foot.max(0.003));
        return SurfaceColour::dull(tyre * (1.0 - 0.5 * tread.max(lug * 0.6)));
    }
    let (x, z) = (p.m.x / p.half.x, p.m.z / p.half.z);
    let r = (x * x + z * z).sqrt();
    let in_rim = cover(r, -1.0, rim, foot);
    // Spokes: five dark gaps, without an arc tangent.
    let (x2, z2) = (x * x, z * z);
    let five = x * (x2 * x2 - 10.0 * x2 * z2 + 5.0 * z2 * z2);
    let spoke = if r > 0.14 && five > 0.25 * r.powi(5) {
        0.85
    } else {
        0.0
    };
    let gap = spoke * cover(r, 0.16, rim * 0.86, foot);
    let groove = cover(r, 0.84, 0.87, foot);
    let mut out = SurfaceColour::dull(
        (tyre * (1.0 + 0.6 * groove))
            .mix(skin.b, in_rim)
            .mix(V::ONE * 0.012, gap * in_rim),
    );
    out.gloss = 0.12 * in_rim * (1.0 - gap);
    out
}
