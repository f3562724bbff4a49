//! Colour of the ground: asphalt with lines and scars, kerbs, slabs, grass, yards.

use super::layout::{CHUNK_M, CROSSING_AT_M, GroundHit, GroundKind, SIDE_ROAD_M, StreetLayout};
use super::noise::{lattice, textures};
use super::space::{V, cover, floor_i, fract, ramp, stripes, v};
use super::style::{CentreLine, EdgeLine, PavingStyle, StreetStyle};

/// Colour and mirror of a piece of ground.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroundColour {
    pub colour: V,
    /// Share of mirrored sky at grazing view.
    pub gloss: f32,
    /// Normal added to straight up.
    pub bump: (f32, f32),
}

/// The ground at `hit`; `foot` is a pixel's width across and along the road, m.
pub(super) fn ground(
    style: &StreetStyle,
    layout: &StreetLayout,
    hit: &GroundHit,
    foot: (f32, f32),
) -> GroundColour {
    match hit.kind {
        GroundKind::Road => road(style, layout, hit, foot),
        GroundKind::Kerb => kerb(style, layout, hit, foot),
        GroundKind::Pavement => pavement(style, layout, hit, foot),
        GroundKind::Grass => grass(style, layout, hit, foot),
        GroundKind::Yard => yard(style, layout, hit, foot),
    }
}

/// A footprint between the two, for textures without direction.
fn round(foot: (f32, f32)) -> f32 {
    (foot.0 * foot.1).sqrt()
}

/// Cell number of a pattern of `period` metres, the same after every repeat of the ground.
fn cell(s: f32, period: f32) -> i32 {
    floor_i(s * (1.0 / period)).rem_euclid((1920.0 / period + 0.5) as i32)
}

