//! Sizes and switches of the network.

use crate::efficientnet;
use serde::{Deserialize, Serialize};

pub use efficientnet::EfficientNet;

/// Which cross-attention the transformer decoder uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionKind {
    /// Mask2Anomaly's: one module looks inside the mask, one outside, their outputs are summed.
    Global,
    /// Mask2Former's: only inside the mask.
    Masked,
}

/// What stands on the pixel decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Queries, each a class and a mask.
    Mask,
    /// A 1×1 convolution to class logits: the per-pixel baseline.
    PerPixel,
}

/// Sizes of a Swin backbone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwinConfig {
    /// Channels of the first stage; each further stage has twice as many.
    pub embed: usize,
    /// Blocks of each stage.
    pub depths: [usize; 4],
    /// Attention heads of each stage.
    pub heads: [usize; 4],
    /// Tokens a side of a window.
    pub window: usize,
    /// Hidden channels of the feed-forward part, in channels of the stage.
    pub mlp_ratio: usize,
}

/// Sizes and switches of the network. The paper's values are those of the preset `r50`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Swin backbone in place of the ResNet; `depth`, `width` and `frozen_norm` then say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swin: Option<SwinConfig>,
    /// EfficientNet-Lite backbone in place of the ResNet; its batch norms are always frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficientnet: Option<EfficientNet>,
    /// ResNet depth: 18, 34, 50 or 101.
    pub depth: usize,
    /// Channels of the stem and of the first stage's 3×3 convolutions; 64 in the literature.
    pub width: usize,
    /// Use the running statistics of the backbone's batch norms while training too.
    pub frozen_norm: bool,
    /// Channels of the pixel decoder, the mask features and the queries (256 in the paper).
    pub dim: usize,
    /// Groups of the pixel decoder's group norms (32 in the paper).
    pub groups: usize,
    /// Attention heads, of the deformable and the decoder layers.
    pub heads: usize,
    /// Deformable encoder layers.
    pub encoder_layers: usize,
    /// Hidden channels of the encoder's feed-forward part.
    pub encoder_ffn: usize,
    /// Sampling points per head and level.
    pub points: usize,
    /// Transformer decoder layers (9 in the paper: detectron2's `DEC_LAYERS` less one).
    pub decoder_layers: usize,
    /// Hidden channels of the decoder's feed-forward part.
    pub decoder_ffn: usize,
    /// Queries.
    pub queries: usize,
    /// Known classes, without the no-object class.
    pub classes: usize,
    /// Cross-attention of the decoder.
    pub attention: AttentionKind,
    /// Mask or per-pixel head.
    pub head: HeadKind,
}

/// What is wrong with a [`NetworkConfig`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkConfigError {
    /// No preset of that name.
    #[error("no preset `{0}`: the presets are tiny, small, r50")]
    Preset(String),
    /// A field holds a value that no network can be built with.
    #[error("network config: {field} = {value}: {want}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: usize,
        /// What would do.
        want: &'static str,
    },
}

impl NetworkConfig {
    /// One of the presets `tiny` (for tests), `small` (the shipped one), `r50` (the paper's).
    ///
    /// # Errors
    /// [`NetworkConfigError::Preset`] for any other name.
    pub fn preset(name: &str) -> Result<Self, NetworkConfigError> {
        let small = NetworkConfig {
            swin: None,
            efficientnet: None,
            depth: 18,
            width: 32,
            frozen_norm: false,
            dim: 96,
            groups: 32,
            heads: 4,
            encoder_layers: 1,
            encoder_ffn: 256,
            points: 2,
            decoder_layers: 3,
            decoder_ffn: 384,
            queries: 24,
            classes: 11,
            attention: AttentionKind::Global,
            head: HeadKind::Mask,
        };
        match name {
            "tiny" => Ok(NetworkConfig {
                width: 8,
                dim: 32,
                groups: 8,
                encoder_ffn: 64,
                decoder_layers: 3,
                decoder_ffn: 64,
                queries: 12,
                ..small
            }),
            "small" => Ok(small),
            "r50" => Ok(NetworkConfig {
                depth: 50,
                width: 64,
                frozen_norm: true,
                dim: 256,
                heads: 8,
                encoder_layers: 6,
                encoder_ffn: 1024,
                points: 4,
                decoder_layers: 9,
                decoder_ffn: 2048,
                queries: 100,
                classes: 19,
                ..small
            }),
            other => Err(NetworkConfigError::Preset(other.to_owned())),
        }
    }

