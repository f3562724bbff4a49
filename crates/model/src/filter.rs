//! The filter that resizes pictures: the one of PIL's `BILINEAR`, a triangle over two source
//! positions where the picture grows, widened by the scale where it shrinks, its weights
//! normalised at the edges. The preprocessor on the host (`Preprocessor` of `unmask-engine`) and the subgraph of a prepared
//! graph read the same tables.

/// Where each position of an axis reads, and with which weights: the same number for all.
#[derive(Clone, Debug, Default)]
pub struct ResizeAxis {
    taps: usize,
    first: Vec<usize>,
    /// `taps` a position; zeros fill up.
    weights: Vec<f32>,
}

impl ResizeAxis {
    /// The triangle filter from `from` positions to `to`.
    pub fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let reach = scale.max(1.0);
        let windows: Vec<(usize, Vec<f64>)> = (0..to)
            .map(|o| {
                let centre = (o as f64 + 0.5) * scale;
                // Half up, as PIL does it: positions whose centre lies within reach.
                let first = (centre - reach + 0.5).max(0.0) as usize;
                let end = ((centre + reach + 0.5) as usize).min(from);
                let weight = |i: usize| (1.0 - ((i as f64 + 0.5 - centre) / reach).abs()).max(0.0);
                (first, (first..end).map(weight).collect())
            })
            .collect();
        let taps = windows.iter().map(|w| w.1.len()).max().unwrap_or(0);
        let mut axis = Self {
            taps,
            first: Vec::with_capacity(to),
            weights: vec![0.0; to * taps],
        };
        for ((first, weights), all) in windows.iter().zip(axis.weights.chunks_exact_mut(taps)) {
            // Windows shorter than the longest get zeros: at their end, or where that would lie
            // outside the picture, at their start.
            let moved = (*first).min(from - taps);
            let sum: f64 = weights.iter().sum();
            for (to, w) in all[first - moved..].iter_mut().zip(weights) {
                *to = (w / sum) as f32;
            }
            axis.first.push(moved);
        }
        axis
    }

    /// First source position and weights of `position`.
    pub fn at(&self, position: usize) -> (usize, &[f32]) {
        let from = position * self.taps;
        (self.first[position], &self.weights[from..from + self.taps])
    }
}
