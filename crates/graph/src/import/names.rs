//! Names of parameters: which no network reads, and HuggingFace's in detectron2's words.

#[cfg(test)]
mod tests;

use crate::checkpoint::{Tensor, Weights};
use crate::{Error, Problem};
use std::collections::BTreeMap;

const ENCODER: &str = "model.pixel_level_module.encoder.";
const DECODER: &str = "model.pixel_level_module.decoder.";
const MODULE: &str = "model.transformer_module.";

/// Whether a key of a checkpoint belongs to training only, or to nothing: counters, buffers that
/// are computed anew, the criterion, Mask2Anomaly's `fusion_layer`, which its authors create and
/// never call, and the norm after the last stage, which no backbone uses.
pub(super) fn passed_over(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    matches!(
        last,
        "num_batches_tracked"
            | "relative_position_index"
            | "attn_mask"
            | "pixel_mean"
            | "pixel_std"
    ) || key.starts_with("criterion.")
        || key.contains(".fusion_layer.")
        || key.starts_with("model.pixel_level_module.encoder.swin.layernorm.")
        || key.starts_with("model.pixel_level_module.encoder.layernorm.")
}

/// Whether `weights` are named as HuggingFace names them.
pub(super) fn is_huggingface(weights: &Weights) -> bool {
    weights
        .iter()
        .any(|(key, _)| key.starts_with("model.pixel_level_module."))
}

/// Whether `weights` are named as detectron2 names them.
pub(super) fn is_detectron2(weights: &Weights) -> bool {
    weights
        .iter()
        .any(|(key, _)| key.starts_with("sem_seg_head."))
}

/// Detectron2's weights with what older files call otherwise renamed: `module.` before every name
/// (saved from a distributed model), `static_query`, the pixel decoder straight below the head.
pub(super) fn renew(weights: Weights) -> Weights {
    const HEAD: &str = "sem_seg_head.";
    let wrapped = weights.iter().all(|(key, _)| key.starts_with("module."));
    let strip = |key: &str| match wrapped {
        true => key["module.".len()..].to_owned(),
        false => key.to_owned(),
    };
    let inner = |key: &str, part: &str| {
        let key = key.strip_prefix("module.").unwrap_or(key);
        key.strip_prefix(HEAD)
            .is_some_and(|rest| rest.starts_with(part))
    };
    let old = !weights.iter().any(|(key, _)| inner(key, "pixel_decoder."));
    let mut out = Weights::new();
    for (key, tensor) in weights.iter() {
        let mut key = strip(key);
        if let Some(rest) = key.strip_prefix(HEAD)
            && old
            && !rest.starts_with("predictor.")
        {
            key = format!("{HEAD}pixel_decoder.{rest}");
        }
        let key = key.replace(".predictor.static_query.", ".predictor.query_feat.");
        out.insert(key, tensor.clone());
    }
    out
}

/// A family of parameters: HuggingFace's words and detectron2's, `#` for a number. What follows
/// (`.weight`, `.bias`) stays, except after `_`, where it is joined without the dot.
struct Rule {
    theirs: String,
    ours: &'static str,
    /// The part of the rows that it is, where three parameters become one.
    part: Option<usize>,
}

