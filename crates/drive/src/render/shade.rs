//! The colour of a point: ground, solid, sky, each in the light of the day.

use super::{FIRST_SOLID, RenderScene, ground_kind};
use crate::layout::GroundHit;
use crate::noise::textures;
use crate::road::ground;
use crate::shape::{MISS, RayHit};
use crate::skin::SkinPoint;
use crate::sky::{SkyBackdrop, far_colour, sky};
use crate::space::{V, in_unit, max, min, ramp, v};
use crate::stage::StageSolid;
use crate::surface::surface;

impl RenderScene<'_> {
    pub(super) fn shade(&self, key: u32, depth: f32, x: f32, y: f32, tile: (usize, usize)) -> V {
        let eye = &self.stage.camera;
        let weather = &self.style.weather;
        let ray = eye.ray(x, y);
        let long = ray.length();
        let dir = ray * (1.0 / long);
        let (colour, far) = match key {
            0 => return self.sky(dir),
            1 | 2 => {
                let what = if key == 1 {
                    SkyBackdrop::Trees
                } else {
                    SkyBackdrop::Houses
                };
                let c = far_colour(weather, what, self.style.leaf, dir, self.course);
                (c, 330.0)
            }
            3..FIRST_SOLID => {
                let hit = self
                    .layout
                    .at(ground_kind(key), depth, eye.pos + ray * depth);
                (self.shade_ground(&hit, ray, dir, tile), depth * long)
            }
            _ => {
                let solid = &self.stage.solids[(key - FIRST_SOLID) as usize];
                (self.shade_solid(solid, depth, ray, dir, x, y), depth * long)
            }
        };
        // Haze by distance; 1 / (1 + x + x²/2 + x³/6) is close to exp(-x) and needs no call.
        let h = far * weather.haze_per_m;
        let clear = 1.0 / (1.0 + h * (1.0 + h * (0.5 + h * (1.0 / 6.0))));
        let toward = max(dir.dot(weather.sun), 0.0);
        let haze = weather.haze + weather.sun_light * (0.12 * toward * toward);
        haze.mix(colour, clear)
    }

    fn sky(&self, dir: V) -> V {
        sky(&self.style.weather, dir, self.course)
    }

    /// What a mirror sees in direction `dir`: sky above, dim street below.
    fn mirrored(&self, dir: V) -> V {
        let w = &self.style.weather;
        let street = (w.sky_light + w.sun_light * 0.15) * 0.1;
        let rise = ramp(0.02, 0.28, dir.y);
        let sky = w
            .sky_low
            .mix(w.sky_top, dir.y.max(0.0))
            .mix(w.cloud_light, 0.4 * w.cloud);
        street.mix(sky, rise)
    }

    fn shade_ground(&self, hit: &GroundHit, ray: V, dir: V, tile: (usize, usize)) -> V {
        let eye = &self.stage.camera;
        let w = &self.style.weather;
        let point = eye.pos + ray * hit.t;
        let across = hit.t / eye.focal;
        let along = across / max(-dir.y, 0.01);
        let look = ground(self.style, self.layout, hit, (across, along));
        let mut sun = 1.0f32;
        let q = self.sun_axes.turn(point);
        for &i in self.shades.tile(tile.0, tile.1) {
            let c = &self.casters[i as usize];
            if q.0 < c.lo.0 || q.0 > c.hi.0 || q.1 < c.lo.1 || q.1 > c.hi.1 {
                continue;
            }
            let s = &self.stage.solids[c.solid as usize];
            let o = s.point_in(v(point.x, point.y + 0.01, point.z));
            let d = c.sun;
            let t = s.form.enter(&self.stage.planes, o, d);
            if t < MISS {
                sun *= match s.cut {
                    RayHit::Solid => 0.0,
                    RayHit::Leaves { shift, .. } => {
                        let p = o + d * t;
                        let hole =
                            textures()
                                .cloud
                                .at(p.x * 0.5 + shift, p.z * 0.5 + p.y * 0.3, 0.0);
                        0.85 * ramp(0.45, 0.62, hole)
                    }
                    _ => 0.6,
                };
                if sun < 0.02 {
                    sun = 0.0;
                    break;
                }
            }
        }
        let mut open = 1.0f32;
        for &i in self.smudges.tile(tile.0, tile.1) {
            let m = &self.stage.smudges[i as usize];
            let p = m.axes.inward(point - m.pos);
            let (a, b) = (p.x / m.half.0, p.z / m.half.1);
            let rr = a * a + b * b;
            if rr < 1.65 * 1.65 {
                open *= 1.0 - m.strength * (1.0 - ramp(0.55, 1.65, rr.sqrt()));
            }
        }
        let n = v(0.35 * look.bump.0, 1.0, 0.35 * look.bump.1).unit();
        let facing = max(n.dot(w.sun), 0.0);
        let light = w.sun_light * (facing * sun) + w.sky_light * open;
        let mut colour = look.colour.times(light);
        let grazing = 1.0 - in_unit(-dir.y);
        let g2 = grazing * grazing;
        let share = look.gloss * (0.04 + 0.96 * g2 * g2 * grazing) * open;
        if share > 0.006 {
            colour = colour.mix(self.mirrored(dir.mirror(n)), min(share, 1.0));
        }
        colour
    }

    fn shade_solid(&self, s: &StageSolid, depth: f32, ray: V, dir: V, x: f32, y: f32) -> V {
        let eye = &self.stage.camera;
        let w = &self.style.weather;
        let group = &self.stage.groups[s.group as usize];
        let unit = s.camera + (s.base + s.across * x + s.down * y) * depth;
        let n_local = s.form.normal(&self.stage.planes, unit).times(s.inv).unit();
        let point = SkinPoint {
            m: unit.times(s.half),
            n: n_local,
            half: s.half,
            foot: depth / eye.focal,
            lamps: w.lamps,
        };
        let face = s.axes.out(n_local);
        let slant = min(max(-face.dot(dir), 0.15), 1.0);
        let look = surface(
            &self.stage.skins[s.skin as usize],
            &SkinPoint {
                foot: point.foot / slant.sqrt(),
                ..point
            },
        );
        let n = s.axes.out(n_local + look.bump).unit();
        let above = eye.pos.y + ray.y * depth;
        // Near the ground less sky is seen.
        let open = 0.62 + 0.38 * ramp(0.0, 1.6, above);
        let facing = if look.wrap > 0.0 {
            ((n.dot(w.sun) + look.wrap) / (1.0 + look.wrap)).max(0.0)
        } else if face.dot(w.sun) > 0.0 {
            n.dot(w.sun).max(0.0)
        } else {
            0.0
        };
        let up = 0.5 + 0.5 * n.y;
        let light = w.sun_light * (facing * group.lit)
            + w.sky_light * (up * open)
            + w.bounce
                .times(w.sky_light + w.sun_light * (0.5 * group.lit))
                * (1.0 - up);
        let mut colour = look.colour.times(light);
        if look.gloss > 0.0 {
            let grazing = in_unit(1.0 + n.dot(dir));
            let g2 = grazing * grazing;
            let share = look.gloss + (1.0 - look.gloss) * 0.5 * g2 * g2 * grazing;
            let out = dir.mirror(n);
            let share = min(max(share, 0.0), 0.95);
            colour = colour.mix(self.mirrored(out), share);
            let spark = out.dot(w.sun).max(0.0).powi(60) * group.lit;
            colour += w.sun_light * (spark * 2.5 * look.gloss);
        }
        colour + look.glow
    }
}
