//! Solid shapes and their intersection with rays.
//!
//! Every shape lives in its own unit space, `[-1, 1]³`: a ray is carried there by one affine map, so
//! a picture's rays, which share their origin, cost three multiply-adds a pixel to carry over.

use super::noise::textures;
use super::space::{V, fract, max, min, v};

/// A shape in its unit space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SolidForm {
    /// The whole cube.
    Box,
    /// The unit ball.
    Ball,
    /// Round about `y`, radius 1 at the bottom and `taper` at the top, closed at both ends; where
    /// `hole` > 0, the ends are open within that share of the radius.
    Tube { taper: f32, hole: f32 },
    /// What lies behind all of `len` planes of the stage, from `start`.
    Hull { start: u32, len: u32 },
}

/// Where a surface lets rays through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RayHit {
    /// Nowhere.
    Solid,
    /// Ragged rim and gaps, as foliage: `gaps` of 0 is none, 1 is most of it.
    Leaves { gaps: f32, shift: f32 },
    /// Upright bars of a thin box, `bars` of them over its width, `share` of the width solid.
    Bars { bars: f32, share: f32 },
    /// Diagonal wire mesh over a thin box, `cells` over its width.
    Mesh { cells: f32, ratio: f32 },
}

/// A plane `n · p <= w`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CutPlane {
    pub n: V,
    pub w: f32,
}

/// No hit.
pub(super) const MISS: f32 = f32::INFINITY;

impl SolidForm {
    /// Smallest `t > 0` where `o + t d` enters the shape; [`MISS`] where it does not or starts
    /// inside.
    pub fn enter(&self, planes: &[CutPlane], o: V, d: V) -> f32 {
        match *self {
            SolidForm::Box => {
                let (a, b) = slabs(o, d);
                if a <= b && a > 0.0 { a } else { MISS }
            }
            SolidForm::Ball => {
                let a = d.dot(d);
                let b = o.dot(d);
                let c = o.dot(o) - 1.0;
                let disc = b * b - a * c;
                if disc < 0.0 {
                    return MISS;
                }
                let t = (-b - disc.sqrt()) / a;
                if t > 0.0 { t } else { MISS }
            }
            SolidForm::Tube { taper, hole } => enter_tube(taper, hole, o, d),
            SolidForm::Hull { start, len } => {
                let (mut near, mut far) = (f32::NEG_INFINITY, MISS);
                for p in &planes[start as usize..(start + len) as usize] {
                    let speed = p.n.dot(d);
                    let gap = p.w - p.n.dot(o);
                    if speed < -1e-9 {
                        near = max(gap / speed, near);
                    } else if speed > 1e-9 {
                        far = min(gap / speed, far);
                    } else if gap < 0.0 {
                        return MISS;
                    }
                    if near > far {
                        return MISS;
                    }
                }
                if near > 0.0 { near } else { MISS }
            }
        }
    }

    /// Outward normal in unit space at `p`, a point on the surface.
    pub fn normal(&self, planes: &[CutPlane], p: V) -> V {
        match *self {
            SolidForm::Box => {
                let (x, y, z) = (p.x.abs(), p.y.abs(), p.z.abs());
                if x >= y && x >= z {
                    v(p.x.signum(), 0.0, 0.0)
                } else if y >= z {
                    v(0.0, p.y.signum(), 0.0)
                } else {
                    v(0.0, 0.0, p.z.signum())
                }
            }
            SolidForm::Ball => p,
            SolidForm::Tube { taper, .. } => {
                if p.y.abs() > 0.999 {
                    v(0.0, p.y.signum(), 0.0)
                } else {
                    let r = (p.x * p.x + p.z * p.z).sqrt();
                    v(p.x, -0.5 * (taper - 1.0) * r, p.z)
                }
            }
            SolidForm::Hull { start, len } => {
                let mut best = (f32::NEG_INFINITY, V::ZERO);
                for plane in &planes[start as usize..(start + len) as usize] {
                    let over = plane.n.dot(p) - plane.w;
                    if over > best.0 {
                        best = (over, plane.n);
                    }
                }
                best.1
            }
        }
    }
}