fn rules() -> Vec<Rule> {
    let rule = |start: &str, theirs: &str, ours, part| Rule {
        theirs: format!("{start}{theirs}"),
        ours,
        part,
    };
    let mut all = Vec::new();
    for (theirs, ours) in [
        (
            "embeddings.patch_embeddings.projection",
            "backbone.patch_embed.proj",
        ),
        ("embeddings.norm", "backbone.patch_embed.norm"),
        ("hidden_states_norms.stage1", "backbone.norm0"),
        ("hidden_states_norms.stage2", "backbone.norm1"),
        ("hidden_states_norms.stage3", "backbone.norm2"),
        ("hidden_states_norms.stage4", "backbone.norm3"),
        (
            "encoder.layers.#.downsample.norm",
            "backbone.layers.#.downsample.norm",
        ),
        (
            "encoder.layers.#.downsample.reduction",
            "backbone.layers.#.downsample.reduction",
        ),
        (
            "encoder.layers.#.blocks.#.layernorm_before",
            "backbone.layers.#.blocks.#.norm1",
        ),
        (
            "encoder.layers.#.blocks.#.layernorm_after",
            "backbone.layers.#.blocks.#.norm2",
        ),
        (
            "encoder.layers.#.blocks.#.attention.self.relative_position_bias_table",
            "backbone.layers.#.blocks.#.attn.relative_position_bias_table",
        ),
        (
            "encoder.layers.#.blocks.#.attention.output.dense",
            "backbone.layers.#.blocks.#.attn.proj",
        ),
        (
            "encoder.layers.#.blocks.#.intermediate.dense",
            "backbone.layers.#.blocks.#.mlp.fc1",
        ),
        (
            "encoder.layers.#.blocks.#.output.dense",
            "backbone.layers.#.blocks.#.mlp.fc2",
        ),
    ] {
        all.push(rule(ENCODER, theirs, ours, None));
    }
    for (part, name) in ["query", "key", "value"].iter().enumerate() {
        let theirs = format!("encoder.layers.#.blocks.#.attention.self.{name}");
        let ours = "backbone.layers.#.blocks.#.attn.qkv";
        all.push(rule(ENCODER, &theirs, ours, Some(part)));
    }
    for (theirs, ours) in [
        (
            "level_embed",
            "sem_seg_head.pixel_decoder.transformer.level_embed",
        ),
        (
            "input_projections.#.#",
            "sem_seg_head.pixel_decoder.input_proj.#.#",
        ),
        ("adapter_1.0", "sem_seg_head.pixel_decoder.adapter_1"),
        ("adapter_1.1", "sem_seg_head.pixel_decoder.adapter_1.norm"),
        ("layer_1.0", "sem_seg_head.pixel_decoder.layer_1"),
        ("layer_1.1", "sem_seg_head.pixel_decoder.layer_1.norm"),
        (
            "mask_projection",
            "sem_seg_head.pixel_decoder.mask_features",
        ),
        (
            "encoder.layers.#.self_attn.sampling_offsets",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.self_attn.sampling_offsets",
        ),
        (
            "encoder.layers.#.self_attn.attention_weights",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.self_attn.attention_weights",
        ),
        (
            "encoder.layers.#.self_attn.value_proj",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.self_attn.value_proj",
        ),
        (
            "encoder.layers.#.self_attn.output_proj",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.self_attn.output_proj",
        ),
        (
            "encoder.layers.#.self_attn_layer_norm",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.norm1",
        ),
        (
            "encoder.layers.#.final_layer_norm",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.norm2",
        ),
        (
            "encoder.layers.#.fc1",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.linear1",
        ),
        (
            "encoder.layers.#.fc2",
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.#.linear2",
        ),
    ] {
        all.push(rule(DECODER, theirs, ours, None));
    }
    for (theirs, ours) in [
        ("queries_features", "sem_seg_head.predictor.query_feat"),
        ("queries_embedder", "sem_seg_head.predictor.query_embed"),
        ("level_embed", "sem_seg_head.predictor.level_embed"),
        (
            "decoder.layers.#.cross_attn.in_proj_",
            "sem_seg_head.predictor.transformer_cross_attention_layers.#.multihead_attn.in_proj_",
        ),
        (
            "decoder.layers.#.cross_attn.out_proj",
            "sem_seg_head.predictor.transformer_cross_attention_layers.#.multihead_attn.out_proj",
        ),
        (
            "decoder.layers.#.cross_attn_layer_norm",
            "sem_seg_head.predictor.transformer_cross_attention_layers.#.norm",
        ),
        (
            "decoder.layers.#.self_attn.out_proj",
            "sem_seg_head.predictor.transformer_self_attention_layers.#.self_attn.out_proj",
        ),
        (
            "decoder.layers.#.self_attn_layer_norm",
            "sem_seg_head.predictor.transformer_self_attention_layers.#.norm",
        ),
        (
            "decoder.layers.#.fc1",
            "sem_seg_head.predictor.transformer_ffn_layers.#.linear1",
        ),
        (
            "decoder.layers.#.fc2",
            "sem_seg_head.predictor.transformer_ffn_layers.#.linear2",
        ),
        (
            "decoder.layers.#.final_layer_norm",
            "sem_seg_head.predictor.transformer_ffn_layers.#.norm",
        ),
        ("decoder.layernorm", "sem_seg_head.predictor.decoder_norm"),
        (
            "decoder.mask_predictor.mask_embedder.#.0",
            "sem_seg_head.predictor.mask_embed.layers.#",
        ),
    ] {
        all.push(rule(MODULE, theirs, ours, None));
    }
    for (part, name) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
        let theirs = format!("decoder.layers.#.self_attn.{name}");
        let ours = "sem_seg_head.predictor.transformer_self_attention_layers.#.self_attn.in_proj_";
        all.push(rule(MODULE, &theirs, ours, Some(part)));
    }
    all.push(rule(
        "",
        "class_predictor",
        "sem_seg_head.predictor.class_embed",
        None,
    ));
    all
}