fn road(
    style: &StreetStyle,
    layout: &StreetLayout,
    hit: &GroundHit,
    foot: (f32, f32),
) -> GroundColour {
    let t = textures();
    let s = layout.s_pattern + hit.z;
    let d = hit.d;
    let f = round(foot);
    let seed = style.seed as u32;
    let shift = (seed & 255) as f32 * (1.0 / 255.0);
    // Stretches laid in different years, with a seam between.
    let laid = cell(s + 7.0 * (d * (1.0 / 9.0)), 64.0);
    let age = lattice(laid, 1, seed);
    let mut k = 0.86 + 0.28 * age;
    let grain = t
        .grain
        .at(d * (1.0 / 2.3) + shift, s * (1.0 / 2.3), f * (1.0 / 2.3));
    let soft = t
        .cloud
        .at(d * (1.0 / 20.0) + shift, s * (1.0 / 30.0), f * (1.0 / 24.0));
    let wide = t
        .cloud
        .at(d * (1.0 / 6.0) + shift, s * (1.0 / 60.0), f * (1.0 / 20.0));
    let rough = style.asphalt_rough;
    k *= 1.0 + rough * 0.7 * (grain - 0.5);
    k *= 1.0 + 0.45 * (soft - 0.5) + 0.35 * (wide - 0.5);
    k *= layout.profile_at(d);
    match style.paving {
        PavingStyle::Asphalt => {}
        PavingStyle::Concrete => {
            let joint = stripes(s, 0.0, 0.03, 5.0, foot.1).max(stripes(
                d + 40.0,
                0.0,
                0.03,
                style.lane_m,
                foot.0,
            ));
            let slab = lattice(cell(s, 5.0), floor_i(d / style.lane_m), seed);
            k *= (1.25 + 0.3 * slab) * (1.0 - 0.6 * joint);
        }
        PavingStyle::Setts => {
            let row = floor_i(s * (1.0 / 0.15));
            let across = d + if row & 1 == 1 { 0.09 } else { 0.0 };
            let fade = (1.0 - f * 5.0).clamp(0.0, 1.0);
            let tone = lattice(floor_i(across * (1.0 / 0.18)), row.rem_euclid(12_800), seed);
            let joint = stripes(s, 0.0, 0.022, 0.15, foot.1).max(stripes(
                across + 40.0,
                0.0,
                0.022,
                0.18,
                foot.0,
            ));
            k *= 1.0 + fade * (0.7 * (tone - 0.5) - 0.6 * joint);
        }
    }
    let to_edge = layout.half_road - d.abs();
    let mut colour = style.asphalt * k;
    // Patches of newer asphalt, with a sealed rim.
    let (ci, cj) = (cell(s, 12.0), floor_i(d * (1.0 / 3.0)));
    let roll = lattice(ci, cj, seed ^ 0x51);
    if roll < 0.2 * style.damage {
        let (x, y) = (d - cj as f32 * 3.0, fract(s * (1.0 / 12.0)) * 12.0);
        let (w, l) = (
            0.6 + 9.0 * roll,
            1.0 + 40.0 * lattice(ci, cj, 77) * roll.max(0.05),
        );
        let inside =
            cover(x, 0.3, (0.3 + w).min(2.8), foot.0) * cover(y, 1.0, (1.0 + l).min(11.0), foot.1);
        if inside > 0.0 {
            let core = cover(x, 0.36, (0.24 + w).min(2.74), foot.0)
                * cover(y, 1.06, (0.94 + l).min(10.94), foot.1);
            let tone = 0.6 + 0.6 * lattice(ci, cj, 78);
            colour = colour
                .mix(style.asphalt * (0.5 * k), inside)
                .mix(style.asphalt * (tone * k), core);
        }
    }
    // Cracks.
    if style.damage > 0.3 && f < 0.3 {
        let there = ramp(
            0.5,
            0.75,
            t.cloud
                .at(d * (1.0 / 40.0), s * (1.0 / 48.0) + shift, f * (1.0 / 40.0)),
        );
        if there > 0.0 {
            let line = t
                .crack
                .at(d * (1.0 / 9.0) + shift, s * (1.0 / 12.0), f * (1.0 / 10.0));
            let crack = (1.0 - ramp(0.0, 0.22, line)) * there * (style.damage - 0.3);
            colour = colour * (1.0 - 0.75 * crack);
        }
    }
    // Covers and drains.
    let mi = cell(s, 30.0);
    let at_s = 4.0 + 22.0 * lattice(mi, 2, seed);
    let y = fract(s * (1.0 / 30.0)) * 30.0 - at_s;
    if y.abs() < 0.5 + foot.1 && lattice(mi, 0, seed ^ 0x77) < 0.5 {
        let x = d - style.lane_m * (lattice(mi, 1, seed) * 2.0 - 1.0);
        let r = (x * x + y * y).sqrt();
        let iron = cover(r, -1.0, 0.34, f);
        let rim = cover(r, 0.34, 0.4, f);
        let waffle = stripes(x, 0.0, 0.04, 0.08, foot.0) * stripes(y, 0.0, 0.04, 0.08, foot.1);
        let metal = v(0.09, 0.085, 0.08) * (0.8 + 0.5 * waffle);
        colour = colour.mix(metal, iron).mix(colour * 0.5, rim);
    }
    if to_edge < 0.5 {
        let drain = cover(to_edge, 0.05, 0.45, foot.0)
            * cover(fract(s * (1.0 / 24.0)) * 24.0, 3.0, 3.5, foot.1);
        if drain > 0.0 {
            let slots = stripes(s, 0.0, 0.04, 0.08, foot.1);
            colour = colour.mix(v(0.03, 0.03, 0.03) * (1.0 + 1.5 * slots), drain);
        }
    }
    // Leaves and grit by the edge.
    if to_edge < 1.1 {
        let litter = ramp(0.62, 0.75, t.grain.at(d * (1.0 / 0.9), s * (1.0 / 1.1), f))
            * (1.0 - ramp(0.1, 1.1, to_edge));
        colour = colour.mix(style.leaf.mix(v(0.2, 0.15, 0.09), 0.6), 0.5 * litter);
    }
    let paint = lines(style, layout, hit, s, foot);
    if paint > 0.0 {
        let worn = ramp(
            0.25 + 0.45 * style.line_wear,
            0.1 + 0.2 * style.line_wear,
            0.5 * (grain
                + t.cloud
                    .at(d * (1.0 / 2.2), s * (1.0 / 3.0), f * (1.0 / 2.5)))
                - 0.08,
        );
        let share = paint * (1.0 - worn * 0.9) * (0.95 - 0.3 * style.line_wear);
        colour = colour.mix(style.line_colour * (0.8 + 0.3 * soft), share);
    }
    let mut gloss = 0.03;
    let wet = style.weather.wet;
    let mut bump = (grain - 0.5, wide - grain);
    if wet > 0.0 {
        let puddle = ramp(0.72 - 0.35 * wet, 0.8 - 0.3 * wet, 0.6 * soft + 0.4 * wide);
        colour = colour * (1.0 - 0.45 * wet);
        gloss = wet * (0.3 + 0.65 * puddle);
        let calm = 0.25 * (1.0 - 0.85 * puddle);
        bump = (bump.0 * calm, bump.1 * calm);
    }
    GroundColour {
        colour,
        gloss,
        bump,
    }
}

