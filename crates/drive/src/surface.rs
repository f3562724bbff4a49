//! Surfaces: the colour of a point of a solid before lighting.

use super::facade::facade;
use super::noise::{lattice, textures};
use super::skin::{SkinPattern, SkinPoint, SurfaceColour, SurfaceSkin};
use super::space::{cover, floor_i, fract, ramp, stripes, v};
use super::vehicle_skin;

/// The surface of `skin` at `p`.
pub(super) fn surface(skin: &SurfaceSkin, p: &SkinPoint) -> SurfaceColour {
    let t = textures();
    let s = skin.shift;
    let (su, sv) = p.soft_uv();
    let cloud = |size: f32| {
        t.cloud
            .at(su / size + s, sv / size + s * 1.7, p.foot / size)
    };
    let grain = |size: f32| t.grain.at(su / size + s, sv / size + s, p.foot / size);
    let mut out = SurfaceColour::dull(skin.a);
    out.gloss = skin.gloss;
    match skin.pattern {
        SkinPattern::Plain { grain: g, stain } => {
            let k = 1.0 + g * (grain(0.9) - 0.5) + stain * (cloud(2.6) - 0.5) * 1.4;
            out.colour = skin.a * k.max(0.0);
        }
        SkinPattern::Wall(f) => return facade(skin, &f, p),
        SkinPattern::Tiles { row } => {
            let (u, w) = if p.n.x.abs() > p.n.z.abs() {
                (p.m.z, p.m.x)
            } else {
                (p.m.x, p.m.z)
            };
            let slant = w.abs() + p.m.y.abs();
            let line = floor_i(slant / row);
            let joint = stripes(slant, 0.0, 0.22 * row, row, p.foot.max(0.01));
            let tone = lattice(floor_i(u * (1.0 / 0.3) + line as f32 * 0.5), line, 9);
            let fade = (1.0 - p.foot * 2.0).clamp(0.0, 1.0);
            let k = 1.0 + fade * 0.35 * (tone - 0.5) - 0.4 * joint + 0.5 * (cloud(5.0) - 0.5);
            out.colour = skin.a * k;
        }
        SkinPattern::Leaves { size } => {
            // Seams between the three planes do not show among leaves.
            let (u, w) = p.uv();
            let big = t.cloud.at(
                u * (1.0 / 2.6) + s,
                w * (1.0 / 2.6) + s * 1.7,
                p.foot * (1.0 / 2.6),
            );
            let scale = 1.0 / (size * 30.0);
            let fine = t.grain.at(u * scale + s, w * scale + s, p.foot * scale);
            let deep = ramp(0.25, 0.75, fine);
            let k = 0.3 + 0.85 * deep + 0.7 * (big - 0.5);
            out.colour = skin.a.mix(skin.b, big * 0.8) * k.max(0.15);
            out.bump = v(fine - 0.5, 0.4 * (big - 0.2), 0.5 - fine) * 1.1;
            out.wrap = 0.45;
        }
        SkinPattern::Bark => {
            let streak = t.grain.at(su * 2.2 + s, sv * 0.35, p.foot * 0.7);
            out.colour = skin.a * (0.6 + 0.8 * streak) * (0.75 + 0.5 * cloud(1.5));
        }
        SkinPattern::Boards { width, axis } => {
            let x = p.along(axis);
            let board = floor_i(x / width);
            let gap = stripes(x, 0.0, 0.08 * width, width, p.foot.max(0.002));
            let tone = lattice(board, 5, (s * 997.0) as u32);
            let (u, w) = p.uv();
            let streak = t.cloud.at(u * 1.3 + tone, w * 0.35 + s, p.foot);
            let k = (0.75 + 0.45 * tone) * (0.72 + 0.56 * streak) * (1.0 - 0.75 * gap);
            out.colour = skin.a.mix(skin.b, tone * 0.6) * k;
        }
        SkinPattern::Card => {
            let (u, w) = p.uv();
            let (hu, hw) = if p.n.y.abs() > 0.7 {
                (p.half.x, p.half.z)
            } else if p.n.x.abs() > 0.7 {
                (p.half.z, p.half.y)
            } else {
                (p.half.x, p.half.y)
            };
            let foot = p.foot.max(0.004);
            let tape = cover(u, -0.05 * hu - 0.02, 0.05 * hu + 0.02, foot);
            let mark = cover(u, 0.2 * hu, 0.75 * hu, foot) * cover(w, -0.6 * hw, -0.1 * hw, foot);
            let rim =
                1.0 - cover(u, -0.96 * hu, 0.96 * hu, foot) * cover(w, -0.96 * hw, 0.96 * hw, foot);
            let k = 0.85 + 0.3 * cloud(0.8) + 0.12 * (grain(0.5) - 0.5) - 0.25 * rim;
            let ink = mark * ramp(0.45, 0.55, t.grain.at(u * 1.7 + s, w * 1.7, p.foot * 2.0));
            out.colour = (skin.a * k).mix(skin.b, (tape * 0.7).max(ink * 0.8));
        }
        SkinPattern::Fur { saddle, belly } => {
            let streak = t.grain.at(su * 1.4 + s, sv * 0.7 + s, p.foot);
            let up = p.n.y;
            let shade = 1.0 - saddle * up.max(0.0) + belly * (-up).max(0.0);
            let k = (0.7 + 0.6 * streak) * (0.8 + 0.4 * cloud(0.7)) * shade;
            out.colour = skin.a.mix(skin.b, ramp(0.55, 0.8, cloud(1.3)) * 0.5) * k;
        }
        SkinPattern::Blotch { size, share } => {
            let at = ramp(share - 0.03, share + 0.03, cloud(size * 4.0));
            let k = 0.8 + 0.4 * grain(0.7);
            out.colour = skin.b.mix(skin.a, at) * k;
        }
        SkinPattern::Bands { period, axis } => {
            let x = p.along(axis) + s * period;
            let b = stripes(x, 0.0, 0.5 * period, period, p.foot.max(0.004));
            out.colour = skin.a.mix(skin.b, b) * (0.8 + 0.4 * cloud(0.9));
        }
        SkinPattern::Checks { size } => {
            let (u, w) = p.uv();
            let a = stripes(u, 0.0, 0.5 * size, size, p.foot.max(0.004));
            let b = stripes(w, 0.0, 0.35 * size, size, p.foot.max(0.004));
            out.colour =
                skin.a.mix(skin.b, a * 0.8).mix(skin.c, b * 0.6) * (0.8 + 0.4 * cloud(0.9));
        }
        SkinPattern::Rock => {
            let vein = t.crack.at(su * 0.4 + s, sv * 0.4 + s, p.foot * 0.4);
            let k = (0.5 + 0.9 * cloud(1.4)) * (0.75 + 0.5 * grain(1.1)) * (0.65 + 0.35 * vein);
            out.colour = skin.a.mix(skin.b, cloud(3.0)) * k;
            out.bump = v(cloud(0.8) - 0.5, cloud(0.9) - 0.5, grain(1.5) - 0.5) * 0.8;
        }
        SkinPattern::Film => {
            let (f, g) = (cloud(0.7), cloud(0.33));
            out.colour = skin.a * (0.7 + 0.35 * f + 0.3 * g);
            out.bump = v(f - 0.5, cloud(0.45) - 0.5, g - 0.5) * 1.6;
        }
        SkinPattern::Body(body) => return vehicle_skin::body(skin, &body, p),
        SkinPattern::Cabin { half_length } => return vehicle_skin::cabin(skin, half_length, p),
        SkinPattern::Wheel { rim } => return vehicle_skin::wheel(skin, rim, p),
        SkinPattern::Sign { design } => out = sign(skin, design, p),
        SkinPattern::Signal { lit } => out = signal(skin, lit, p),
    }
    if skin.glow > 0.0 {
        out.glow += skin.a * skin.glow;
    }
    out
}

