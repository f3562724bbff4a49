//! Random draws of a training run, from a key.

use unmask_frame::random::{RandomBits, mix_bits};

/// A stream of random numbers, started from a key of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    bits: RandomBits,
}

/// Folds the words of `key` into one, order and length counting.
pub(super) fn fold(key: &[u64]) -> u64 {
    key.iter().fold(key.len() as u64, |acc, &word| {
        mix_bits(
            acc.wrapping_add(0x9e37_79b9_7f4a_7c15)
                ^ mix_bits(word.wrapping_add(0x632b_e59b_d9b4_e019)),
        )
    })
}

impl Rng {
    /// A stream for `key`, for example `[seed, step, slot]`. The same key gives the same stream.
    pub fn new(key: &[u64]) -> Self {
        Self {
            bits: RandomBits::new(fold(key)),
        }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.bits.next_u64()
    }

    /// A uniform number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform whole number in `0..n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The bias of the multiply-shift is under n / 2^64.
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// A uniform number between `low` and `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A number between `low` and `high` (both above 0) whose logarithm is uniform.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        (self.between(low.ln(), high.ln())).exp()
    }

    /// True with `probability`; 1 or more is always true, 0 or less and NaN never.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < f64::from(probability)
    }
}

/// Where position `i` of `0..n` lands in the permutation that `key` names. Keeps no table: a
/// Feistel network over the next power of four, walked until the value falls below `n`.
pub(super) fn permute(i: u64, n: u64, key: u64) -> u64 {
    if n <= 1 {
        return 0;
    }
    let half = (64 - (n - 1).leading_zeros()).div_ceil(2);
    let mask = (1u64 << half) - 1;
    let mut v = i % n;
    loop {
        let (mut left, mut right) = (v >> half, v & mask);
        for round in 0..6u64 {
            (left, right) = (right, left ^ (fold(&[key, round, right]) & mask));
        }
        v = (left << half) | right;
        if v < n {
            return v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_follow_their_key_alone() {
        let draw = |key: &[u64]| {
            let mut rng = Rng::new(key);
            (rng.next_u64(), rng.next_u64())
        };
        assert_eq!(draw(&[1, 2, 3]), draw(&[1, 2, 3]));
        assert_ne!(draw(&[1, 2, 3]), draw(&[1, 3, 2]));
        assert_ne!(draw(&[1, 2]), draw(&[1, 2, 0]));
        assert_ne!(draw(&[0]), draw(&[0, 0]));
    }

    #[test]
    fn numbers_stay_in_their_ranges() {
        let mut rng = Rng::new(&[9]);
        let mut seen = [0u32; 5];
        let mut sum = 0.0;
        for _ in 0..5000 {
            seen[rng.below(5)] += 1;
            sum += rng.unit();
            let v = rng.log_between(0.05, 0.45);
            assert!((0.05..=0.45).contains(&v));
        }
        assert!(seen.iter().all(|&n| (850..1150).contains(&n)), "{seen:?}");
        assert!((sum / 5000.0 - 0.5).abs() < 0.02);
        assert_eq!(rng.below(0), 0);
        assert!(rng.chance(1.0));
        assert!(!rng.chance(0.0));
        assert!(!rng.chance(f32::NAN));
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        for n in [1u64, 2, 3, 4, 5, 16, 17, 100, 367, 1025] {
            let mut out: Vec<u64> = (0..n).map(|i| permute(i, n, 77)).collect();
            let other: Vec<u64> = (0..n).map(|i| permute(i, n, 78)).collect();
            if n > 16 {
                assert_ne!(out, other);
                assert!(out.windows(2).any(|w| w[0] > w[1]));
            }
            out.sort_unstable();
            assert_eq!(out, (0..n).collect::<Vec<_>>());
        }
        assert!(permute(u64::MAX, u64::MAX - 5, 1) < u64::MAX - 5);
    }
}
