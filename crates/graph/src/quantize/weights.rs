//! Weights as INT8, one scale an output channel; and as FP16.

use super::QuantizeError;
use super::half;
use super::net::{f32s, unsupported};
use crate::calibrate::LEVELS;
use unmask_onnx::messages::{DataType, TensorProto};

/// Weights in INT8.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedWeights {
    /// The weights, in their order.
    pub values: Vec<i8>,
    /// One scale an output channel.
    pub scales: Vec<f32>,
    /// Signal to quantisation noise, dB; none where there is no signal or no noise.
    pub sqnr_db: Option<f64>,
}

/// Quantises `tensor` symmetrically, with one scale for each place along `axis`.
///
/// # Errors
/// [`QuantizeError::Unfit`] where it holds no float32 numbers, or NaN or infinity.
pub fn quantise(tensor: &TensorProto, axis: usize) -> Result<QuantizedWeights, QuantizeError> {
    let name = tensor.name();
    let data =
        f32s(tensor).ok_or_else(|| unsupported(format!("the weights `{name}` are damaged")))?;
    if data.iter().any(|v| !v.is_finite()) {
        return Err(unsupported(format!(
            "the weights `{name}` are not all finite"
        )));
    }
    let dims: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
    let channels = dims[axis];
    let after: usize = dims[axis + 1..].iter().product();
    let channel = |i: usize| i / after.max(1) % channels;
    let mut largest = vec![0f32; channels];
    for (i, v) in data.iter().enumerate() {
        let most = &mut largest[channel(i)];
        *most = most.max(v.abs());
    }
    // A channel of zeros may have any scale; a tiny one must not become 0.
    let scales: Vec<f32> = largest.iter().map(|&m| scale(f64::from(m))).collect();
    let (mut signal, mut noise) = (0f64, 0f64);
    let values = data
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            let scale = scales[channel(i)];
            let whole = (v / scale)
                .round_ties_even()
                .clamp(-(LEVELS as f32), LEVELS as f32);
            signal += f64::from(v).powi(2);
            noise += (f64::from(v) - f64::from(whole) * f64::from(scale)).powi(2);
            whole as i8
        })
        .collect();
    Ok(QuantizedWeights {
        values,
        scales,
        sqnr_db: (signal > 0.0 && noise > 0.0).then(|| 10.0 * (signal / noise).log10()),
    })
}

/// The scale for a range that ends at `end`: `end / 127`, 1 for a range of zeros, and never so
/// small that its reciprocal overflows.
pub fn scale(end: f64) -> f32 {
    if end == 0.0 {
        return 1.0;
    }
    ((end / LEVELS) as f32).max(f32::MIN_POSITIVE)
}

/// `tensor` in FP16, under the name `name`; larger values become the largest that FP16 has.
///
/// # Errors
/// [`QuantizeError::Unfit`] where it holds no float32 numbers.
pub fn halve(tensor: &TensorProto, name: &str) -> Result<TensorProto, QuantizeError> {
    let data = f32s(tensor)
        .ok_or_else(|| unsupported(format!("the constant `{}` is damaged", tensor.name())))?;
    let most = half::LARGEST;
    // NaN passes `clamp` unchanged.
    let raw = data
        .iter()
        .flat_map(|v| half::bits(v.clamp(-most, most)).to_le_bytes());
    Ok(TensorProto {
        dims: tensor.dims.clone(),
        data_type: Some(DataType::Float16 as i32),
        name: Some(name.to_owned()),
        raw_data: Some(raw.collect()),
        ..TensorProto::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dims: &[i64], data: &[f32]) -> TensorProto {
        TensorProto {
            dims: dims.to_vec(),
            data_type: Some(DataType::Float as i32),
            name: Some("w".into()),
            raw_data: Some(data.iter().flat_map(|v| v.to_le_bytes()).collect()),
            ..TensorProto::default()
        }
    }

    #[test]
    fn every_channel_has_its_own_scale_along_either_axis() {
        let data = [127.0, -1.4, 0.127, 0.0636];
        let rows = quantise(&tensor(&[2, 2], &data), 0).unwrap();
        assert_eq!(rows.values, [127, -1, 127, 64]);
        assert_eq!(rows.scales, [1.0, 0.001]);
        let columns = quantise(&tensor(&[2, 2], &data), 1).unwrap();
        assert_eq!(columns.values, [127, -127, 0, 6]);
        assert_eq!(columns.scales[0], 1.0);
        let db = columns.sqnr_db.unwrap();
        assert!((50.0..70.0).contains(&db), "{db}");
    }

    #[test]
    fn the_error_is_at_most_half_a_step() {
        let data: Vec<f32> = (0..96)
            .map(|i| ((i * 37 % 96) as f32 - 40.0) * 0.013)
            .collect();
        let q = quantise(&tensor(&[4, 3, 2, 4], &data), 0).unwrap();
        for (i, (&v, &w)) in data.iter().zip(&q.values).enumerate() {
            let scale = q.scales[i / 24];
            assert!((v - f32::from(w) * scale).abs() <= scale * 0.5001, "{i}");
        }
    }

    #[test]
    fn zeros_and_tiny_weights_keep_finite_scales() {
        let q = quantise(&tensor(&[2, 1], &[0.0, 1e-42]), 0).unwrap();
        assert_eq!(q.scales[0], 1.0);
        assert!((1.0 / q.scales[1]).is_finite());
        assert_eq!(q.values[0], 0);
    }

    #[test]
    fn weights_that_are_no_numbers_are_refused() {
        let error = quantise(&tensor(&[1, 2], &[1.0, f32::NAN]), 0).unwrap_err();
        assert!(error.to_string().contains("`w`"), "{error}");
        let error = quantise(&tensor(&[3, 2], &[1.0]), 0).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }

    #[test]
    fn half_precision_rounds_and_stays_finite() {
        let half = halve(&tensor(&[3], &[1.0 + 1.0 / 4096.0, -1e9, 0.1]), "w.f16").unwrap();
        assert_eq!(half.raw_data(), [0x00, 0x3c, 0xff, 0xfb, 0x66, 0x2e]);
        assert_eq!(half.name(), "w.f16");
    }
}
