//! IEEE 754 half precision.

/// The largest finite number of half precision.
pub const LARGEST: f32 = 65504.0;

/// The bits of `value` in half precision, rounded to the nearest, ties to even. What lies beyond
/// [`LARGEST`] becomes infinite.
pub fn bits(value: f32) -> u16 {
    let from = value.to_bits();
    let sign = (from >> 16) as u16 & 0x8000;
    let size = from & 0x7fff_ffff;
    if size > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65520 and more round to infinity.
    if size >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    if size >= 0x3880_0000 {
        // Normal: the exponent moves from bias 127 to 15, and the mantissa loses 13 bits.
        let moved = size - ((127 - 15) << 23);
        return sign | round(moved, 13);
    }
    // Subnormal: whole steps of 2^-24. Below a quarter of one nothing can be left.
    let exponent = size >> 23;
    if exponent < 127 - 26 {
        return sign;
    }
    let mantissa = size & 0x007f_ffff | 0x0080_0000;
    sign | round(mantissa, 126 - exponent)
}

/// `value` without its last `lost` bits, rounded to the nearest, ties to even.
fn round(value: u32, lost: u32) -> u16 {
    let kept = value >> lost;
    let rest = value & ((1 << lost) - 1);
    let half = 1 << (lost - 1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    (kept + u32::from(up)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number that `bits` stand for.
    fn number(bits: u16) -> f64 {
        let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
        let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        sign * match exponent {
            0 => mantissa * 2f64.powi(-24),
            31 if mantissa == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            e => (1024.0 + mantissa) * 2f64.powi(e - 25),
        }
    }

    #[test]
    fn every_half_number_is_itself() {
        for b in 0..=u16::MAX {
            let value = number(b);
            let back = bits(value as f32);
            assert!(
                back == b || value.is_nan() && number(back).is_nan(),
                "{b:#x}"
            );
        }
    }

    #[test]
    fn between_two_the_nearer_wins_and_ties_go_to_even() {
        for b in 0..0x7bffu16 {
            let (low, high) = (number(b), number(b + 1));
            let middle = ((low + high) / 2.0) as f32;
            let even = if b & 1 == 0 { b } else { b + 1 };
            assert_eq!(bits(middle), even, "{b:#x}");
            assert_eq!(bits(middle.next_down()), b, "{b:#x}");
            assert_eq!(bits(-middle.next_up()), (b + 1) | 0x8000, "{b:#x}");
        }
    }

    #[test]
    fn what_is_too_large_or_too_small() {
        assert_eq!(bits(65519.9), 0x7bff);
        assert_eq!(bits(65520.0), 0x7c00);
        assert_eq!(bits(f32::MIN), 0xfc00);
        assert_eq!(bits(f32::MIN_POSITIVE), 0);
        assert_eq!(bits(-1e-9), 0x8000);
    }
}
