//! Small linear algebra: vectors, axes, colours.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// A point, direction or linear colour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct V {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

/// A vector of three numbers.
pub(super) const fn v(x: f32, y: f32, z: f32) -> V {
    V { x, y, z }
}

impl V {
    pub const ZERO: V = v(0.0, 0.0, 0.0);
    pub const ONE: V = v(1.0, 1.0, 1.0);

    pub fn dot(self, o: V) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub fn times(self, o: V) -> V {
        v(self.x * o.x, self.y * o.y, self.z * o.z)
    }

    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub fn unit(self) -> V {
        self * (1.0 / self.length().max(1e-12))
    }

    pub fn mix(self, o: V, share: f32) -> V {
        self + (o - self) * share
    }

    pub fn brightness(self) -> f32 {
        0.2126 * self.x + 0.7152 * self.y + 0.0722 * self.z
    }

    /// Moves the colour towards (`< 1`) or away from (`> 1`) grey.
    pub fn saturate(self, amount: f32) -> V {
        let grey = self.brightness();
        v(grey, grey, grey).mix(self, amount)
    }

    /// Mirror of direction `self` at a surface with normal `n`.
    pub fn mirror(self, n: V) -> V {
        self - n * (2.0 * self.dot(n))
    }
}

impl Add for V {
    type Output = V;
    fn add(self, o: V) -> V {
        v(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl AddAssign for V {
    fn add_assign(&mut self, o: V) {
        *self = *self + o;
    }
}

impl Sub for V {
    type Output = V;
    fn sub(self, o: V) -> V {
        v(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for V {
    type Output = V;
    fn mul(self, k: f32) -> V {
        v(self.x * k, self.y * k, self.z * k)
    }
}

impl Neg for V {
    type Output = V;
    fn neg(self) -> V {
        self * -1.0
    }
}

/// A linear colour from 8-bit sRGB.
pub(super) fn srgb(r: u8, g: u8, b: u8) -> V {
    let linear = |c: u8| {
        let c = f32::from(c) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    v(linear(r), linear(g), linear(b))
}

/// Three orthonormal axes of a placed object: right, up, forward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LocalAxes {
    pub x: V,
    pub y: V,
    pub z: V,
}

impl LocalAxes {
    pub const WORLD: LocalAxes = LocalAxes {
        x: v(1.0, 0.0, 0.0),
        y: v(0.0, 1.0, 0.0),
        z: v(0.0, 0.0, 1.0),
    };

    /// Turned about the vertical: `angle` > 0 looks to the right.
    pub fn yaw(angle: f32) -> LocalAxes {
        let (s, c) = angle.sin_cos();
        LocalAxes {
            x: v(c, 0.0, -s),
            y: v(0.0, 1.0, 0.0),
            z: v(s, 0.0, c),
        }
    }

    /// Turned about the right-hand axis: `angle` > 0 looks up.
    pub fn pitch(angle: f32) -> LocalAxes {
        let (s, c) = angle.sin_cos();
        LocalAxes {
            x: v(1.0, 0.0, 0.0),
            y: v(0.0, c, -s),
            z: v(0.0, s, c),
        }
    }

    /// Turned about the forward axis: `angle` > 0 leans to the right.
    pub fn roll(angle: f32) -> LocalAxes {
        let (s, c) = angle.sin_cos();
        LocalAxes {
            x: v(c, -s, 0.0),
            y: v(s, c, 0.0),
            z: v(0.0, 0.0, 1.0),
        }
    }

    /// A vector in these axes, in the outer ones.
    pub fn out(&self, p: V) -> V {
        self.x * p.x + self.y * p.y + self.z * p.z
    }

    /// An outer vector, in these axes.
    pub fn inward(&self, p: V) -> V {
        v(self.x.dot(p), self.y.dot(p), self.z.dot(p))
    }

    /// `inner`, given in these axes, in the outer ones.
    pub fn then(&self, inner: &LocalAxes) -> LocalAxes {
        LocalAxes {
            x: self.out(inner.x),
            y: self.out(inner.y),
            z: self.out(inner.z),
        }
    }

    /// Axes whose `y` points along `dir`.
    pub fn along(dir: V) -> LocalAxes {
        let y = dir.unit();
        let side = if y.y.abs() > 0.95 {
            v(1.0, 0.0, 0.0)
        } else {
            v(0.0, 1.0, 0.0)
        };
        let x = v(
            side.y * y.z - side.z * y.y,
            side.z * y.x - side.x * y.z,
            side.x * y.y - side.y * y.x,
        )
        .unit();
        let z = v(
            x.y * y.z - x.z * y.y,
            x.z * y.x - x.x * y.z,
            x.x * y.y - x.y * y.x,
        );
        LocalAxes { x, y, z }
    }
}

/// The lesser of two numbers, in one instruction: `f32::min` takes several to look for NaN.
pub(super) fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The greater of two numbers, in one instruction.
pub(super) fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// `x` within `[0, 1]`.
pub(super) fn in_unit(x: f32) -> f32 {
    min(max(x, 0.0), 1.0)
}

/// `0` at `a` and before, `1` at `b` and after, smooth between.
pub(super) fn ramp(a: f32, b: f32, x: f32) -> f32 {
    let t = in_unit((x - a) * (1.0 / (b - a)));
    t * t * (3.0 - 2.0 * t)
}

/// Rounds down without the call that `f32::floor` costs on a plain x86-64 target.
pub(super) fn floor_i(x: f32) -> i32 {
    let i = x as i32;
    i - i32::from(x < i as f32)
}

/// Fractional part, in `[0, 1)`.
pub(super) fn fract(x: f32) -> f32 {
    x - floor_i(x) as f32
}

/// Share of a pixel of width `foot` centred at `x` that lies in `[a, b]`.
pub(super) fn cover(x: f32, a: f32, b: f32, foot: f32) -> f32 {
    let (lo, hi) = (x - 0.5 * foot, x + 0.5 * foot);
    // Most pixels lie within or without: a division saved.
    if hi <= a || lo >= b {
        return 0.0;
    }
    if lo >= a && hi <= b {
        return 1.0;
    }
    in_unit((min(hi, b) - max(lo, a)) / foot)
}

/// Share of a pixel of width `foot` at `x` covered by a band `[a, b]` repeated every `period`.
pub(super) fn stripes(x: f32, a: f32, b: f32, period: f32, foot: f32) -> f32 {
    if foot > period {
        return (b - a) / period;
    }
    let x = fract(x * (1.0 / period)) * period;
    let mut c = cover(x, a, b, foot);
    if a < 0.5 * foot {
        c += cover(x - period, a, b, foot);
    }
    if b > period - 0.5 * foot {
        c += cover(x + period, a, b, foot);
    }
    min(c, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_turn_there_and_back() {
        let axes = LocalAxes::yaw(0.7)
            .then(&LocalAxes::pitch(-0.4))
            .then(&LocalAxes::roll(1.9));
        let p = v(0.3, -2.0, 5.0);
        assert!((axes.inward(axes.out(p)) - p).length() < 1e-5);
        for dir in [v(0.0, 2.0, 0.0), v(1.0, 0.1, -3.0), v(0.0, -1.0, 0.01)] {
            let a = LocalAxes::along(dir);
            assert!((a.y - dir.unit()).length() < 1e-5);
            assert!(a.x.dot(a.y).abs() < 1e-5 && a.x.dot(a.z).abs() < 1e-5);
        }
        assert!(LocalAxes::yaw(0.1).z.x > 0.0, "right is positive");
        assert!(LocalAxes::pitch(0.1).z.y > 0.0, "up is positive");
    }

    #[test]
    fn a_stripe_covers_its_share() {
        for foot in [0.01, 0.1, 0.35, 0.9, 2.0] {
            let n = 3000;
            let sum: f32 = (0..n)
                .map(|i| stripes(i as f32 * 3.0 / n as f32, 0.0, 0.25, 1.0, foot))
                .sum();
            assert!((sum / n as f32 - 0.25).abs() < 0.01, "{foot}: {sum}");
        }
        assert_eq!(cover(5.0, 4.0, 6.0, 0.5), 1.0);
        assert_eq!(cover(4.0, 4.0, 6.0, 0.5), 0.5);
        assert_eq!(cover(3.0, 4.0, 6.0, 0.5), 0.0);
    }

    #[test]
    fn rounding_down_matches_the_standard_library() {
        for x in [-2.5f32, -2.0, -0.1, 0.0, 0.9, 7.0, 1234.5] {
            assert_eq!(floor_i(x), x.floor() as i32);
            assert!((fract(x) - (x - x.floor())).abs() < 1e-6);
        }
    }
}
