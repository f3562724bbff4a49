//! AdamW over flat parameters, with the whole model's gradient clipped, a polynomial schedule, and
//! a running mean of the weights.

use crate::params::ParamStore;
use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::{Gradients, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the optimizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerSettings {
    /// Learning rate at the start (1e-4 in the paper's stage 1, 1e-5 in stage 2).
    pub lr: f64,
    /// The backbone's rate is this share of it (0.1 in the paper, which starts from trained
    /// weights; 1 from nothing).
    pub backbone: f64,
    /// Weight decay (0.05); none on norms and embeddings.
    pub weight_decay: f32,
    /// The whole gradient's norm is clipped to this (0.01 in Mask2Former); 0 = not.
    pub clip_norm: f32,
    /// The rate falls as `(1 − step / steps)^power` (0.9).
    pub power: f64,
    /// The rate rises over so many steps first (0).
    pub warmup_steps: u64,
    /// Decay of the running mean of the weights, which is what is kept; 0 = the weights as they
    /// are.
    pub ema: f64,
}

impl Default for OptimizerSettings {
    fn default() -> Self {
        Self {
            lr: 1e-4,
            backbone: 1.0,
            weight_decay: 0.05,
            clip_norm: 0.01,
            power: 0.9,
            warmup_steps: 0,
            ema: 0.0,
        }
    }
}

impl OptimizerSettings {
    /// The learning rate at `step` of `steps`.
    pub fn rate(&self, step: u64, steps: u64) -> f64 {
        let left = 1.0 - step as f64 / steps.max(1) as f64;
        let warm = match self.warmup_steps {
            0 => 1.0,
            n => ((step + 1) as f64 / n as f64).min(1.0),
        };
        self.lr * left.max(0.0).powf(self.power) * warm
    }
}

/// The optimizer's memory.
#[derive(Clone)]
pub struct OptimizerState {
    adam: BTreeMap<String, AdamWState<1>>,
    mean: BTreeMap<String, Tensor<1>>,
    decayed: AdamW,
    plain: AdamW,
}

impl std::fmt::Debug for OptimizerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory of {} parameters", self.adam.len())
    }
}

/// Norms and embeddings are not decayed (`WEIGHT_DECAY_NORM`, `WEIGHT_DECAY_EMBED` = 0 in Mask2Former).
fn decays(name: &str) -> bool {
    // `input_proj.N` is a convolution (0) and its group norm (1).
    let group_norm =
        name.contains("input_proj.") && (name.ends_with(".1.weight") || name.ends_with(".1.bias"));
    !(name.contains("norm")
        || name.contains("query_")
        || name.contains("level_embed")
        || group_norm)
}

impl OptimizerState {
    /// Nothing remembered yet.
    pub fn new(settings: &OptimizerSettings) -> Self {
        // PyTorch's eps; burn's own default is another.
        let adam = |decay: f32| {
            AdamWConfig::new()
                .with_epsilon(1e-8)
                .with_weight_decay(decay)
                .build()
        };
        Self {
            adam: BTreeMap::new(),
            mean: BTreeMap::new(),
            decayed: adam(settings.weight_decay),
            plain: adam(0.0),
        }
    }

    /// One step with `gradients`; returns the gradient's norm before clipping. A gradient that is
    /// not finite changes nothing (the norm returned says so).
    pub fn step(
        &mut self,
        params: &mut ParamStore,
        gradients: &Gradients,
        settings: &OptimizerSettings,
        rate: f64,
    ) -> f32 {
        let mut found = Vec::new();
        let mut squares: Option<Tensor<1>> = None;
        for (name, param) in params.iter().filter(|(_, p)| p.trained) {
            let Some(gradient) = param.value.grad(gradients) else {
                continue;
            };
            let square = gradient.clone().square().sum();
            squares = Some(match squares {
                Some(sum) => sum + square,
                None => square,
            });
            found.push((name.clone(), gradient));
        }
        let norm = squares.map_or(0.0, |s| s.into_scalar::<f32>().sqrt());
        if !norm.is_finite() {
            return norm;
        }
        let scale = match settings.clip_norm {
            most if most > 0.0 && norm > most => most / (norm + 1e-6),
            _ => 1.0,
        };
        for (name, gradient) in found {
            let value = params
                .get(&name)
                .expect("found above")
                .value
                .clone()
                .inner();
            let rate = if name.starts_with("backbone.") {
                rate * settings.backbone
            } else {
                rate
            };
            let adam = if decays(&name) {
                &self.decayed
            } else {
                &self.plain
            };
            let state = self.adam.remove(&name);
            let (value, state) = adam.step(rate, value, gradient * scale, state);
            if let Some(state) = state {
                self.adam.insert(name.clone(), state);
            }
            params.set(&name, Tensor::from_inner(value));
        }
        if settings.ema > 0.0 {
            self.average(params, settings.ema);
        }
        norm
    }

