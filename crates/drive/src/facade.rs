//! House walls: bricks or plaster, windows with sills and curtains, shop fronts.

use super::noise::{lattice, textures};
use super::skin::{HouseFacade, SkinPoint, SurfaceColour, SurfaceSkin};
use super::space::{V, cover, floor_i, ramp, stripes, v};

/// Height of a shop's ground floor, m.
const SHOP_M: f32 = 3.4;

/// The wall at `p`. Colours: `a` wall, `b` frames and sills, `c` shop front and doors.
pub(super) fn facade(skin: &SurfaceSkin, f: &HouseFacade, p: &SkinPoint) -> SurfaceColour {
    let t = textures();
    let foot = p.foot.max(0.004);
    let high = p.m.y + p.half.y;
    let (u, half_u, face) = if p.n.x.abs() > p.n.z.abs() {
        (p.m.z, p.half.z, 0u32)
    } else {
        (p.m.x, p.half.x, 7)
    };
    let s = skin.shift;
    let stain = t.cloud.at(
        u * (1.0 / 7.0) + s,
        high * (1.0 / 9.0) + s,
        foot * (1.0 / 8.0),
    );
    let mut k = 0.86 + 0.36 * (stain - 0.5);
    // Dirt near the ground.
    k *= 0.78 + 0.22 * ramp(0.0, 1.6, high);
    if p.n.y.abs() > 0.7 {
        return SurfaceColour::dull(skin.a * (0.6 * k));
    }
    if f.brick {
        let row = floor_i(high * (1.0 / 0.075));
        let shift = if row & 1 == 1 { 0.11 } else { 0.0 };
        let fade = (1.0 - foot * 12.0).clamp(0.0, 1.0);
        let tone = lattice(floor_i((u + shift) * (1.0 / 0.22)), row, f.number);
        let joint =
            stripes(high, 0.0, 0.012, 0.075, foot).max(stripes(u + shift, 0.0, 0.012, 0.22, foot));
        k *= 1.0 + fade * (0.5 * (tone - 0.5) + 0.5 * joint) + (1.0 - fade) * 0.08;
        k *= 0.85
            + 0.3
                * t.grain
                    .at(u * (1.0 / 2.5) + s, high * (1.0 / 2.5), foot * (1.0 / 2.5));
    } else {
        k *= 0.92
            + 0.16
                * t.grain
                    .at(u * (1.0 / 1.5) + s, high * (1.0 / 1.5), foot * (1.0 / 1.5));
    }
    let mut out = SurfaceColour::dull(skin.a * k);
    let ground = if f.shop { SHOP_M } else { 0.0 };
    // A band above the ground floor and a ledge under the roof.
    let ledge = cover(high, ground - 0.12, ground + 0.1, foot).max(cover(
        high,
        2.0 * p.half.y - 0.35,
        2.0 * p.half.y,
        foot,
    ));
    out.colour = out.colour.mix(skin.b * 0.8, ledge * 0.8);
    if f.shop && high < SHOP_M {
        return shop(skin, f, p, u, high, face, out);
    }
    if f.window.0 <= 0.0 {
        return out;
    }
    // Bays divide the wall evenly.
    let bays = (2.0 * half_u / f.bay_m) as i32;
    if bays < 1 {
        return out;
    }
    let bay = 2.0 * half_u / bays as f32;
    let i = floor_i((u + half_u) / bay);
    let storeys = (((2.0 * p.half.y - ground - 0.5) / f.storey_m) as i32).max(1);
    let j = floor_i((high - ground) / f.storey_m);
    if j < 0 || j >= storeys {
        return out;
    }
    let x = u + half_u - (i as f32 + 0.5) * bay;
    let y = high - ground - j as f32 * f.storey_m;
    let half_w = 0.5 * f.window.0 * bay;
    let (y0, y1) = if f.curtain {
        (
            f.storey_m * (1.0 - f.window.1) * 0.5,
            f.storey_m * (1.0 + f.window.1) * 0.5,
        )
    } else {
        (
            0.9f32.min(0.3 * f.storey_m),
            0.9f32.min(0.3 * f.storey_m) + f.window.1 * f.storey_m,
        )
    };
    // Ground floor of a house: one bay holds the door.
    let roll = lattice(i, j, f.number ^ face);
    if j == 0 && ground == 0.0 && !f.curtain && lattice(i, 77, f.number ^ face) < 0.3 {
        let door = cover(x, -0.5, 0.5, foot) * cover(y, 0.0, 2.1, foot);
        let rim = cover(x, -0.62, 0.62, foot) * cover(y, 0.0, 2.25, foot);
        out.colour = out.colour.mix(skin.b * 0.85, rim).mix(skin.c * 0.7, door);
        return out;
    }
    if !f.curtain && lattice(i, j + 1000, f.number ^ face) < 0.04 {
        return out;
    }
    let sill = cover(x, -half_w - 0.1, half_w + 0.1, foot) * cover(y, y0 - 0.14, y0, foot);
    let head = cover(x, -half_w - 0.08, half_w + 0.08, foot) * cover(y, y1, y1 + 0.16, foot);
    let hole = cover(x, -half_w, half_w, foot) * cover(y, y0, y1, foot);
    out.colour = out.colour.mix(skin.b * 0.8, sill.max(head * 0.8));
    if hole > 0.0 {
        let frame_m = if f.curtain { 0.04 } else { 0.07 };
        let mut pane = cover(x, -half_w + frame_m, half_w - frame_m, foot)
            * cover(y, y0 + frame_m, y1 - frame_m, foot);
        let mid = 0.5 * (y0 + y1);
        if f.bars >= 1 {
            pane *= 1.0 - cover(y, mid - 0.03, mid + 0.03, foot);
            pane *= 1.0 - cover(x, -0.025, 0.025, foot);
        }
        if f.bars >= 2 {
            pane *= 1.0 - stripes(x + half_w, 0.0, 0.04, half_w * 0.5, foot);
            pane *= 1.0 - stripes(y - y0, 0.0, 0.04, (y1 - y0) * (1.0 / 4.0), foot);
        }
        // Curtains at the sides or a blind from above; the rest is dark room.
        let room = v(0.03, 0.032, 0.035) * (0.5 + roll);
        let drape = v(0.5, 0.47, 0.42).mix(skin.b, 0.4) * (0.25 + 0.45 * roll);
        let drawn = match (roll * 8.0) as u32 {
            0 => ramp(0.25, 0.3, (x / half_w).abs() - 0.3),
            1 | 2 => ramp(0.0, 0.05, (y - y0) / (y1 - y0) - 0.3 - 0.5 * roll),
            3 => 0.85,
            _ => 0.0,
        };
        let glass = room.mix(drape, drawn);
        let framed = (skin.b * 0.9).mix(glass, pane);
        // The reveal above the glass keeps light off.
        let shade = 1.0 - 0.45 * ramp(y1 - 0.3, y1, y);
        out.colour = out.colour.mix(framed * shade, hole);
        out.gloss = hole * pane * 0.33;
        let window_lit = lattice(i, j + 500, f.number ^ face);
        if window_lit < 0.45 * p.lamps {
            let glow = v(1.0, 0.72, 0.36) * (0.25 + 0.5 * roll);
            out.glow = glow * (hole * pane * (0.4 + 0.6 * drawn));
        }
        // Panes hang a little unevenly: each mirrors another piece of sky.
        out.bump = v(roll - 0.5, lattice(i, j, 31) - 0.5, roll - 0.5) * (0.12 * hole);
    }
    out
}

