//! Renders a stage to linear colours and one key per pixel: visibility, light, shade, smooth edges.

mod shade;

use rayon::prelude::*;

use super::bins::{SolidBins, TILE};
use super::camera_model::{CameraModel, NEAR_M};
use super::caster::{RayCaster, SunAxes, casters};
use super::layout::{GroundKind, KERB_M, StreetLayout};
use super::noise::lattice;
use super::shape::{MISS, RayHit};
use super::sky::{SkyBackdrop, backdrop};
use super::space::{V, max, min};
use super::stage::{SceneStage, StageSolid};
use super::style::StreetStyle;

/// Rows of tiles coloured in one go.
const SHADE_TILES: usize = 2;

/// Keys below this are not solids.
const FIRST_SOLID: u32 = 16;

/// What a pixel shows.
fn ground_key(kind: GroundKind) -> u32 {
    match kind {
        GroundKind::Road => 3,
        GroundKind::Pavement => 4,
        GroundKind::Kerb => 5,
        GroundKind::Grass => 6,
        GroundKind::Yard => 7,
    }
}

fn ground_kind(key: u32) -> GroundKind {
    match key {
        3 => GroundKind::Road,
        4 => GroundKind::Pavement,
        5 => GroundKind::Kerb,
        6 => GroundKind::Grass,
        _ => GroundKind::Yard,
    }
}

fn backdrop_key(what: SkyBackdrop) -> u32 {
    match what {
        SkyBackdrop::Sky => 0,
        SkyBackdrop::Trees => 1,
        SkyBackdrop::Houses => 2,
    }
}

/// Class of a key that is not a solid.
fn plain_class(key: u32) -> u8 {
    match key {
        0 => 0,
        1 | 6 => 5,
        2 => 1,
        3 => 3,
        _ => 4,
    }
}

/// A finished picture before the sensor: linear colours, and class and object of every pixel.
pub(super) struct RenderedScene {
    pub colours: Vec<V>,
    pub classes: Vec<u8>,
    /// Index into the stage's objects plus 1; 0 for none.
    pub objects: Vec<u16>,
}

/// The mean of colours that hardly differ: by no more than `spread`, relative.
fn mean_of_close(c: [V; 4], spread: f32) -> Option<V> {
    let light = c.map(|c| c.x + c.y + c.z);
    let lo = min(min(light[0], light[1]), min(light[2], light[3]));
    let hi = max(max(light[0], light[1]), max(light[2], light[3]));
    (hi - lo <= spread * hi + 0.004).then(|| (c[0] + c[1] + (c[2] + c[3])) * 0.25)
}

struct RenderScene<'a> {
    stage: &'a SceneStage,
    layout: &'a StreetLayout,
    style: &'a StreetStyle,
    solids: SolidBins,
    casters: Vec<RayCaster>,
    sun_axes: SunAxes,
    shades: SolidBins,
    smudges: SolidBins,
    /// Heading of the camera over ground, for the far skyline.
    course: f32,
    far_seed: f32,
}

/// Bounds of points: least and largest of two coordinates.
type TileBounds = ((f32, f32), (f32, f32));

/// The piece of ground that a tile shows.
struct RenderTile {
    /// In `x` and `z`, m.
    flat: TileBounds,
    /// Along and across the light, m.
    sun: TileBounds,
}

impl RenderTile {
    /// `None` where the tile looks past the ground.
    fn of_tile(eye: &CameraModel, column: usize, row: usize, axes: SunAxes) -> Option<Self> {
        let empty = ((MISS, MISS), (-MISS, -MISS));
        let mut out = Self {
            flat: empty,
            sun: empty,
        };
        let grow = |b: &mut TileBounds, p: (f32, f32)| {
            b.0 = (b.0.0.min(p.0), b.0.1.min(p.1));
            b.1 = (b.1.0.max(p.0), b.1.1.max(p.1));
        };
        for corner in 0..4 {
            let (x, y) = (column + (corner & 1), row + (corner >> 1));
            let ray = eye.ray((x * TILE) as f32, (y * TILE) as f32);
            if ray.y > -1e-3 {
                return None;
            }
            for height in [0.0, KERB_M] {
                let p = eye.pos + ray * ((height - eye.pos.y) / ray.y);
                grow(&mut out.flat, (p.x, p.z));
                grow(&mut out.sun, axes.turn(p));
            }
        }
        Some(out)
    }
}

