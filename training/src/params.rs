//! Parameters by name, each a flat leaf tensor with its shape next to it.
//!
//! Flat leaves keep optimizer, clipping and checkpoints free of ranks: every state is rank 1.

use crate::data::Rng;
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;
use unmask_network::ops::WeightInit;

/// One parameter, or one running statistic.
#[derive(Clone, Debug)]
pub struct NamedParam {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, flat.
    pub value: Tensor<1>,
    /// Whether the optimizer moves it (running statistics are moved by the forward pass).
    pub trained: bool,
}

/// All parameters of a network, by detectron2 name.
#[derive(Clone, Debug)]
pub struct ParamStore {
    device: Device,
    seed: u64,
    map: BTreeMap<String, NamedParam>,
}

impl ParamStore {
    /// No parameters yet: the first forward pass makes them, each from its own stream of `seed`,
    /// so that a start does not depend on the order of creation.
    pub fn new(device: Device, seed: u64) -> Self {
        Self {
            device,
            seed,
            map: BTreeMap::new(),
        }
    }

    /// The device they live on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The parameter `name`, made with `init` where it is not there.
    pub fn get_or_init(
        &mut self,
        name: &str,
        shape: &[usize],
        init: WeightInit,
        trained: bool,
    ) -> &NamedParam {
        if !self.map.contains_key(name) {
            let values = start(self.seed, name, shape, &init);
            self.insert(name, shape, values, trained);
        }
        let param = &self.map[name];
        assert_eq!(
            param.shape, shape,
            "parameter {name} has another shape than the network asks"
        );
        param
    }

    /// Sets the parameter `name`; `values.len()` is the product of `shape`.
    pub fn insert(&mut self, name: &str, shape: &[usize], values: Vec<f32>, trained: bool) {
        let data = TensorData::new(values, [shape.iter().product::<usize>()]);
        let value = self.leaf(Tensor::from_data(data, &self.device), trained);
        self.map.insert(
            name.to_owned(),
            NamedParam {
                shape: shape.to_vec(),
                value,
                trained,
            },
        );
    }

    /// Replaces the value of a parameter that is there.
    pub fn set(&mut self, name: &str, value: Tensor<1>) {
        let trained = self.map[name].trained;
        let value = self.leaf(value, trained);
        if let Some(param) = self.map.get_mut(name) {
            param.value = value;
        }
    }

    fn leaf(&self, value: Tensor<1>, trained: bool) -> Tensor<1> {
        if trained && self.device.is_autodiff() {
            value.require_grad()
        } else {
            value
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &NamedParam)> {
        self.map.iter()
    }

    /// A copy on `device` (without gradients), where `other` may give another value.
    pub fn resting(&self, device: &Device, other: impl Fn(&str) -> Option<Tensor<1>>) -> Self {
        let mut map = self.map.clone();
        for (name, param) in &mut map {
            param.value = other(name).unwrap_or_else(|| param.value.clone().inner());
        }
        Self {
            device: device.clone(),
            seed: self.seed,
            map,
        }
    }

    /// The reverse of [`ParamStore::resting`]: leaves of `device`, with gradients.
    pub fn moving(&self, device: &Device) -> Self {
        let mut out = Self {
            device: device.clone(),
            seed: self.seed,
            map: self.map.clone(),
        };
        for (name, param) in &self.map {
            out.set(name, Tensor::from_inner(param.value.clone()));
        }
        out
    }

    /// The parameter `name`.
    pub fn get(&self, name: &str) -> Option<&NamedParam> {
        self.map.get(name)
    }

    /// Number of trained values.
    pub fn count(&self) -> usize {
        self.map
            .values()
            .filter(|p| p.trained)
            .map(|p| p.shape.iter().product::<usize>())
            .sum()
    }
}

/// Starting values of `name`, from a stream of its own.
fn start(seed: u64, name: &str, shape: &[usize], init: &WeightInit) -> Vec<f32> {
    let n: usize = shape.iter().product();
    // FNV-1a: any stable spread of names over streams does.
    let stream = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    let mut rng = Rng::new(&[seed, stream]);
    let receptive: usize = shape.iter().skip(2).product();
    let fan_in = shape.get(1).copied().unwrap_or(1) * receptive;
    let fan_out = shape.first().copied().unwrap_or(1) * receptive;
    let uniform = |rng: &mut Rng, bound: f32| -> Vec<f32> {
        (0..n)
            .map(|_| (rng.unit() * 2.0 - 1.0) as f32 * bound)
            .collect()
    };
    let normal = |rng: &mut Rng, deviation: f32| -> Vec<f32> {
        (0..n)
            .map(|_| {
                // Box–Muller; 1 − u keeps the logarithm finite.
                let (u, v) = (rng.unit(), rng.unit());
                ((-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
                    * deviation
            })
            .collect()
    };
    match init {
        WeightInit::Zeros => vec![0.0; n],
        WeightInit::Ones => vec![1.0; n],
        WeightInit::Normal(deviation) => normal(&mut rng, *deviation),
        WeightInit::XavierUniform => uniform(&mut rng, (6.0 / (fan_in + fan_out) as f32).sqrt()),
        WeightInit::C2Xavier => uniform(&mut rng, (3.0 / fan_in as f32).sqrt()),
        WeightInit::TorchDefault { fan_in } => uniform(&mut rng, 1.0 / (*fan_in as f32).sqrt()),
        WeightInit::Msra => normal(&mut rng, (2.0 / fan_out as f32).sqrt()),
        WeightInit::Values(values) => values.clone(),
    }
}
