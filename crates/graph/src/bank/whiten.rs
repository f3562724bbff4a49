//! Mean and whitening of features, in float64.

/// Share of the mean variance that is added to every variance: features may be dependent.
const RIDGE: f64 = 1e-3;

/// Mean `[channels]` and `L⁻¹` `[channels, channels]` of `[n, channels]` features, where `L · Lᵀ` is
/// their covariance (Cholesky): `L⁻¹ · (feature − mean)` has unit covariance.
pub(super) fn whitening(features: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let n = (features.len() / channels).max(1) as f64;
    let mut mean = vec![0.0f64; channels];
    for feature in features.chunks_exact(channels) {
        for (sum, &value) in mean.iter_mut().zip(feature) {
            *sum += f64::from(value) / n;
        }
    }
    let mut covariance = vec![0.0f64; channels * channels];
    let mut centred = vec![0.0f64; channels];
    for feature in features.chunks_exact(channels) {
        for ((c, &value), m) in centred.iter_mut().zip(feature).zip(&mean) {
            *c = f64::from(value) - m;
        }
        for i in 0..channels {
            let row = &mut covariance[i * channels..i * channels + i + 1];
            for (sum, c) in row.iter_mut().zip(&centred) {
                *sum += centred[i] * c / n;
            }
        }
    }
    let trace: f64 = (0..channels).map(|i| covariance[i * channels + i]).sum();
    let ridge = (trace / channels as f64 * RIDGE).max(f64::MIN_POSITIVE.sqrt());
    for i in 0..channels {
        covariance[i * channels + i] += ridge;
    }
    let factor = cholesky(&covariance, channels);
    let inverse = invert_lower(&factor, channels);
    let single = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
    (single(mean), single(inverse))
}

/// Lower factor of a symmetric positive definite matrix, of which the lower half is read.
fn cholesky(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut factor = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| factor[i * n + k] * factor[j * n + k]).sum();
            let rest = matrix[i * n + j] - dot;
            factor[i * n + j] = if i == j {
                rest.max(f64::MIN_POSITIVE).sqrt()
            } else {
                rest / factor[j * n + j]
            };
        }
    }
    factor
}

/// Inverse of a lower triangular matrix.
fn invert_lower(factor: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        inverse[column * n + column] = 1.0 / factor[column * n + column];
        for i in column + 1..n {
            let dot: f64 = (column..i)
                .map(|k| factor[i * n + k] * inverse[k * n + column])
                .sum();
            inverse[i * n + column] = -dot / factor[i * n + i];
        }
    }
    inverse
}
