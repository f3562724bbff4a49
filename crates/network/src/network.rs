//! The whole network: picture in, logits out.

use crate::config::{Config, ConfigError, Head};
use crate::ops::{Init, Ops};
use crate::transformer::MaskHead;
use crate::{backbone, pixel_decoder, transformer};

/// The network of a [`Config`].
#[derive(Clone, Debug)]
pub struct Network {
    config: Config,
}

/// What the network says about a picture.
#[derive(Clone, Debug)]
pub enum Outputs<T> {
    /// One head before the first decoder layer and one after each; the last is the answer, the
    /// others serve deep supervision.
    Mask(Vec<MaskHead<T>>),
    /// Class logits `[N, K, H/4, W/4]`.
    PerPixel(T),
}

impl Network {
    /// The network of `config`.
    ///
    /// # Errors
    /// [`ConfigError::Field`] where no network can be built with it.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config })
    }

    /// The sizes and switches it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Runs `image` `[N, 3, H, W]` (normalised; H and W multiples of 32) through `ops`.
    pub fn forward<O: Ops>(&self, ops: &mut O, image: &O::T) -> Outputs<O::T> {
        let config = &self.config;
        let stages = backbone::forward(config, ops, image);
        let features = pixel_decoder::forward(config, ops, &stages);
        match config.head {
            Head::Mask => Outputs::Mask(transformer::forward(config, ops, &features)),
            Head::PerPixel => {
                let name = "sem_seg_head.predictor.pixel_classifier";
                let shape = [config.classes, config.dim, 1, 1];
                let fan_in = config.dim;
                let w = ops.param(
                    &format!("{name}.weight"),
                    &shape,
                    Init::TorchDefault { fan_in },
                );
                let b = ops.param(
                    &format!("{name}.bias"),
                    &[config.classes],
                    Init::TorchDefault { fan_in },
                );
                Outputs::PerPixel(ops.conv2d(&features.mask_features, &w, Some(&b), 1, 0))
            }
        }
    }
}
