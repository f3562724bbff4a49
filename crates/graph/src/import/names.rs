//! Parameter names: those that are ignored, and HuggingFace's mapped to detectron2's.

#[cfg(test)]
mod tests;

use crate::checkpoint::{CheckpointWeights, WeightTensor};
use crate::{GraphError, WeightProblem};
use std::collections::BTreeMap;

const ENCODER: &str = "model.pixel_level_module.encoder.";
const DECODER: &str = "model.pixel_level_module.decoder.";
const MODULE: &str = "model.transformer_module.";

/// What wrappers write before every name: distributed training, compilation, Lightning modules, and
/// dictionaries that were flattened.
const WRAPPERS: [&str; 5] = ["module.", "model.", "net.", "network.", "state_dict."];
/// What wrappers of single layers write anywhere inside a name: compilation, FSDP, checkpointing of
/// activations.
const INNER_WRAPPERS: [&str; 3] = [
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];
/// How the names of a whole checkpoint begin: detectron2's, HuggingFace's.
const ANCHORS: [&str; 2] = ["sem_seg_head.", "model.pixel_level_module."];

/// Whether a key of a checkpoint belongs to training only, or to nothing: counters, buffers that
/// are computed again, the criterion, Mask2Anomaly's `fusion_layer`, which its authors create and
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

/// From the keys of a checkpoint to the names that its framework gives the parameters: without
/// what wrappers put before or into them.
#[derive(Debug)]
pub(super) struct KeyMap {
    /// What stands before the names of this file, without inner wrappers.
    wrapper: String,
}

impl KeyMap {
    /// Finds the wrapper of a file with `keys`: any stack of [`WRAPPERS`] before a name that a
    /// Mask2Former has. Where several fit (a network and its moving average, say), the shortest.
    pub(super) fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let found = keys.into_iter().filter_map(|key| {
            let key = unwrapped_inside(key);
            let wrapper = wrapper_of(&key)?;
            Some(wrapper.to_owned())
        });
        let wrapper = found.min_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        Self {
            wrapper: wrapper.unwrap_or_default(),
        }
    }

    /// The name of the parameter `key`; none for what no network reads.
    pub(super) fn name(&self, key: &str) -> Option<String> {
        let key = unwrapped_inside(key);
        let name = key.strip_prefix(&self.wrapper).unwrap_or(&key);
        (!passed_over(name)).then(|| name.to_owned())
    }
}

fn unwrapped_inside(key: &str) -> String {
    let parts = key.split('.').filter(|part| !INNER_WRAPPERS.contains(part));
    parts.collect::<Vec<_>>().join(".")
}

/// What stands before the name in `key`, where the name begins as a Mask2Former's.
fn wrapper_of(key: &str) -> Option<&str> {
    let mut rest = key;
    loop {
        if ANCHORS.iter().any(|anchor| rest.starts_with(anchor)) {
            return Some(&key[..key.len() - rest.len()]);
        }
        rest = WRAPPERS.iter().find_map(|w| rest.strip_prefix(w))?;
    }
}

/// Whether `weights` are named as HuggingFace names them.
pub(super) fn is_huggingface(weights: &CheckpointWeights) -> bool {
    weights
        .iter()
        .any(|(key, _)| key.starts_with("model.pixel_level_module."))
}

/// Whether `weights` are named as detectron2 names them.
pub(super) fn is_detectron2(weights: &CheckpointWeights) -> bool {
    weights
        .iter()
        .any(|(key, _)| key.starts_with("sem_seg_head."))
}

/// Why `weights`, which are named in neither way, cannot be imported.
pub(super) fn foreign(weights: &CheckpointWeights) -> String {
    let starts = |start: &str| weights.iter().any(|(key, _)| key.starts_with(start));
    let first = weights.iter().next().map(|(key, _)| key);
    let Some(first) = first else {
        return "it holds no weights of floating point".to_owned();
    };
    let what = if starts("pixel_level_module.") {
        "it is a `Mask2FormerModel` without its `class_predictor`: save the \
         `Mask2FormerForUniversalSegmentation` around it"
    } else if starts("decode_head.") || starts("panoptic_head.") || starts("data_preprocessor.") {
        "its keys are OpenMMLab's, which are not imported: give detectron2's or HuggingFace's \
         checkpoint of the model"
    } else if starts("base_model.model.") {
        "it is an adapter of `peft`, not a network: merge it into its model \
         (`merge_and_unload`) and save that"
    } else {
        return format!(
            "its keys are not those of Mask2Former, with or without a wrapper's prefix (the first is \
             `{first}`)"
        );
    };
    format!("{what} (its first key is `{first}`)")
}

