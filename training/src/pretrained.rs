//! Public weights of backbones, as a start.

use crate::params::ParamStore;
use std::path::Path;
use unmask_graph::import;
use unmask_network::NetworkConfig;

/// Why weights of a backbone cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// The file cannot be read, or is of another backbone.
    #[error(transparent)]
    Read(#[from] unmask_graph::GraphError),
    /// The recipe's network has a backbone without public weights.
    #[error(
        "--backbone: this network has no EfficientNet-Lite backbone; set `efficientnet` in the \
         recipe's [network]"
    )]
    Backbone,
}

/// Puts the ImageNet weights in `path` (see [`import::read_efficientnet`]) into `params`.
///
/// # Errors
/// [`PretrainedError`]; `params` is as before then.
pub fn read_backbone(
    path: &Path,
    config: &NetworkConfig,
    params: &mut ParamStore,
) -> Result<(), PretrainedError> {
    let variant = config.efficientnet.ok_or(PretrainedError::Backbone)?;
    for (name, tensor) in import::read_efficientnet(path, variant)?.iter() {
        let trained = !name.contains(".running_");
        params.insert(name, &tensor.shape, tensor.data.to_vec(), trained);
    }
    Ok(())
}
