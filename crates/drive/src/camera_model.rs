//! Camera position and optics.

use unmask_frame::Size;

use super::space::{LocalAxes, V};

/// Nothing is drawn nearer than this, m.
pub(super) const NEAR_M: f32 = 0.35;

/// Camera position and optics, in the frame's own world: origin on the road centre below the
/// camera, `x` right, `y` up, `z` along the road.
#[derive(Clone, Copy, Debug)]
pub(super) struct CameraModel {
    pub pos: V,
    pub axes: LocalAxes,
    /// Focal length, px.
    pub focal: f32,
    pub size: Size,
}

/// A rectangle of pixels `[x0, x1) × [y0, y1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageRect {
    pub x0: i32,
    pub y0: i32,
    pub x1: i32,
    pub y1: i32,
}

impl ImageRect {
    pub const EMPTY: ImageRect = ImageRect {
        x0: 0,
        y0: 0,
        x1: 0,
        y1: 0,
    };

    pub fn is_empty(&self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }
}

impl CameraModel {
    fn centre(&self) -> (f32, f32) {
        (0.5 * self.size.w as f32, 0.5 * self.size.h as f32)
    }

    /// Direction through picture point `(x, y)`, px; its length is 1 along the optical axis.
    pub fn ray(&self, x: f32, y: f32) -> V {
        let (cx, cy) = self.centre();
        self.axes.z + self.axes.x * ((x - cx) / self.focal) - self.axes.y * ((y - cy) / self.focal)
    }

    /// Point in camera axes.
    pub fn camera_coordinates(&self, p: V) -> V {
        self.axes.inward(p - self.pos)
    }

    fn project(&self, c: V) -> (f32, f32) {
        let (cx, cy) = self.centre();
        let k = self.focal / c.z;
        (cx + c.x * k, cy - c.y * k)
    }

    /// Pixels that a convex solid with these camera-space corners may touch, by its edges.
    pub fn bounds(&self, corners: &[V], edges: &[(usize, usize)]) -> ImageRect {
        let mut lo = (f32::INFINITY, f32::INFINITY);
        let mut hi = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        let mut add = |p: V| {
            let (x, y) = self.project(p);
            lo = (lo.0.min(x), lo.1.min(y));
            hi = (hi.0.max(x), hi.1.max(y));
        };
        for c in corners {
            if c.z >= NEAR_M {
                add(*c);
            }
        }
        for &(a, b) in edges {
            let (a, b) = (corners[a], corners[b]);
            if (a.z < NEAR_M) != (b.z < NEAR_M) {
                let t = (NEAR_M - a.z) / (b.z - a.z);
                let mut p = a + (b - a) * t;
                p.z = NEAR_M;
                add(p);
            }
        }
        if lo.0 > hi.0 {
            return ImageRect::EMPTY;
        }
        // One pixel more on each side for the extra samples at edges.
        let (w, h) = (self.size.w as f32, self.size.h as f32);
        ImageRect {
            x0: (lo.0 - 1.0).clamp(0.0, w) as i32,
            y0: (lo.1 - 1.0).clamp(0.0, h) as i32,
            x1: (hi.0 + 2.0).clamp(0.0, w) as i32,
            y1: (hi.1 + 2.0).clamp(0.0, h) as i32,
        }
    }

    /// Pixels of a four-sided piece of ground.
    pub fn ground_bounds(&self, corners: [V; 4]) -> ImageRect {
        let corners = corners.map(|c| self.camera_coordinates(c));
        self.bounds(&corners, &[(0, 1), (1, 2), (2, 3), (3, 0)])
    }
}
