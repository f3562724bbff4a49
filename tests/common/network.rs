//! The network of `tests/fixtures/network/tiny.safetensors`.

use std::collections::HashMap;
use unmask_network::{AttentionKind, HeadKind, NetworkConfig};

/// Its sizes.
pub fn tiny() -> NetworkConfig {
    NetworkConfig {
        swin: None,
        efficientnet: None,
        depth: 18,
        width: 2,
        frozen_norm: false,
        dim: 8,
        groups: 4,
        heads: 4,
        encoder_layers: 2,
        encoder_ffn: 16,
        points: 4,
        decoder_layers: 3,
        decoder_ffn: 16,
        queries: 6,
        classes: 4,
        attention: AttentionKind::Global,
        head: HeadKind::Mask,
    }
}

/// The header of a checkpoint of such a network.
pub fn header(config: &NetworkConfig) -> HashMap<String, String> {
    [
        ("unmask.config", serde_json::to_string(config).unwrap()),
        ("unmask.mean", "[123.675, 116.28, 103.53]".to_owned()),
        ("unmask.std", "[58.395, 57.12, 57.375]".to_owned()),
        (
            "unmask.classes",
            r#"["road", "building", "sky", "car"]"#.to_owned(),
        ),
        ("unmask.road", "[0]".to_owned()),
        ("unmask.stuff", "[1, 2]".to_owned()),
        ("unmask.size", "64x96".to_owned()),
        ("unmask.recipe", r#"{"seed": 7}"#.to_owned()),
    ]
    .map(|(k, v)| (k.to_owned(), v))
    .into()
}