    /// Checks that a network can be built.
    ///
    /// # Errors
    /// [`NetworkConfigError::Field`] naming the first field that cannot stand.
    pub fn check(&self) -> Result<(), NetworkConfigError> {
        let field = |ok: bool, field, value, want| {
            if ok {
                Ok(())
            } else {
                Err(NetworkConfigError::Field { field, value, want })
            }
        };
        let range = |name, value: usize, most: usize, want| {
            field((1..=most).contains(&value), name, value, want)
        };
        field(
            matches!(self.depth, 18 | 34 | 50 | 101),
            "depth",
            self.depth,
            "use 18, 34, 50 or 101",
        )?;
        range("width", self.width, 1024, "use 1 to 1024")?;
        field(
            self.swin.is_none() || self.efficientnet.is_none(),
            "efficientnet",
            1,
            "use one backbone: `swin` or `efficientnet`",
        )?;
        if let Some(swin) = &self.swin {
            range("swin.embed", swin.embed, 1024, "use 1 to 1024")?;
            range("swin.window", swin.window, 64, "use 1 to 64")?;
            range("swin.mlp_ratio", swin.mlp_ratio, 64, "use 1 to 64")?;
            for stage in 0..4 {
                range("swin.depths", swin.depths[stage], 64, "use 1 to 64")?;
                range("swin.heads", swin.heads[stage], 1024, "use 1 to 1024")?;
                field(
                    (swin.embed << stage).is_multiple_of(swin.heads[stage]),
                    "swin.heads",
                    swin.heads[stage],
                    "use divisors of the stages' channels",
                )?;
            }
        }
        range("dim", self.dim, 4096, "use 1 to 4096")?;
        range("heads", self.heads, 64, "use 1 to 64")?;
        range("groups", self.groups, 1024, "use 1 to 1024")?;
        field(
            self.dim.is_multiple_of(4),
            "dim",
            self.dim,
            "use a multiple of 4 (positions need it)",
        )?;
        field(
            self.dim.is_multiple_of(self.heads),
            "dim",
            self.dim,
            "use a multiple of `heads`",
        )?;
        field(
            self.dim.is_multiple_of(self.groups),
            "dim",
            self.dim,
            "use a multiple of `groups`",
        )?;
        range("encoder_layers", self.encoder_layers, 64, "use 1 to 64")?;
        range("encoder_ffn", self.encoder_ffn, 65_536, "use 1 to 65536")?;
        range("points", self.points, 64, "use 1 to 64")?;
        range("classes", self.classes, 1024, "use 1 to 1024")?;
        if self.head == HeadKind::Mask {
            range("decoder_layers", self.decoder_layers, 64, "use 1 to 64")?;
            range("decoder_ffn", self.decoder_ffn, 65_536, "use 1 to 65536")?;
            range("queries", self.queries, 4096, "use 1 to 4096")?;
        }
        Ok(())
    }

    /// Channels of the maps at 1/4, 1/8, 1/16 and 1/32.
    pub fn stage_channels(&self) -> [usize; 4] {
        if let Some(variant) = self.efficientnet {
            return efficientnet::stage_channels(variant);
        }
        let first = match &self.swin {
            Some(swin) => swin.embed,
            None if self.bottlenecks() => self.width * 4,
            None => self.width,
        };
        std::array::from_fn(|i| first << i)
    }

    /// Residual blocks of the ResNet's stages.
    pub fn stage_blocks(&self) -> [usize; 4] {
        match self.depth {
            18 => [2, 2, 2, 2],
            101 => [3, 4, 23, 3],
            _ => [3, 4, 6, 3],
        }
    }

    /// Whether the ResNet's blocks are bottlenecks (1×1, 3×3, 1×1).
    pub fn bottlenecks(&self) -> bool {
        self.depth >= 50
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_stand_and_others_are_named() {
        for name in ["tiny", "small", "r50"] {
            NetworkConfig::preset(name).unwrap().check().unwrap();
        }
        assert_eq!(
            NetworkConfig::preset("big"),
            Err(NetworkConfigError::Preset("big".into()))
        );
        assert_eq!(
            NetworkConfig::preset("r50").unwrap().stage_channels(),
            [256, 512, 1024, 2048]
        );
    }

    #[test]
    fn a_field_that_cannot_stand_is_named() {
        let bad = |change: fn(&mut NetworkConfig)| {
            let mut config = NetworkConfig::preset("tiny").unwrap();
            change(&mut config);
            match config.check().unwrap_err() {
                NetworkConfigError::Field { field, .. } => field,
                other => panic!("{other}"),
            }
        };
        assert_eq!(bad(|c| c.depth = 19), "depth");
        assert_eq!(bad(|c| c.dim = 34), "dim");
        assert_eq!(bad(|c| c.heads = 3), "dim");
        assert_eq!(bad(|c| c.queries = 0), "queries");
        assert_eq!(bad(|c| c.heads = 0), "heads");
        let swin = |change: fn(&mut SwinConfig)| {
            let mut config = NetworkConfig::preset("tiny").unwrap();
            let mut sizes = SwinConfig {
                embed: 96,
                depths: [2, 2, 6, 2],
                heads: [3, 6, 12, 24],
                window: 7,
                mlp_ratio: 4,
            };
            change(&mut sizes);
            config.swin = Some(sizes);
            config.check().map_err(|e| e.to_string())
        };
        swin(|_| ()).unwrap();
        for (change, name) in [
            ((|s| s.embed = 0) as fn(&mut SwinConfig), "swin.embed"),
            (|s| s.window = 65, "swin.window"),
            (|s| s.mlp_ratio = 0, "swin.mlp_ratio"),
            (|s| s.depths[2] = 0, "swin.depths"),
            (|s| s.heads[3] = 0, "swin.heads"),
            (|s| s.heads[0] = 5, "swin.heads"),
        ] {
            let error = swin(change).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn the_backbone_decides_the_stages() {
        let mut config = NetworkConfig::preset("r50").unwrap();
        config.depth = 101;
        config.check().unwrap();
        assert_eq!(config.stage_blocks(), [3, 4, 23, 3]);
        assert_eq!(config.stage_channels(), [256, 512, 1024, 2048]);
        config.depth = 34;
        assert_eq!(config.stage_channels(), [64, 128, 256, 512]);
        config.swin = Some(SwinConfig {
            embed: 96,
            depths: [2, 2, 18, 2],
            heads: [3, 6, 12, 24],
            window: 7,
            mlp_ratio: 4,
        });
        assert_eq!(config.stage_channels(), [96, 192, 384, 768]);
    }
}