    /// Moves the running mean of all parameters and statistics.
    fn average(&mut self, params: &ParamStore, decay: f64) {
        for (name, param) in params.iter() {
            let value = param.value.clone().inner();
            let mean = match self.mean.remove(name) {
                Some(mean) => mean * decay + value * (1.0 - decay),
                None => value,
            };
            self.mean.insert(name.clone(), mean);
        }
    }

    /// The running mean of a parameter, where one is kept.
    pub fn mean(&self, name: &str) -> Option<&Tensor<1>> {
        self.mean.get(name)
    }

    /// Everything remembered, as named flat vectors.
    pub fn to_vectors(&self) -> (Vec<(String, Vec<f32>)>, u64) {
        let vec = |t: &Tensor<1>| t.to_data().try_to_vec::<f32>().expect("float32 values");
        let mut out = Vec::new();
        let mut time = 0;
        for (name, state) in &self.adam {
            time = time.max(state.momentum.time as u64);
            out.push((format!("m.{name}"), vec(&state.momentum.moment_1)));
            out.push((format!("v.{name}"), vec(&state.momentum.moment_2)));
        }
        out.extend(
            self.mean
                .iter()
                .map(|(name, mean)| (format!("ema.{name}"), vec(mean))),
        );
        (out, time)
    }

    /// The reverse of [`OptimizerState::to_vectors`], on the inner device of `params`. Names that are no
    /// part of a memory are passed over.
    pub fn restore(
        &mut self,
        params: &ParamStore,
        mut vectors: BTreeMap<String, Vec<f32>>,
        time: u64,
    ) {
        let device = params.device().clone().inner();
        let tensor = |values: Vec<f32>| -> Tensor<1> {
            let n = values.len();
            Tensor::from_data(TensorData::new(values, [n]), &device)
        };
        for (name, _) in params.iter() {
            let first = vectors.remove(&format!("m.{name}"));
            if let (Some(m), Some(v)) = (first, vectors.remove(&format!("v.{name}"))) {
                let momentum = AdaptiveMomentumState::new(time as usize, tensor(m), tensor(v));
                self.adam.insert(name.clone(), AdamWState::new(momentum));
            }
            if let Some(mean) = vectors.remove(&format!("ema.{name}")) {
                self.mean.insert(name.clone(), tensor(mean));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_falls_to_nothing() {
        let o = OptimizerSettings {
            lr: 1.0,
            warmup_steps: 10,
            power: 1.0,
            ..OptimizerSettings::default()
        };
        assert!((o.rate(0, 100) - 0.1).abs() < 1e-9);
        assert!((o.rate(50, 100) - 0.5).abs() < 1e-9);
        assert_eq!(o.rate(100, 100), 0.0);
        assert_eq!(o.rate(200, 100), 0.0);
    }

    #[test]
    fn norms_and_embeddings_are_not_decayed() {
        assert!(decays("backbone.res2.0.conv1.weight"));
        assert!(!decays("backbone.res2.0.conv1.norm.weight"));
        assert!(!decays("sem_seg_head.pixel_decoder.input_proj.0.1.weight"));
        assert!(decays("sem_seg_head.pixel_decoder.input_proj.1.0.weight"));
        assert!(!decays("sem_seg_head.predictor.query_feat.weight"));
    }
}