/// Detectron2's weights with what older files call otherwise renamed: `static_query`, the pixel
/// decoder straight below the head.
pub(super) fn renew(weights: CheckpointWeights) -> CheckpointWeights {
    const HEAD: &str = "sem_seg_head.";
    let old = !weights.iter().any(|(key, _)| {
        key.strip_prefix(HEAD)
            .is_some_and(|rest| rest.starts_with("pixel_decoder."))
    });
    let mut out = CheckpointWeights::new();
    for (key, tensor) in weights.iter() {
        let mut key = key.to_owned();
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

/// The names that `transformers` 5 gives the parts of a Swin in memory (from 5.14 on), which
/// `save_pretrained` writes back as the older ones and `torch.save` does not; and the older ones.
const NEWER_SWIN: [(&str, &str); 7] = [
    (".attention.q_proj.", ".attention.self.query."),
    (".attention.k_proj.", ".attention.self.key."),
    (".attention.v_proj.", ".attention.self.value."),
    (".attention.o_proj.", ".attention.output.dense."),
    (
        ".attention.relative_position_bias.relative_position_bias_table",
        ".attention.self.relative_position_bias_table",
    ),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
];

/// HuggingFace's `key` in the words of `transformers` 4.
fn older(key: &str) -> String {
    let Some(rest) = key.strip_prefix(ENCODER) else {
        return key.to_owned();
    };
    let mut rest = rest.strip_prefix("swin.").unwrap_or(rest).to_owned();
    for (newer, older) in NEWER_SWIN {
        rest = rest.replacen(newer, older, 1);
    }
    format!("{ENCODER}{rest}")
}

/// A family of parameters: HuggingFace's words and detectron2's, `#` for a number. What follows
/// (`.weight`, `.bias`) stays, except after `_`, where it is joined without the dot.
struct NameRule {
    theirs: String,
    ours: &'static str,
    /// The part of the rows that it is, where three parameters become one.
    part: Option<usize>,
}

fn rules() -> Vec<NameRule> {
    let rule = |start: &str, theirs: &str, ours, part| NameRule {
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
pub(super) fn from_huggingface(
    weights: CheckpointWeights,
) -> Result<CheckpointWeights, GraphError> {
    let rules = rules();
    let mut out = CheckpointWeights::new();
    let mut problems = Vec::new();
    let mut parts: BTreeMap<String, [Option<(String, WeightTensor)>; 3]> = BTreeMap::new();
    for (key, tensor) in weights.iter() {
        let older = older(key);
        let found = rules
            .iter()
            .find_map(|rule| Some((rule, matched(&rule.theirs, &older)?)));
        let Some((rule, (numbers, tail))) = found else {
            problems.push(WeightProblem::Extra {
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
                Some((key, tensor)) => problems.push(WeightProblem::Shape {
                    key,
                    expected: shape.clone(),
                    found: tensor.shape,
                }),
                None => problems.push(WeightProblem::Missing {
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
        out.insert(name, WeightTensor { shape, data });
    }
    match problems.is_empty() {
        true => Ok(out),
        false => Err(GraphError::Unfit { problems }),
    }
}

/// What HuggingFace calls our `name`; of three parts, the one asked for or the first.
fn theirs(rules: &[NameRule], name: &str, part: Option<usize>) -> String {
    let wanted = |rule: &&NameRule| rule.part.is_none() || rule.part == part.or(Some(0));
    let found = rules.iter().filter(wanted).find_map(|rule| {
        let (numbers, tail) = matched(rule.ours, name)?;
        Some(filled(&rule.theirs, &numbers, tail))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// `error` with HuggingFace's names in place of detectron2's.
pub(crate) fn in_huggingface_words(error: GraphError) -> GraphError {
    let rules = rules();
    let word = |key: String| theirs(&rules, &key, None);
    match error {
        GraphError::Unfit { problems } => GraphError::Unfit {
            problems: problems
                .into_iter()
                .map(|problem| match problem {
                    WeightProblem::Missing { key, expected } => WeightProblem::Missing {
                        key: word(key),
                        expected,
                    },
                    WeightProblem::Shape {
                        key,
                        expected,
                        found,
                    } => WeightProblem::Shape {
                        key: word(key),
                        expected,
                        found,
                    },
                    WeightProblem::Extra { key, found } => WeightProblem::Extra {
                        key: word(key),
                        found,
                    },
                    other => other,
                })
                .collect(),
        },
        GraphError::Key { path, key, what } => GraphError::Key {
            path,
            key: word(key),
            what,
        },
        other => other,
    }
}