fn sign(skin: &SurfaceSkin, design: u8, p: &SkinPoint) -> SurfaceColour {
    if p.n.z > -0.5 && p.n.y < 0.9 {
        // The back and the rim.
        return SurfaceColour::dull(v(0.25, 0.25, 0.26));
    }
    // The face is an end of a tube about y, or the near side of a box.
    let (u, w, hu, hw) = if p.n.y.abs() >= 0.9 {
        (p.m.x, p.m.z, p.half.x, p.half.z)
    } else {
        (p.m.x, p.m.y, p.half.x, p.half.y)
    };
    let (x, y) = (u / hu, w / hw);
    let foot = (p.foot / hu).max(0.01);
    let white = v(0.75, 0.75, 0.74);
    let colour = match design % 5 {
        // Ring on white.
        0 => {
            let r = (x * x + y * y).sqrt();
            let ring = cover(r, 0.72, 1.2, foot);
            let digit = cover(x, -0.38, -0.06, foot) * cover(y.abs(), -1.0, 0.4, foot)
                + cover(x, 0.06, 0.38, foot) * cover(y.abs(), -1.0, 0.4, foot);
            let hollow =
                cover((x.abs() - 0.22).abs(), -1.0, 0.07, foot) * cover(y.abs(), 0.0, 0.26, foot);
            white
                .mix(skin.a, ring)
                .mix(v(0.02, 0.02, 0.02), (digit - hollow).clamp(0.0, 1.0))
        }
        // Bar on a full disc.
        1 => {
            let bar = cover(x.abs(), -1.0, 0.7, foot) * cover(y.abs(), 0.0, 0.17, foot);
            skin.a.mix(white, bar)
        }
        // Rows of letters on a panel.
        2 => {
            let rim = 1.0 - cover(x.abs(), -1.0, 0.95, foot) * cover(y.abs(), 0.0, 0.92, foot);
            let row = floor_i((y + 1.0) * 2.0);
            let inside = cover(fract((y + 1.0) * 2.0), 0.25, 0.75, foot);
            let letter = lattice(floor_i((x + 1.0) * 9.0), row, (skin.shift * 999.0) as u32);
            let ink = if letter > 0.35 { inside } else { 0.0 };
            skin.a.mix(white, rim.max(ink * 0.9))
        }
        // Arrow on a disc.
        3 => {
            let stem = cover(x.abs(), -1.0, 0.12, foot) * cover(y, -0.6, 0.3, foot);
            let head =
                cover(x.abs(), -1.0, (0.7 - y).clamp(0.0, 0.42), foot) * cover(y, 0.2, 0.7, foot);
            skin.a.mix(white, stem.max(head))
        }
        // Chevrons.
        _ => {
            let band = stripes(x + y.abs(), -1.0, 0.35, 0.7, foot);
            skin.a.mix(white, band)
        }
    };
    SurfaceColour {
        gloss: 0.04,
        ..SurfaceColour::dull(colour)
    }
}

fn signal(skin: &SurfaceSkin, lit: u8, p: &SkinPoint) -> SurfaceColour {
    let mut out = SurfaceColour::dull(skin.a);
    if p.n.z < -0.5 {
        let lamps = [v(0.9, 0.06, 0.03), v(0.9, 0.45, 0.03), v(0.05, 0.8, 0.35)];
        for (i, lamp) in lamps.iter().enumerate() {
            let dy = (p.m.y / p.half.y - (0.62 - 0.62 * i as f32)) * p.half.y;
            let dx = p.m.x;
            let r = (dx * dx + dy * dy).sqrt() / (0.26 * p.half.y);
            let in_lamp = cover(r, -1.0, 1.0, (p.foot / (0.26 * p.half.y)).max(0.02));
            let on = i == usize::from(lit);
            out.colour = out.colour.mix(*lamp * 0.12, in_lamp);
            if on {
                out.glow += *lamp * (in_lamp * 2.2);
            }
        }
    }
    out
}
