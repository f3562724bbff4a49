//! Shadow casters on the ground.

use super::camera_model::ImageRect;
use super::shape::{MISS, RayHit};
use super::space::{V, v};
use super::stage::SceneStage;

/// Shade of objects further off than this is not drawn, m.
const SHADE_M: f32 = 160.0;

/// Ground axes along the sun's light and across it: shade is long along the light only, so that
/// rectangles in these axes hold little else.
#[derive(Clone, Copy)]
pub(super) struct SunAxes {
    along: (f32, f32),
}

impl SunAxes {
    pub fn new(sun: V) -> Self {
        let flat = (sun.x * sun.x + sun.z * sun.z).sqrt().max(1e-6);
        Self {
            along: (-sun.x / flat, -sun.z / flat),
        }
    }

    /// A ground point along and across the light, m.
    pub fn turn(self, p: V) -> (f32, f32) {
        let (a, b) = self.along;
        (p.x * a + p.z * b, p.z * a - p.x * b)
    }

    /// The ground point at `(along, across)`.
    fn back(self, q: (f32, f32)) -> V {
        let (a, b) = self.along;
        v(q.0 * a - q.1 * b, 0.0, q.0 * b + q.1 * a)
    }
}

/// A solid that throws shade on the ground.
pub(super) struct RayCaster {
    pub solid: u32,
    /// Ground it may shade: from and to along and across the light, m.
    pub lo: (f32, f32),
    pub hi: (f32, f32),
    /// Pixels of that ground.
    pub rect: ImageRect,
    /// Towards the sun, in the solid's unit space.
    pub sun: V,
}

/// Solids that throw shade on the ground, and where it may fall.
pub(super) fn casters(stage: &SceneStage, sun: V) -> Vec<RayCaster> {
    let eye = &stage.camera;
    let axes = SunAxes::new(sun);
    let mut out: Vec<RayCaster> = Vec::new();
    for (i, s) in stage.solids.iter().enumerate() {
        let depth = eye.camera_coordinates(s.pos).z.max(1.0);
        // Too small or too far for its shade to be seen.
        let px = eye.focal / depth;
        let thin = s.half.x.min(s.half.y).min(s.half.z);
        if !stage.groups[s.group as usize].casts
            || s.half.length() * px < 4.0
            || thin * px < 0.5
            || depth > SHADE_M
        {
            continue;
        }
        // Half of a crown's clumps throw enough shade.
        if i & 1 == 1 && matches!(s.cut, RayHit::Leaves { .. }) {
            continue;
        }
        let (mut lo, mut hi) = ((MISS, MISS), (-MISS, -MISS));
        for c in s.corners() {
            let c = v(c.x, c.y.max(0.0), c.z);
            for p in [c, c - sun * (c.y / sun.y)] {
                let q = axes.turn(p);
                lo = (lo.0.min(q.0), lo.1.min(q.1));
                hi = (hi.0.max(q.0), hi.1.max(q.1));
            }
        }
        let rect = eye.ground_bounds([
            axes.back(lo),
            axes.back((hi.0, lo.1)),
            axes.back(hi),
            axes.back((lo.0, hi.1)),
        ]);
        if !rect.is_empty() {
            out.push(RayCaster {
                solid: i as u32,
                lo,
                hi,
                rect,
                sun: s.dir_in(sun),
            });
        }
    }
    // The large ones first: in full shade nothing further is asked.
    let area = |c: &RayCaster| (c.hi.0 - c.lo.0) * (c.hi.1 - c.lo.1);
    out.sort_by(|a, b| area(b).total_cmp(&area(a)).then(a.solid.cmp(&b.solid)));
    out
}
