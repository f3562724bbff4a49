//! Mask2Anomaly's network (arXiv 2307.13316), defined once over a small set of operations.
//!
//! `backbone → pixel decoder → transformer decoder → heads`, with parameter names as detectron2
//! gives them, so that checkpoints of the authors' and of Mask2Former load by name. What the
//! operations do is the interpreter's affair, see [`ops`].
#![forbid(unsafe_code)]

pub mod backbone;
pub mod config;
pub mod efficientnet;
pub mod network;
pub mod ops;
pub mod pixel_decoder;
pub mod position;
pub mod swin;
pub mod transformer;

pub use config::{
    AttentionKind, EfficientNet, HeadKind, NetworkConfig, NetworkConfigError, SwinConfig,
};
pub use network::{MaskNetwork, NetworkOutputs};
pub use transformer::MaskHead;
