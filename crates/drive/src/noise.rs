//! Seeded numbers and baked noise textures.

use std::sync::OnceLock;

use super::space::{V, floor_i, max};
use unmask_frame::random::{RandomBits, hash_bits};

/// One seed from several numbers.
pub(super) fn seed_of(parts: &[u64]) -> u64 {
    parts
        .iter()
        .fold(0x5151_7a3d, |acc, p| hash_bits(acc ^ p.rotate_left(17)))
}

/// A hash of a lattice point, in `[0, 1)`.
pub(super) fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    (lattice_bits(x, y, seed) >> 8) as f32 / 16_777_216.0
}

/// A hash of a lattice point. Fast enough for one call a pixel.
pub(super) fn lattice_bits(x: i32, y: i32, seed: u32) -> u32 {
    let mut h = (x as u32)
        .wrapping_mul(0x85eb_ca6b)
        .wrapping_add((y as u32).wrapping_mul(0xc2b2_ae35))
        .wrapping_add(seed.wrapping_mul(0x27d4_eb2f));
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    h ^ (h >> 15)
}

/// A small seeded generator.
#[derive(Clone, Debug)]
pub(super) struct SeededRng(RandomBits);

impl SeededRng {
    pub fn new(parts: &[u64]) -> Self {
        // Scenes have always been drawn from the second number on.
        Self(RandomBits::after_first(seed_of(parts)))
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// In `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 16_777_216.0
    }

    pub fn range(&mut self, a: f32, b: f32) -> f32 {
        a + (b - a) * self.unit()
    }

    /// In `0..n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A whole turn or less, radians.
    pub fn turn(&mut self) -> f32 {
        self.range(0.0, std::f32::consts::TAU)
    }

    /// +1 or -1.
    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// `colour` with every channel and the brightness changed by up to `amount`, relative.
    pub fn tint(&mut self, colour: V, amount: f32) -> V {
        let all = 1.0 + self.range(-amount, amount);
        let mut one = |c: f32| (c * all * (1.0 + self.range(-amount, amount) * 0.35)).max(0.0);
        super::space::v(one(colour.x), one(colour.y), one(colour.z))
    }

    /// Index drawn with the given weights.
    pub fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut at = self.unit() * weights.iter().sum::<f32>();
        for (i, w) in weights.iter().enumerate() {
            at -= w;
            if at < 0.0 {
                return i;
            }
        }
        weights.len() - 1
    }
}

/// Side of the finest level, texels.
const SIDE: usize = 256;

/// `x` as an integer, of which the low bits hold, and the rest: one addition, no conversion. At whole
/// numbers it may give the one below and a rest of 1, which interpolates to the same value. For `x`
/// within ±4 million.
fn split(x: f32) -> (usize, f32) {
    // Adding 1.5 · 2²³ rounds to whole numbers and leaves them in the low bits.
    const SHIFT: f32 = 12_582_912.0;
    let moved = x - 0.5 + SHIFT;
    (moved.to_bits() as usize, x - (moved - SHIFT))
}

/// A square noise texture that repeats, with its averaged levels, values in `[0, 1]`, mean near 0.5.
pub(super) struct NoiseTexture {
    /// All levels, finest first. An entry packs the four texels between which values are
    /// interpolated, a byte each (right, below and right below in the higher bytes): one load a look.
    data: Box<[u32; ENTRIES]>,
    /// Where each level begins.
    starts: [usize; 16],
}

/// Levels from [`SIDE`] down to one texel.
const LEVELS: usize = SIDE.ilog2() as usize + 1;
/// Room for all levels, a power of two so that a mask keeps indices inside.
const ENTRIES: usize = 2 * SIDE * SIDE;

impl NoiseTexture {
    fn bake(fine: Vec<f32>) -> Self {
        let mut data = Box::new([0; ENTRIES]);
        let mut starts = [0; 16];
        let (mut side, mut last, mut next) = (SIDE, fine, 0);
        for start in &mut starts[..LEVELS] {
            *start = next;
            let at = |x: usize, y: usize| last[(y % side) * side + x % side];
            let byte = |x: usize, y: usize| (at(x, y) * 255.0 + 0.5) as u32;
            for i in 0..side * side {
                let (x, y) = (i % side, i / side);
                data[next + i] = byte(x, y)
                    | byte(x + 1, y) << 8
                    | byte(x, y + 1) << 16
                    | byte(x + 1, y + 1) << 24;
            }
            next += side * side;
            let half = (side / 2).max(1);
            last = (0..half * half)
                .map(|i| {
                    let (x, y) = (i % half * 2, i / half * 2);
                    0.25 * (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1))
                })
                .collect();
            side = half;
        }
        Self { data, starts }
    }

    /// The value at `(u, v)` in tiles, averaged over a footprint of `foot` tiles.
    pub fn at(&self, u: f32, v: f32, foot: f32) -> f32 {
        // Coarser than the texture: all that is left is its mean.
        if foot > 0.25 {
            return 0.5;
        }
        // Exponent bits of the footprint in texels give the level: a logarithm without a call.
        let texels = max(foot * SIDE as f32, 1.0);
        let level = (texels.to_bits() >> 23).wrapping_sub(127) as usize & 15;
        let side = SIDE >> level;
        let mask = side - 1;
        let ((xi, fx), (yi, fy)) = (split(u * side as f32), split(v * side as f32));
        let quad = self.data[(self.starts[level] + (yi & mask) * side + (xi & mask)) % ENTRIES];
        let byte = |shift: u32| (quad >> shift & 255) as i32 as f32;
        let top = byte(0) + (byte(8) - byte(0)) * fx;
        let low = byte(16) + (byte(24) - byte(16)) * fx;
        (top + (low - top) * fy) * (1.0 / 255.0)
    }
}