fn slabs(o: V, d: V) -> (f32, f32) {
    let one = |o: f32, d: f32| {
        let k = 1.0 / d;
        let (a, b) = ((-1.0 - o) * k, (1.0 - o) * k);
        (min(a, b), max(a, b))
    };
    let (x, y, z) = (one(o.x, d.x), one(o.y, d.y), one(o.z, d.z));
    (max(max(x.0, y.0), z.0), min(min(x.1, y.1), z.1))
}

fn enter_tube(taper: f32, hole: f32, o: V, d: V) -> f32 {
    // Radius at height y: m + k y.
    let (m, k) = (0.5 * (1.0 + taper), 0.5 * (taper - 1.0));
    let mut best = MISS;
    let r0 = m + k * o.y;
    let a = d.x * d.x + d.z * d.z - k * k * d.y * d.y;
    let b = o.x * d.x + o.z * d.z - r0 * k * d.y;
    let c = o.x * o.x + o.z * o.z - r0 * r0;
    let disc = b * b - a * c;
    if disc >= 0.0 && a.abs() > 1e-12 {
        let t = (-b - disc.sqrt()) / a;
        let y = o.y + t * d.y;
        if t > 0.0 && y.abs() <= 1.0 {
            best = t;
        }
    }
    if d.y != 0.0 {
        // The end that faces the ray: the top where the ray comes from above.
        let end = if d.y < 0.0 { 1.0 } else { -1.0 };
        let t = (end - o.y) / d.y;
        if t > 0.0 && t < best {
            let r = m + k * end;
            let (x, z) = (o.x + t * d.x, o.z + t * d.z);
            let rr = x * x + z * z;
            if rr <= r * r && rr >= r * r * hole * hole {
                best = t;
            }
        }
    }
    best
}

impl RayHit {
    /// Whether a hit at `p` (unit space) along `d` stands. `foot` is the pixel's width relative to
    /// the shape's half width; `dice` in `[0, 1)` decides where the pattern is finer than a pixel.
    pub fn stands(&self, p: V, d: V, foot: f32, dice: f32) -> bool {
        match *self {
            RayHit::Solid => true,
            RayHit::Leaves { gaps, shift } => {
                // Facing share: 0 at the rim, 1 where the ray meets the ball head on.
                let facing = -p.dot(d) / d.length();
                let (x, y, z) = (p.x.abs(), p.y.abs(), p.z.abs());
                let (a, b) = if y > x && y > z {
                    (p.x, p.z)
                } else if x > z {
                    (p.z, p.y)
                } else {
                    (p.x, p.y)
                };
                let t = textures();
                let (u, w) = (a + shift, b + shift * 0.7);
                let twigs = t.grain.at(u * 0.13, w * 0.13, foot * 0.13);
                let boughs = t.cloud.at(u * 0.4, w * 0.4, foot * 0.4);
                0.75 * twigs + 0.6 * boughs + 1.1 * facing > gaps + 0.8
            }
            RayHit::Bars { bars, share } => {
                if foot * bars > 1.2 {
                    return dice < share.max(0.25);
                }
                let across = if d.x.abs() > d.z.abs() { p.z } else { p.x };
                let x = fract((across * 0.5 + 0.5) * bars);
                x < share || p.y.abs() > 0.93
            }
            RayHit::Mesh { cells, ratio } => {
                if foot * cells > 1.0 {
                    return dice < 0.3;
                }
                let (x, y) = (p.x * 0.5 * cells, p.y * 0.5 * cells * ratio);
                fract(x + y) < 0.14 || fract(x - y) < 0.14
            }
        }
    }
}

/// The planes of a convex solid around the points of the unit ball in directions `dirs`.
pub(super) fn cut_ball(dirs: &[V], depth: impl Fn(usize) -> f32) -> Vec<CutPlane> {
    dirs.iter()
        .enumerate()
        .map(|(i, d)| CutPlane {
            n: d.unit(),
            w: depth(i),
        })
        .collect()
}