fn shop(
    skin: &SurfaceSkin,
    f: &HouseFacade,
    p: &SkinPoint,
    u: f32,
    high: f32,
    face: u32,
    wall: SurfaceColour,
) -> SurfaceColour {
    let foot = p.foot.max(0.004);
    let mut out = wall;
    let width = 5.2;
    let i = floor_i(u / width);
    let x = u - (i as f32 + 0.5) * width;
    let roll = lattice(i, 50, f.number ^ face);
    let paint = [skin.c, skin.c.mix(skin.b, 0.5), skin.a * 0.35, skin.b * 0.9];
    let paint = paint[(roll * 4.0) as usize & 3];
    let front = cover(x, -2.45, 2.45, foot) * cover(high, 0.0, 3.25, foot);
    out.colour = out.colour.mix(paint * 0.8, front);
    // Name board with letters.
    if high > 2.55 && high < 3.15 {
        let letter = lattice(floor_i(u * (1.0 / 0.16)), i, f.number ^ 91);
        let inside = cover(x.abs(), -1.0, 1.2 + roll, foot) * cover(high, 2.68, 3.0, foot);
        if letter > 0.3 {
            let ink = if paint.brightness() > 0.25 {
                v(0.05, 0.05, 0.06)
            } else {
                v(0.8, 0.78, 0.7)
            };
            out.colour = out.colour.mix(ink, inside * 0.85);
        }
    }
    let door = roll > 0.5;
    let glass = cover(x, -2.2, if door { 1.0 } else { 2.2 }, foot) * cover(high, 0.6, 2.4, foot);
    let glass = if door {
        glass.max(cover(x, 1.2, 2.1, foot) * cover(high, 0.15, 2.3, foot))
    } else {
        glass
    };
    if glass > 0.0 {
        let goods = textures()
            .cloud
            .at(u * 0.7 + roll, high * 0.6 + roll, foot * 0.7);
        let pick = lattice(floor_i(u * 1.9), floor_i(high * 2.6), f.number);
        let ware = V::mix(
            v(0.03, 0.03, 0.035),
            skin.c.mix(v(0.5, 0.45, 0.36), pick),
            0.55 * pick * goods,
        );
        let bars = stripes(u, 0.0, 0.06, 1.1, foot);
        out.colour = out.colour.mix(ware.mix(paint * 0.6, bars), glass);
        out.gloss = 0.25 * glass * (1.0 - bars);
        out.glow = v(0.9, 0.75, 0.5) * (glass * (0.03 + 0.22 * p.lamps) * goods * (1.0 - bars));
    }
    out
}