/// Share of paint at the hit.
fn lines(
    style: &StreetStyle,
    layout: &StreetLayout,
    hit: &GroundHit,
    s: f32,
    foot: (f32, f32),
) -> f32 {
    let (d, a) = (hit.d, hit.d.abs());
    let c = layout.chunk_at(hit.z);
    let from_middle = hit.z - c.middle();
    let half = layout.half_road - style.parking_m;
    if a > layout.half_road {
        // In the mouth of a side road: a give-way line.
        return cover(a, layout.half_road + 0.2, layout.half_road + 0.4, foot.0)
            * stripes(from_middle + 50.0, 0.0, 0.6, 0.9, foot.1);
    }
    // A crossing and its stop line.
    let at = CROSSING_AT_M;
    let into = from_middle + 0.5 * CHUNK_M;
    if c.crossing && into > at - 3.0 && into < at + 5.0 {
        let body = cover(into, at, at + 3.4, foot.1) * stripes(d + 40.0, 0.0, 0.5, 1.0, foot.0);
        let stop =
            cover(into, at - 1.8, at - 1.5, foot.1) * if d * style.hand > 0.0 { 1.0 } else { 0.0 };
        return body.max(stop);
    }
    if (c.side_road[0] || c.side_road[1]) && from_middle.abs() < SIDE_ROAD_M + 1.0 {
        return 0.0;
    }
    let reach = 0.25 + 0.5 * foot.0;
    let mut paint = 0.0f32;
    if a < reach {
        paint = match style.centre_line {
            CentreLine::None => 0.0,
            CentreLine::Dashed => cover(a, -0.07, 0.07, foot.0) * stripes(s, 0.0, 3.0, 8.0, foot.1),
            CentreLine::Solid => cover(a, -0.07, 0.07, foot.0),
            CentreLine::Double => cover(d, -0.2, -0.08, foot.0) + cover(d, 0.08, 0.2, foot.0),
        };
    }
    if style.lanes > 1 && (a - style.lane_m).abs() < reach {
        let at = style.lane_m;
        paint += cover(a, at - 0.06, at + 0.06, foot.0) * stripes(s, 0.0, 3.0, 8.0, foot.1);
    }
    let edge = half - 0.22;
    if (a - edge).abs() < reach {
        paint += match style.edge_line {
            EdgeLine::None => 0.0,
            EdgeLine::Solid => cover(a, edge - 0.06, edge + 0.06, foot.0),
            EdgeLine::Double => {
                cover(a, edge - 0.16, edge - 0.07, foot.0)
                    + cover(a, edge + 0.03, edge + 0.12, foot.0)
            }
            EdgeLine::Dashed => {
                cover(a, edge - 0.06, edge + 0.06, foot.0) * stripes(s, 0.0, 1.0, 2.0, foot.1)
            }
        };
    }
    if a > half - foot.0 && style.parking_m > 0.0 {
        // Parking bays.
        paint += cover(a, half, layout.half_road, foot.0) * stripes(s, 0.0, 0.1, 6.0, foot.1);
    }
    paint.min(1.0)
}

fn kerb(
    style: &StreetStyle,
    layout: &StreetLayout,
    hit: &GroundHit,
    foot: (f32, f32),
) -> GroundColour {
    let s = layout.s_pattern + hit.z;
    let joint = stripes(s, 0.0, 0.025, 0.96, foot.1);
    let tone = lattice(cell(s, 0.96), 1, 3);
    GroundColour {
        colour: style.kerb * ((0.62 + 0.2 * tone) * (1.0 - 0.5 * joint)),
        gloss: 0.02,
        bump: (0.0, 0.0),
    }
}