/// Draws the stage. The result does not depend on the number of threads: every pixel is computed
/// from the stage alone.
pub(super) fn draw(
    stage: &mut SceneStage,
    layout: &StreetLayout,
    style: &StreetStyle,
) -> RenderedScene {
    stage.light(style.weather.sun);
    let size = stage.camera.size;
    let (columns, rows) = (size.w.div_ceil(TILE), size.h.div_ceil(TILE));
    // Near solids first: most of what is behind them is then skipped.
    let mut order: Vec<u32> = (0..stage.solids.len() as u32)
        .filter(|&i| !stage.solids[i as usize].rect.is_empty())
        .collect();
    order.sort_by(|&a, &b| {
        let near = |i: u32| stage.solids[i as usize].near;
        near(a).total_cmp(&near(b)).then(a.cmp(&b))
    });
    let stage = &*stage;
    let solids = SolidBins::new(columns, rows, |add| {
        for &i in &order {
            add(i, stage.solids[i as usize].rect);
        }
    });
    let sun = style.weather.sun;
    let casters = if style.weather.sun_light.brightness() > 0.25 {
        casters(stage, sun)
    } else {
        Vec::new()
    };
    let mut shades = SolidBins::new(columns, rows, |add| {
        for (i, c) in casters.iter().enumerate() {
            add(i as u32, c.rect);
        }
    });
    let mut smudges = SolidBins::new(columns, rows, |add| {
        for (i, s) in stage.smudges.iter().enumerate() {
            add(i as u32, s.rect);
        }
    });
    // A tile shows a small piece of ground: most of what its pixels might touch falls away.
    let sun_axes = SunAxes::new(sun);
    let pieces: Vec<Option<RenderTile>> = (0..columns * rows)
        .map(|i| RenderTile::of_tile(&stage.camera, i % columns, i / columns, sun_axes))
        .collect();
    shades.retain(|column, row, i| {
        let c = &casters[i as usize];
        pieces[row * columns + column].as_ref().is_none_or(|p| {
            let (lo, hi) = p.sun;
            c.lo.0 <= hi.0 && c.hi.0 >= lo.0 && c.lo.1 <= hi.1 && c.hi.1 >= lo.1
        })
    });
    smudges.retain(|column, row, i| {
        let s = &stage.smudges[i as usize];
        pieces[row * columns + column].as_ref().is_none_or(|p| {
            let (lo, hi) = p.flat;
            s.pos.x - s.reach <= hi.0
                && s.pos.x + s.reach >= lo.0
                && s.pos.z - s.reach <= hi.1
                && s.pos.z + s.reach >= lo.1
        })
    });
    let scene = RenderScene {
        stage,
        layout,
        style,
        solids,
        casters,
        sun_axes,
        shades,
        smudges,
        course: layout.course,
        far_seed: (style.seed % 1021) as f32 / 1021.0,
    };
    scene.draw()
}

