//! What a plan is made of, as a table.

use super::BuiltPlan;
use std::fmt::Write as _;

/// Layers of a plan by kind and type, and the bytes that a frame moves.
pub fn layer_table(built: &BuiltPlan) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    for (kind, count) in &built.layers {
        let _ = writeln!(out, "{count:6}  {kind}");
    }
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let _ = writeln!(
        out,
        "{:6}  kernels per frame; {:.2} MB read and written, {:.2} MB of constants",
        built.kernels,
        mb(built.moved_bytes),
        mb(built.constant_bytes)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_ends_with_the_sums() {
        let built = BuiltPlan {
            layers: [("Convolution Int8 -> Int8".to_string(), 12)].into(),
            kernels: 15,
            moved_bytes: 12_345_678,
            constant_bytes: 4_000_000,
            ..BuiltPlan::default()
        };
        let table = layer_table(&built);
        assert_eq!(
            table,
            "    12  Convolution Int8 -> Int8\n    \
             15  kernels per frame; 12.35 MB read and written, 4.00 MB of constants\n"
        );
    }
}