fn pavement(
    style: &StreetStyle,
    layout: &StreetLayout,
    hit: &GroundHit,
    foot: (f32, f32),
) -> GroundColour {
    let t = textures();
    let s = layout.s_pattern + hit.z;
    let past = hit.d.abs() - layout.half_road;
    let f = round(foot);
    let soft = t
        .cloud
        .at(hit.d * (1.0 / 8.0), s * (1.0 / 12.0), f * (1.0 / 10.0));
    let grain = t
        .grain
        .at(hit.d * (1.0 / 1.3), s * (1.0 / 1.3), f * (1.0 / 1.3));
    if (0.0..0.16).contains(&past) {
        let joint = stripes(s, 0.0, 0.025, 0.96, foot.1);
        let tone = lattice(cell(s, 0.96), 1, 3);
        let k = (0.85 + 0.3 * tone) * (1.0 - 0.5 * joint) * (0.85 + 0.3 * grain);
        return GroundColour {
            colour: style.kerb * k,
            gloss: 0.03,
            bump: (0.0, 0.0),
        };
    }
    let m = style.slab_m;
    let row = floor_i(s / m);
    let half_step = if row & 1 == 1 { 0.5 * m } else { 0.0 };
    let along = s;
    let across = hit.d + half_step;
    let joint = stripes(across, 0.0, 0.02, m, foot.0).max(stripes(along, 0.0, 0.02, m, foot.1));
    let fade = (1.0 - f / m).clamp(0.0, 1.0);
    let tone = lattice(floor_i(across / m), row.rem_euclid(9600), style.seed as u32);
    let spot = ramp(
        0.78,
        0.9,
        t.grain
            .at(hit.d * (1.0 / 4.0) + 0.3, s * (1.0 / 4.0), f * (1.0 / 4.0)),
    );
    let k = (1.0 + fade * 0.34 * (tone - 0.5) - 0.45 * joint)
        * (0.8 + 0.4 * soft)
        * (0.85 + 0.3 * grain)
        * (1.0 - 0.35 * spot);
    let wet = style.weather.wet;
    GroundColour {
        colour: style.slab * (k * (1.0 - 0.35 * wet)),
        gloss: 0.03 + 0.4 * wet * ramp(0.4, 0.6, soft),
        bump: (0.15 * (grain - 0.5), 0.15 * (tone - 0.5)),
    }
}

fn grass(
    style: &StreetStyle,
    layout: &StreetLayout,
    hit: &GroundHit,
    foot: (f32, f32),
) -> GroundColour {
    let t = textures();
    let s = layout.s_pattern + hit.z;
    let f = round(foot);
    let soft = t
        .cloud
        .at(hit.d * (1.0 / 9.0), s * (1.0 / 12.0), f * (1.0 / 10.0));
    let mid = t
        .cloud
        .at(hit.d * (1.0 / 2.1) + 0.4, s * (1.0 / 2.4), f * (1.0 / 2.2));
    let blade = t
        .grain
        .at(hit.d * (1.0 / 2.4), s * (1.0 / 3.4), f * (1.0 / 2.6));
    let earth = ramp(0.62, 0.8, soft) * (0.6 * mid + 0.2);
    // The verge is trodden next to the road.
    let past = hit.d.abs() - layout.half_road;
    let edge = (1.0 - ramp(0.0, 0.7, past)) * (0.4 + 0.6 * mid);
    let k = (0.55 + 0.5 * mid + 0.8 * (blade - 0.5)).max(0.1);
    let dirt = v(0.17, 0.13, 0.085);
    GroundColour {
        colour: (style.grass * k).mix(dirt * (0.6 + 0.8 * blade), (earth * 0.6).max(edge * 0.8)),
        gloss: 0.0,
        bump: (0.9 * (blade - 0.5), 0.9 * (mid - 0.5)),
    }
}

fn yard(
    style: &StreetStyle,
    layout: &StreetLayout,
    hit: &GroundHit,
    foot: (f32, f32),
) -> GroundColour {
    let t = textures();
    let s = layout.s_pattern + hit.z;
    let f = round(foot);
    let soft = t
        .cloud
        .at(hit.d * (1.0 / 11.0), s * (1.0 / 15.0), f * (1.0 / 12.0));
    let grain = t
        .grain
        .at(hit.d * (1.0 / 1.9), s * (1.0 / 1.9), f * (1.0 / 1.9));
    let base = style.asphalt.mix(v(0.3, 0.28, 0.25), 0.5);
    GroundColour {
        colour: base * ((0.65 + 0.7 * soft) * (0.8 + 0.4 * grain)),
        gloss: 0.02 + 0.3 * style.weather.wet * soft,
        bump: (0.3 * (grain - 0.5), 0.3 * (soft - 0.5)),
    }
}