impl RenderScene<'_> {
    fn draw(&self) -> RenderedScene {
        let size = self.stage.camera.size;
        let mut keys = vec![0u32; size.area_px()];
        let mut depths = vec![MISS; size.area_px()];
        let mut classes = vec![0u8; size.area_px()];
        let mut things = vec![0u16; size.area_px()];
        let band = TILE * size.w;
        keys.par_chunks_mut(band)
            .zip(depths.par_chunks_mut(band))
            .zip(
                classes
                    .par_chunks_mut(band)
                    .zip(things.par_chunks_mut(band)),
            )
            .enumerate()
            .for_each(|(row, ((keys, depths), (classes, things)))| {
                self.see_band(row, keys, depths);
                for ((&key, class), thing) in keys.iter().zip(classes).zip(things) {
                    (*class, *thing) = self.label(key);
                }
            });
        let mut colours = vec![V::ZERO; size.area_px()];
        let rows = SHADE_TILES * TILE;
        colours
            .par_chunks_mut(rows * size.w)
            .enumerate()
            .for_each(|(band, out)| self.shade_band(band * rows, &keys, &depths, out));
        RenderedScene {
            colours,
            classes,
            objects: things,
        }
    }

    /// Class and object of a key.
    fn label(&self, key: u32) -> (u8, u16) {
        if key < FIRST_SOLID {
            return (plain_class(key), 0);
        }
        let solid = &self.stage.solids[(key - FIRST_SOLID) as usize];
        let group = &self.stage.groups[solid.group as usize];
        (group.class, group.object)
    }

    /// Finds what every pixel of a row of tiles shows.
    fn see_band(&self, row: usize, keys: &mut [u32], depths: &mut [f32]) {
        let eye = &self.stage.camera;
        let (w, y0) = (eye.size.w, row * TILE);
        let height = keys.len() / w;
        for column in 0..w.div_ceil(TILE) {
            let (tx0, tx1) = (column * TILE, (column * TILE + TILE).min(w));
            for &i in self.solids.tile(column, row) {
                let s = &self.stage.solids[i as usize];
                let xs = tx0.max(s.rect.x0 as usize)..tx1.min(s.rect.x1 as usize);
                let ys = y0.max(s.rect.y0 as usize)..(y0 + height).min(s.rect.y1 as usize);
                for y in ys {
                    for x in xs.clone() {
                        let at = (y - y0) * w + x;
                        if depths[at] <= s.near {
                            continue;
                        }
                        let t = self.meet(s, x as f32 + 0.5, y as f32 + 0.5, depths[at]);
                        if t < depths[at] {
                            depths[at] = t;
                            keys[at] = i + FIRST_SOLID;
                        }
                    }
                }
            }
        }
        for y in 0..height {
            for x in 0..w {
                let dir = eye.ray(x as f32 + 0.5, (y0 + y) as f32 + 0.5);
                let at = y * w + x;
                // A solid hides the ground where its surface is above all ground.
                if depths[at] < MISS && eye.pos.y + dir.y * depths[at] > KERB_M {
                    continue;
                }
                let (key, depth) = self.floor(dir);
                if depth < depths[at] || depths[at] == MISS {
                    keys[at] = key;
                    depths[at] = depth;
                }
            }
        }
    }

    /// Ground or backdrop in direction `dir`.
    fn floor(&self, dir: V) -> (u32, f32) {
        match self.layout.meet(self.stage.camera.pos, dir) {
            Some(hit) if hit.t < 3000.0 => (ground_key(hit.kind), hit.t),
            _ => (
                backdrop_key(backdrop(dir, self.course, self.far_seed)),
                MISS,
            ),
        }
    }

    /// Depth at which the ray through `(x, y)` meets the solid before `limit`.
    fn meet(&self, s: &StageSolid, x: f32, y: f32, limit: f32) -> f32 {
        let d = s.base + s.across * x + s.down * y;
        let t = s.form.enter(&self.stage.planes, s.camera, d);
        if t >= limit || t < NEAR_M {
            return MISS;
        }
        if s.cut != RayHit::Solid {
            let foot = t / (self.stage.camera.focal * s.half.x.max(s.half.z));
            let dice = lattice((x * 4.0) as i32, (y * 4.0) as i32, s.group);
            if !s.cut.stands(s.camera + d * t, d, foot, dice) {
                return MISS;
            }
        }
        t
    }

    /// Colours rows of tiles from row `y0`: one pixel of four is shaded, then those between them on the diagonal,
    /// then the rest; but a pixel whose neighbours of the step before show the same object in nearly
    /// the same colour takes their mean.
    fn shade_band(&self, y0: usize, keys: &[u32], depths: &[f32], out: &mut [V]) {
        let w = self.stage.camera.size.w;
        let height = out.len() / w;
        // Rows above and below this band belong to others: pixels at its rim are shaded.
        let near = |x: usize, y: usize, diagonal: bool, out: &[V]| {
            if x == 0 || x + 1 == w || y == 0 || y + 1 == height {
                return None;
            }
            let at = y * w + x;
            let [a, b, c, d] = if diagonal {
                [at - w - 1, at - w + 1, at + w - 1, at + w + 1]
            } else {
                [at - 1, at + 1, at - w, at + w]
            };
            let base = y0 * w;
            let key = keys[base + at];
            if keys[base + a] != key
                || keys[base + b] != key
                || keys[base + c] != key
                || keys[base + d] != key
            {
                return None;
            }
            // Grain of the ground may blur a little; lines and shade on it differ more.
            let spread = match (key < FIRST_SOLID, diagonal) {
                (true, false) => 0.25,
                (true, true) => 0.16,
                (false, false) => 0.16,
                (false, true) => 0.09,
            };
            mean_of_close([out[a], out[b], out[c], out[d]], spread)
        };
        for y in (0..height).step_by(2) {
            for x in (0..w).step_by(2) {
                out[y * w + x] = self.shade_pixel(x, y0 + y, keys, depths);
            }
        }
        for y in (1..height).step_by(2) {
            for x in (1..w).step_by(2) {
                let mean = near(x, y, true, out);
                out[y * w + x] = mean.unwrap_or_else(|| self.shade_pixel(x, y0 + y, keys, depths));
            }
        }
        for y in 0..height {
            for x in (1 - (y & 1)..w).step_by(2) {
                let mean = near(x, y, false, out);
                out[y * w + x] = mean.unwrap_or_else(|| self.shade_pixel(x, y0 + y, keys, depths));
            }
        }
    }

    fn shade_pixel(&self, x: usize, y: usize, keys: &[u32], depths: &[f32]) -> V {
        let size = self.stage.camera.size;
        let w = size.w;
        let at = y * w + x;
        let key = keys[at];
        let tile = (x / TILE, y / TILE);
        let (fx, fy) = (x as f32 + 0.5, y as f32 + 0.5);
        let centre = self.shade(key, depths[at], fx, fy, tile);
        // Where a neighbour shows something else, two more looks smooth the edge: each only for
        // what this pixel and its neighbours show, and each object is shaded once.
        let left = keys[at - usize::from(x > 0)];
        let right = keys[at + usize::from(x + 1 < w)];
        let up = keys[if y > 0 { at - w } else { at }];
        let down = keys[if y + 1 < size.h { at + w } else { at }];
        if left == key && right == key && up == key && down == key {
            return centre;
        }
        let around = [key, left, right, up, down];
        if around.iter().all(|&k| self.alike(k, key)) {
            return centre;
        }
        let mut sum = centre;
        let mut seen = [(key, centre); 3];
        let looks = [(-0.34, -0.22), (0.28, 0.36)];
        for (n, (dx, dy)) in looks.into_iter().enumerate() {
            let (px, py) = (fx + dx, fy + dy);
            let (key, depth) = self.probe(px, py, &around);
            let known = seen[..=n].iter().find(|s| s.0 == key);
            let colour = match known {
                Some(s) => s.1,
                None => self.shade(key, depth, px, py, tile),
            };
            seen[n + 1] = (key, colour);
            sum += colour;
        }
        sum * (1.0 / 3.0)
    }

    /// Whether no edge shows between two keys: the same, or leaves of one plant.
    fn alike(&self, a: u32, b: u32) -> bool {
        if a == b {
            return true;
        }
        if a < FIRST_SOLID || b < FIRST_SOLID {
            return false;
        }
        let solid = |key: u32| &self.stage.solids[(key - FIRST_SOLID) as usize];
        let (a, b) = (solid(a), solid(b));
        let leaves = |s: &StageSolid| matches!(s.cut, RayHit::Leaves { .. });
        a.group == b.group && leaves(a) && leaves(b)
    }

    /// What the ray through a point shows, among these keys.
    fn probe(&self, x: f32, y: f32, around: &[u32; 5]) -> (u32, f32) {
        let (mut key, mut depth) = (around[0], MISS);
        let mut open = around[0] < FIRST_SOLID;
        for (n, &k) in around.iter().enumerate() {
            if k < FIRST_SOLID || around[..n].contains(&k) {
                open |= k < FIRST_SOLID;
                continue;
            }
            let t = self.meet(&self.stage.solids[(k - FIRST_SOLID) as usize], x, y, depth);
            if t < depth {
                depth = t;
                key = k;
            }
        }
        // Ground and sky are asked for only where they are near.
        if open || depth == MISS {
            let (low, t) = self.floor(self.stage.camera.ray(x, y));
            if t < depth || depth == MISS {
                return (low, t);
            }
        }
        (key, depth)
    }
}