/// The baked textures.
pub(super) struct TextureSet {
    /// Soft clouds of many sizes (fractal value noise).
    pub cloud: NoiseTexture,
    /// Fine grain.
    pub grain: NoiseTexture,
    /// Thin dark lines on white (borders of cells): cracks, veins.
    pub crack: NoiseTexture,
}

/// Value noise on a lattice of `cells` that repeats.
fn value_noise(x: f32, y: f32, cells: i32, seed: u32) -> f32 {
    let (x, y) = (x * cells as f32, y * cells as f32);
    let (xi, yi) = (floor_i(x), floor_i(y));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (ease(x - xi as f32), ease(y - yi as f32));
    let at = |dx: i32, dy: i32| {
        lattice(
            (xi + dx).rem_euclid(cells),
            (yi + dy).rem_euclid(cells),
            seed,
        )
    };
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * fx;
    let low = at(0, 1) + (at(1, 1) - at(0, 1)) * fx;
    top + (low - top) * fy
}

fn bake_cloud(x: f32, y: f32) -> f32 {
    let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..6 {
        sum += weight * value_noise(x, y, 4 << octave, 11 + octave);
        total += weight;
        weight *= 0.55;
    }
    // Sums of octaves crowd at the middle: spread them to the full range.
    ((sum / total - 0.5) * 1.9 + 0.5).clamp(0.0, 1.0)
}

fn bake_grain(x: f32, y: f32) -> f32 {
    let fine = lattice((x * SIDE as f32) as i32, (y * SIDE as f32) as i32, 71);
    let soft = value_noise(x, y, 128, 72);
    let mid = value_noise(x, y, 48, 73);
    (0.45 * fine + 0.35 * soft + 0.2 * mid).clamp(0.0, 1.0)
}

fn bake_crack(x: f32, y: f32) -> f32 {
    const CELLS: i32 = 9;
    let (x, y) = (x * CELLS as f32, y * CELLS as f32);
    let (xi, yi) = (floor_i(x), floor_i(y));
    let (mut first, mut second) = (9.0f32, 9.0f32);
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (cx, cy) = (xi + dx, yi + dy);
            let (wx, wy) = (cx.rem_euclid(CELLS), cy.rem_euclid(CELLS));
            let px = cx as f32 + lattice(wx, wy, 5) - x;
            let py = cy as f32 + lattice(wx, wy, 6) - y;
            let far = (px * px + py * py).sqrt();
            if far < first {
                (first, second) = (far, first);
            } else {
                second = second.min(far);
            }
        }
    }
    ((second - first) * 7.0).min(1.0)
}

/// The textures, baked on first use; the same for every seed (seeds shift and scale them).
pub(super) fn textures() -> &'static TextureSet {
    static BAKED: OnceLock<TextureSet> = OnceLock::new();
    BAKED.get_or_init(|| {
        let bake = |f: fn(f32, f32) -> f32| {
            NoiseTexture::bake(
                (0..SIDE * SIDE)
                    .map(|i| {
                        f(
                            (i % SIDE) as f32 / SIDE as f32,
                            (i / SIDE) as f32 / SIDE as f32,
                        )
                    })
                    .collect(),
            )
        };
        TextureSet {
            cloud: bake(bake_cloud),
            grain: bake(bake_grain),
            crack: bake(bake_crack),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_follow_the_seed() {
        let mut a = SeededRng::new(&[1, 2]);
        let mut b = SeededRng::new(&[1, 2]);
        let mut c = SeededRng::new(&[2, 1]);
        let (mut sum, mut differ) = (0.0, false);
        for _ in 0..2000 {
            let x = a.range(-2.0, 6.0);
            assert!((-2.0..6.0).contains(&x));
            assert_eq!(x, b.range(-2.0, 6.0));
            differ |= x != c.range(-2.0, 6.0);
            sum += x;
        }
        assert!(differ);
        assert!((sum / 2000.0 - 2.0).abs() < 0.2);
        assert_eq!(a.below(0), 0);
        assert!((0..200).all(|_| a.below(7) < 7));
        assert!((0..50).all(|_| a.weighted(&[0.0, 1.0, 0.0]) == 1));
    }

    #[test]
    fn textures_repeat_and_fade_to_their_mean() {
        for t in [&textures().cloud, &textures().grain, &textures().crack] {
            for (u, v) in [(0.3, 0.7), (0.013, 0.99), (-3.2, 5.4)] {
                let near = t.at(u, v, 0.0);
                assert!((0.0..=1.0).contains(&near));
                assert!((near - t.at(u + 2.0, v - 1.0, 0.0)).abs() < 0.02);
                assert_eq!(t.at(u, v, 9.0), 0.5);
            }
        }
        let at = |i: i32| {
            textures()
                .grain
                .at(i as f32 * 0.037, i as f32 * 0.0113, 0.0)
        };
        let mean = (0..4000).map(at).sum::<f32>() / 4000.0;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
    }

    #[test]
    fn splitting_gives_whole_and_rest() {
        for x in [0.2f32, 0.9, -0.2, -7.6, 513.25, -300_000.5] {
            let (whole, rest) = split(x);
            assert!((rest - (x - x.floor())).abs() < 0.04, "{x}: {rest}");
            assert_eq!(whole & 255, (x.floor() as i64 & 255) as usize, "{x}");
        }
    }
}
