//! `config.json` of a HuggingFace `Mask2FormerForUniversalSegmentation`.

use crate::GraphError;
use serde_json::Value;
use std::path::{Path, PathBuf};
use unmask_frame::without_bom;
use unmask_network::NetworkConfig;

/// The largest `config.json` that is read.
const LIMIT_BYTES: u64 = 1 << 20;

/// What `config.json` says.
pub(super) struct ConfigValue {
    path: PathBuf,
    json: Value,
}

impl ConfigValue {
    /// Reads the `config.json` next to the checkpoint at `path`.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is of another model than the network can be.
    pub(super) fn read(path: &Path) -> Result<Self, GraphError> {
        let path = path.with_file_name("config.json");
        let text = unmask_frame::read_regular_text(&path, LIMIT_BYTES).map_err(|source| {
            GraphError::Read {
                path: path.clone(),
                source: std::io::Error::new(
                    source.kind(),
                    format!("{source} (it must be next to the checkpoint)"),
                ),
            }
        })?;
        let json =
            serde_json::from_str(without_bom(&text)).map_err(|e| GraphError::NotCheckpoint {
                path: path.clone(),
                what: format!("it is not JSON ({e})"),
            })?;
        let said = Self { path, json };
        for (key, want) in [
            ("model_type", Value::from("mask2former")),
            ("backbone_config.model_type", Value::from("swin")),
            ("backbone_config.hidden_act", Value::from("gelu")),
            (
                "backbone_config.use_absolute_embeddings",
                Value::from(false),
            ),
            ("activation_function", Value::from("relu")),
            ("pre_norm", Value::from(false)),
            ("common_stride", Value::from(4)),
        ] {
            // What is not said is the default, which is what is wanted.
            if let Some(found) = said.get(key).filter(|&found| found != &want) {
                let what = format!("is {found}, only {want} can be imported");
                return Err(said.wrong(key, what));
            }
        }
        Ok(said)
    }

    /// Attention heads of both decoders.
    pub(super) fn heads(&self) -> Result<usize, GraphError> {
        let key = "num_attention_heads";
        let heads = self
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok());
        let heads = heads.filter(|n| (1..=64).contains(n));
        heads.ok_or_else(|| self.wrong(key, "is missing, or no number from 1 to 64".to_owned()))
    }

    /// Names of the `classes`; none where they are placeholders (`LABEL_0`).
    pub(super) fn labels(&self, classes: usize) -> Option<Vec<String>> {
        let labels = self.get("id2label")?.as_object()?;
        let name = |i: usize| Some(labels.get(&i.to_string())?.as_str()?.to_owned());
        let names: Vec<String> = (0..classes).map(name).collect::<Option<_>>()?;
        let placeholder = |(i, name): (usize, &String)| *name == format!("LABEL_{i}");
        (!names.iter().enumerate().all(placeholder)).then_some(names)
    }

    /// Holds the sizes read off the tensors against those that are said.
    ///
    /// # Errors
    /// The first that differs.
    pub(super) fn agrees(&self, config: &NetworkConfig) -> Result<(), GraphError> {
        let mut sizes = vec![
            ("hidden_dim", Value::from(config.dim)),
            ("feature_size", Value::from(config.dim)),
            ("mask_feature_size", Value::from(config.dim)),
            ("encoder_layers", Value::from(config.encoder_layers)),
            ("decoder_layers", Value::from(config.decoder_layers + 1)),
            ("num_queries", Value::from(config.queries)),
        ];
        if let Some(swin) = &config.swin {
            sizes.extend([
                ("backbone_config.embed_dim", Value::from(swin.embed)),
                ("backbone_config.depths", Value::from(swin.depths.to_vec())),
                (
                    "backbone_config.num_heads",
                    Value::from(swin.heads.to_vec()),
                ),
                ("backbone_config.window_size", Value::from(swin.window)),
            ]);
        }
        for (key, found) in sizes {
            if let Some(said) = self.get(key).filter(|&said| said != &found) {
                let what = format!("is {said}, the tensors have {found}");
                return Err(self.wrong(key, what));
            }
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.json, |at, part| at.get(part))
    }

    fn wrong(&self, key: &str, what: String) -> GraphError {
        GraphError::Key {
            path: self.path.clone(),
            key: key.to_owned(),
            what,
        }
    }
}