/// The numbers in `key` and what follows the pattern, where `key` is of the family.
fn matched<'k>(pattern: &str, key: &'k str) -> Option<(Vec<&'k str>, &'k str)> {
    let mut numbers = Vec::new();
    let mut rest = key;
    for (i, piece) in pattern.split('#').enumerate() {
        if i > 0 {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, after) = rest.split_at(digits);
            if number.is_empty() {
                return None;
            }
            numbers.push(number);
            rest = after;
        }
        rest = rest.strip_prefix(piece)?;
    }
    let tail = rest.strip_prefix('.').unwrap_or(rest);
    let dotted = rest.len() != tail.len();
    let fits = match tail {
        "weight" | "bias" => dotted != pattern.ends_with('_'),
        "" => !dotted,
        _ => false,
    };
    fits.then_some((numbers, tail))
}

fn filled(pattern: &str, numbers: &[&str], tail: &str) -> String {
    let mut numbers = numbers.iter();
    let mut out = String::new();
    for (i, piece) in pattern.split('#').enumerate() {
        if i > 0 {
            out.push_str(numbers.next().unwrap_or(&"#"));
        }
        out.push_str(piece);
    }
    if !(tail.is_empty() || pattern.ends_with('_')) {
        out.push('.');
    }
    out + tail
}

/// HuggingFace's weights under detectron2's names; what is split in queries, keys and values is
/// put together.
///
/// # Errors
/// Every key that belongs to nothing, and every part that is missing or misshapen.
pub(super) fn from_huggingface(weights: Weights) -> Result<Weights, Error> {
    let rules = rules();
    let mut out = Weights::new();
    let mut problems = Vec::new();
    let mut parts: BTreeMap<String, [Option<(String, Tensor)>; 3]> = BTreeMap::new();
    for (key, tensor) in weights.iter() {
        let found = rules
            .iter()
            .find_map(|rule| Some((rule, matched(&rule.theirs, key)?)));
        let Some((rule, (numbers, tail))) = found else {
            problems.push(Problem::Extra {
                key: key.to_owned(),
                found: tensor.shape.clone(),
            });
            continue;
        };
        let name = filled(rule.ours, &numbers, tail);
        match rule.part {
            None => out.insert(name, tensor.clone()),
            Some(part) => {
                let three = parts.entry(name).or_default();
                three[part] = Some((key.to_owned(), tensor.clone()));
            }
        }
    }
    for (name, three) in parts {
        // All three have the shape of the first that is there.
        let Some(shape) = three.iter().flatten().next().map(|(_, t)| t.shape.clone()) else {
            continue;
        };
        let mut data = Vec::new();
        for (part, slot) in three.into_iter().enumerate() {
            match slot {
                Some((_, tensor)) if tensor.shape == shape => data.extend_from_slice(&tensor.data),
                Some((key, tensor)) => problems.push(Problem::Shape {
                    key,
                    expected: shape.clone(),
                    found: tensor.shape,
                }),
                None => problems.push(Problem::Missing {
                    key: theirs(&rules, &name, Some(part)),
                    expected: shape.clone(),
                }),
            }
        }
        let mut shape = shape;
        if let Some(rows) = shape.first_mut() {
            *rows *= 3;
        }
        let data = data.into();
        out.insert(name, Tensor { shape, data });
    }
    match problems.is_empty() {
        true => Ok(out),
        false => Err(Error::Unfit { problems }),
    }
}

/// What HuggingFace calls our `name`; of three parts, the one asked for or the first.
fn theirs(rules: &[Rule], name: &str, part: Option<usize>) -> String {
    let wanted = |rule: &&Rule| rule.part.is_none() || rule.part == part.or(Some(0));
    let found = rules.iter().filter(wanted).find_map(|rule| {
        let (numbers, tail) = matched(rule.ours, name)?;
        Some(filled(&rule.theirs, &numbers, tail))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// `error` with HuggingFace's names in place of detectron2's.
pub(crate) fn in_huggingface_words(error: Error) -> Error {
    let rules = rules();
    let word = |key: String| theirs(&rules, &key, None);
    match error {
        Error::Unfit { problems } => Error::Unfit {
            problems: problems
                .into_iter()
                .map(|problem| match problem {
                    Problem::Missing { key, expected } => Problem::Missing {
                        key: word(key),
                        expected,
                    },
                    Problem::Shape {
                        key,
                        expected,
                        found,
                    } => Problem::Shape {
                        key: word(key),
                        expected,
                        found,
                    },
                    Problem::Extra { key, found } => Problem::Extra {
                        key: word(key),
                        found,
                    },
                    other => other,
                })
                .collect(),
        },
        Error::Key { path, key, what } => Error::Key {
            path,
            key: word(key),
            what,
        },
        other => other,
    }
}
