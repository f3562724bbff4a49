//! The whole network: picture in, logits out.

use crate::config::{HeadKind, NetworkConfig, NetworkConfigError};
use crate::ops::{NetworkOps, WeightInit};
use crate::transformer::MaskHead;
use crate::{backbone, pixel_decoder, transformer};

/// The network of a [`NetworkConfig`].
#[derive(Clone, Debug)]
pub struct MaskNetwork {
    config: NetworkConfig,
}

/// What the network says about a picture.
#[derive(Clone, Debug)]
pub enum NetworkOutputs<T> {
    /// One head before the first decoder layer and one after each; the last is the answer, the
    /// others serve deep supervision.
    Mask(Vec<MaskHead<T>>),
    /// Class logits `[N, K, H/4, W/4]`.
    PerPixel(T),
}

impl MaskNetwork {
    /// The network of `config`.
    ///
    /// # Errors
    /// [`NetworkConfigError::Field`] where no network can be built with it.
    pub fn new(config: NetworkConfig) -> Result<Self, NetworkConfigError> {
        config.check()?;
        Ok(Self { config })
    }

    /// The sizes and switches it was made with.
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Runs `image` `[N, 3, H, W]` (normalised; H and W multiples of 32) through `ops`.
    pub fn forward<O: NetworkOps>(&self, ops: &mut O, image: &O::T) -> NetworkOutputs<O::T> {
        let config = &self.config;
        let stages = backbone::forward(config, ops, image);
        let features = pixel_decoder::forward(config, ops, &stages);
        match config.head {
            HeadKind::Mask => NetworkOutputs::Mask(transformer::forward(config, ops, &features)),
            HeadKind::PerPixel => {
                let name = "sem_seg_head.predictor.pixel_classifier";
                let shape = [config.classes, config.dim, 1, 1];
                let fan_in = config.dim;
                let w = ops.param(
                    &format!("{name}.weight"),
                    &shape,
                    WeightInit::TorchDefault { fan_in },
                );
                let b = ops.param(
                    &format!("{name}.bias"),
                    &[config.classes],
                    WeightInit::TorchDefault { fan_in },
                );
                NetworkOutputs::PerPixel(ops.conv2d(&features.mask_features, &w, Some(&b), 1, 0))
            }
        }
    }
}
