//! `exp` and `sigmoid` in plain loops that the compiler turns into SIMD code.
//!
//! Measured against `f64` over the range used (see the tests): relative error of `exp` below
//! 3e-7, absolute error of `sigmoid` below 2e-7. A tenth of what a score could show.

/// `x` is held in this range: beyond it `sigmoid` is 0 or 1 within f32 anyway, and 2^n stays a
/// normal number.
const LIMIT: f32 = 87.0;

/// `e^x`, `x` held to ±87.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to the nearest integer: no rounding instruction, which baseline
    // x86-64 lacks.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-LIMIT, LIMIT);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts keeps the remainder exact for |n| <= 126.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5.000_000_3e-1;
    let p = p * (r * r) + r + 1.0;
    // The low mantissa bits of `shifted` are n: moved into the exponent they are 2^n.
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    p * scale
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `out[i] = sigmoid(x[i])`.
pub(super) fn sigmoid_into(x: &[f32], out: &mut [f32]) {
    for (o, &v) in out.iter_mut().zip(x) {
        *o = sigmoid(v);
    }
}

/// Softmax of `logits` into `out`, in f64: class logits are few.
pub(super) fn softmax_into(logits: &[f32], out: &mut [f32]) {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&v| f64::from(v - top).exp()).sum();
    for (o, &v) in out.iter_mut().zip(logits) {
        *o = (f64::from(v - top).exp() / sum) as f32;
    }
}

/// Whether no value is NaN or infinite. Integer work, so that it vectorises.
pub(super) fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    values.chunks(4096).all(|chunk| {
        let bad = chunk.iter().fold(0u32, |bad, v| {
            bad | u32::from(v.to_bits() & EXPONENT == EXPONENT)
        });
        bad == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_f64() {
        let mut worst = 0.0f64;
        for i in -870_000..=870_000 {
            let x = i as f32 * 1e-4;
            let want = f64::from(x).exp();
            worst = worst.max(((f64::from(exp(x)) - want) / want).abs());
        }
        assert!(worst < 3e-7, "relative error {worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(1e9).is_finite() && exp(-1e9) > 0.0);
    }

    #[test]
    fn sigmoid_is_close_to_f64_and_ends_at_0_and_1() {
        let mut worst = 0.0f64;
        for i in -400_000..=400_000 {
            let x = i as f32 * 1e-4;
            let want = 1.0 / (1.0 + (-f64::from(x)).exp());
            worst = worst.max((f64::from(sigmoid(x)) - want).abs());
        }
        assert!(worst < 2e-7, "absolute error {worst:e}");
        assert_eq!(sigmoid(0.0), 0.5);
        assert_eq!(sigmoid(1e30), 1.0);
        assert!(sigmoid(-1e30) < 1e-37);
    }

    #[test]
    fn one_bad_value_is_seen_wherever_it_stands() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN] {
            for at in [0, 1, 4095, 4096, 9999] {
                let mut v = vec![1.0f32; 10_000];
                assert!(all_finite(&v));
                v[at] = bad;
                assert!(!all_finite(&v), "{bad} at {at}");
            }
        }
        assert!(all_finite(&[f32::MAX, f32::MIN, 0.0, -0.0, 1e-45]));
        assert!(all_finite(&[]));
    }

    #[test]
    fn softmax_does_not_overflow() {
        let mut out = [0.0; 3];
        softmax_into(&[1000.0, 1000.0, -1000.0], &mut out);
        assert_eq!(out, [0.5, 0.5, 0.0]);
    }
}