/// The planes of a solid swept along `x` in `[-1, 1]`, whose side view is the convex polygon
/// `outline` of `(z, y)` points, clockwise as seen from `+x` with `z` to the right; `lean` narrows
/// the top: at `y = 1` the half width is `1 - lean`.
pub(super) fn sweep(outline: &[(f32, f32)], lean: f32) -> Vec<CutPlane> {
    let mut planes: Vec<CutPlane> = (0..outline.len())
        .map(|i| {
            let (a, b) = (outline[i], outline[(i + 1) % outline.len()]);
            let (dz, dy) = (b.0 - a.0, b.1 - a.1);
            let n = v(0.0, dz, -dy).unit();
            CutPlane {
                n,
                w: n.y * a.1 + n.z * a.0,
            }
        })
        .collect();
    for side in [-1.0, 1.0] {
        let n = v(side, 0.5 * lean, 0.0).unit();
        planes.push(CutPlane {
            n,
            w: n.x * side - n.y,
        });
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: V = v(0.0, -1.0, 0.0);

    fn hull() -> Vec<CutPlane> {
        sweep(&[(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)], 0.5)
    }

    #[test]
    fn rays_enter_every_form_where_they_should() {
        let planes = hull();
        let whole = SolidForm::Hull {
            start: 0,
            len: planes.len() as u32,
        };
        let cone = SolidForm::Tube {
            taper: 0.5,
            hole: 0.0,
        };
        for form in [SolidForm::Box, SolidForm::Ball, cone, whole] {
            let t = form.enter(&planes, v(0.0, 3.0, 0.0), DOWN);
            assert!((t - 2.0).abs() < 1e-5, "{form:?} {t}");
            let n = form.normal(&planes, v(0.0, 1.0, 0.0));
            assert!(n.unit().y > 0.999, "{form:?} {n:?}");
            // Past it, away from it, from inside.
            assert_eq!(form.enter(&planes, v(2.0, 3.0, 0.0), DOWN), MISS);
            assert_eq!(form.enter(&planes, v(0.0, 3.0, 0.0), -DOWN), MISS);
            assert_eq!(form.enter(&planes, v(0.0, 0.2, 0.0), DOWN), MISS);
        }
    }

    #[test]
    fn what_narrows_is_narrower_at_the_top() {
        let planes = hull();
        let whole = SolidForm::Hull {
            start: 0,
            len: planes.len() as u32,
        };
        let cone = SolidForm::Tube {
            taper: 0.5,
            hole: 0.0,
        };
        for form in [cone, whole] {
            let from = |y: f32| form.enter(&planes, v(-3.0, y, 0.0), v(1.0, 0.0, 0.0));
            assert!((from(0.98) - 2.495).abs() < 0.01, "{form:?}");
            assert!((from(-0.98) - 2.005).abs() < 0.01, "{form:?}");
        }
    }

    #[test]
    fn rings_are_open() {
        let ring = SolidForm::Tube {
            taper: 1.0,
            hole: 0.8,
        };
        assert_eq!(ring.enter(&[], v(0.0, 3.0, 0.0), DOWN), MISS);
        assert_eq!(ring.enter(&[], v(0.9, 3.0, 0.0), DOWN), 2.0);
    }

    #[test]
    fn a_cut_keeps_its_share() {
        let bars = RayHit::Bars {
            bars: 20.0,
            share: 0.25,
        };
        let along = v(1.0, 0.0, 0.0);
        let count = |cut: &RayHit, foot: f32| {
            (0..4000)
                .filter(|i| {
                    let z = *i as f32 / 2000.0 - 1.0;
                    cut.stands(v(-1.0, 0.1, z), along, foot, (*i % 97) as f32 / 97.0)
                })
                .count()
        };
        assert!((900..1100).contains(&count(&bars, 0.0)));
        // Finer than a pixel: the dice keep the share.
        assert!((900..1100).contains(&count(&bars, 1.0)));
        assert_eq!(count(&RayHit::Solid, 0.0), 4000);
    }
}
