//! Weights from a hash of their names, as `tests/fixtures/make_efficientnet.py` makes them.

/// `n` numbers in `[0, 1)`, exact in float32: FNV-1a of the name, then SplitMix64 by index.
pub fn uniform(name: &str, n: usize) -> Vec<f64> {
    let start = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (1..=n as u64)
        .map(|i| {
            let mut z = start.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            (z >> 40) as f64 / 2f64.powi(24)
        })
        .collect()
}

/// The values of a tensor of PyTorch's name `name`.
pub fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let u = uniform(name, shape.iter().product());
    let one_axis = shape.len() == 1;
    let positive = one_axis && (name.ends_with("running_var") || name.ends_with("weight"));
    let fan_in: usize = shape.iter().skip(1).product();
    let bound = (6.0 / fan_in as f64).sqrt();
    u.into_iter()
        .map(|u| {
            let value = match shape.len() {
                1 if positive => 0.5 + u,
                4 => (2.0 * u - 1.0) * bound,
                _ => u - 0.5,
            };
            value as f32
        })
        .collect()
}
