//! Import: checkpoints as detectron2 and HuggingFace write them → ONNX → CPU engine, against
//! `tests/fixtures/import` (made by `tests/fixtures/make_import.py`).

mod common;

use common::tensors::{Tensors, difference, read_tensors, run};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use unmask_graph::checkpoint::{self, Checkpoint, CheckpointOrigin, CheckpointWeights};
use unmask_graph::export::{self, ExportOptions};
use unmask_graph::import;
use unmask_graph::write::SamplingForm;
use unmask_network::{AttentionKind, SwinConfig};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn authors() -> PathBuf {
    fixtures().join("import/authors.pth")
}

fn swin() -> PathBuf {
    fixtures().join("import/swin/model.safetensors")
}

fn tensors(file: &str) -> Tensors {
    read_tensors(&fixtures().join(file))
}

fn read(path: &Path) -> Result<Checkpoint, String> {
    import::read(path, None).map_err(|e| e.to_string())
}

/// Exports `checkpoint` in both forms of sampling; logits must be within 1e-4 of those in `want`.
fn parity(label: &str, checkpoint: &Checkpoint, want: &str) {
    let image = &tensors("network/tiny.safetensors")["io.image"];
    let want = tensors(want);
    for sampling in [SamplingForm::Gather, SamplingForm::Gridsample] {
        let options = ExportOptions {
            size: Some(checkpoint::parse_size("64x96").unwrap()),
            sampling,
        };
        let bytes = export::model(checkpoint, &options).unwrap().to_bytes();
        let got = run(&bytes, image);
        for name in ["class_logits", "mask_logits"] {
            let apart = difference(&got[name], &want[&format!("io.{name}")]);
            println!("{label}, {sampling}: {name} differs by {apart:.1e}");
            assert!(
                apart <= 1e-4,
                "{label}, {sampling}: {name} differs by {apart:.1e}"
            );
        }
    }
}

#[test]
fn the_authors_checkpoint_is_imported_exactly() {
    let checkpoint = read(&authors()).unwrap();
    assert_eq!(checkpoint.origin, CheckpointOrigin::Detectron2);
    let config = &checkpoint.config;
    assert_eq!((config.depth, config.width, config.dim), (50, 1, 32));
    assert_eq!((config.encoder_layers, config.decoder_layers), (1, 1));
    assert_eq!((config.queries, config.classes), (5, 19));
    assert_eq!(config.attention, AttentionKind::Global);
    assert_eq!(checkpoint.metadata.classes, import::CITYSCAPES);
    parity("authors", &checkpoint, "import/authors.safetensors");
}

#[test]
fn a_huggingface_checkpoint_is_imported_exactly() {
    let checkpoint = read(&swin()).unwrap();
    assert_eq!(checkpoint.origin, CheckpointOrigin::HuggingFace);
    let sizes = SwinConfig {
        embed: 4,
        depths: [2, 1, 1, 1],
        heads: [1, 2, 2, 4],
        window: 3,
        mlp_ratio: 2,
    };
    assert_eq!(checkpoint.config.swin, Some(sizes));
    assert_eq!(checkpoint.config.attention, AttentionKind::Masked);
    assert_eq!(
        checkpoint.metadata.classes,
        ["sky", "road", "building", "car"]
    );
    assert_eq!(checkpoint.metadata.road, [1]);
    parity("swin", &checkpoint, "import/swin.safetensors");
}

/// Writes `weights` as safetensors named `name` in `dir`.
fn save(dir: &Path, name: &str, weights: &CheckpointWeights) -> PathBuf {
    let bytes: Vec<(&str, Vec<usize>, Vec<u8>)> = weights
        .iter()
        .map(|(key, tensor)| {
            let bytes = tensor.data.iter().flat_map(|v| v.to_le_bytes()).collect();
            (key, tensor.shape.clone(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(key, shape, bytes)| {
        (
            *key,
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    let path = dir.join(name);
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

#[test]
fn swin_of_detectron2_is_the_same_network() {
    let theirs = read(&swin()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // Detectron2's names are our own; its files hold an index that is computed again.
    let path = save(dir.path(), "d2.safetensors", &theirs.weights);
    let error = read(&path).unwrap_err();
    assert!(
        error.contains("the model has 4") && error.contains("--facts"),
        "{error}"
    );
    let metadata = dir.path().join("metadata.toml");
    fs::write(
        &metadata,
        "classes = [\"sky\", \"road\", \"building\", \"car\"]",
    )
    .unwrap();
    let ours = import::read(&path, Some(&metadata)).unwrap();
    assert_eq!(ours.origin, CheckpointOrigin::Detectron2);
    assert_eq!(ours.config, theirs.config);
    assert_eq!(ours.weights, theirs.weights);
    assert_eq!(ours.metadata, theirs.metadata);
}

#[test]
fn mask2former_with_a_deeper_resnet_is_imported() {
    let global = read(&authors()).unwrap().weights;
    let mut stock = CheckpointWeights::new();
    for (key, tensor) in global.iter() {
        if !key.contains("_background.") {
            stock.insert(
                key.replace("multihead_attn_foreground", "multihead_attn"),
                tensor.clone(),
            );
        }
        for block in 6..23 {
            if key.starts_with("backbone.res4.5.") {
                stock.insert(
                    key.replace("res4.5.", &format!("res4.{block}.")),
                    tensor.clone(),
                );
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = read(&save(dir.path(), "r101.safetensors", &stock)).unwrap();
    assert_eq!(
        (checkpoint.config.depth, checkpoint.config.attention),
        (101, AttentionKind::Masked)
    );
    let options = ExportOptions {
        size: Some(checkpoint::parse_size("64x64").unwrap()),
        ..ExportOptions::default()
    };
    export::check(&export::model(&checkpoint, &options).unwrap().to_bytes()).unwrap();
}

#[test]
fn keys_that_do_not_fit_are_named_as_the_file_names_them() {
    let mut checkpoint = read(&swin()).unwrap();
    let class = "sem_seg_head.predictor.class_embed.bias";
    let table = "backbone.layers.0.blocks.1.attn.relative_position_bias_table";
    let mut tensor = checkpoint.weights.remove(table).unwrap();
    tensor.shape = vec![1, 25];
    checkpoint.weights.insert(table, tensor);
    let bias = checkpoint.weights.remove(class).unwrap();
    checkpoint.weights.insert("backbone.norm9.weight", bias);
    let error = export::model(&checkpoint, &ExportOptions::default())
        .unwrap_err()
        .to_string();
    for part in [
        "`class_predictor.bias` [5] is missing",
        "encoder.layers.0.blocks.1.attention.self.relative_position_bias_table` should be [25, 1] \
         but is [1, 25]",
        "`backbone.norm9.weight` [5] belongs to nothing",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }

    let mut weights = read(&authors()).unwrap().weights;
    let dir = tempfile::tempdir().unwrap();
    let class = weights
        .remove("sem_seg_head.predictor.class_embed.weight")
        .unwrap();
    let error = read(&save(dir.path(), "c.safetensors", &weights)).unwrap_err();
    assert!(
        error.contains("c.safetensors: `sem_seg_head.predictor.class_embed.weight`"),
        "{error}"
    );
    weights.insert("sem_seg_head.predictor.class_embed.weight", class);
    for (key, says) in [
        ("backbone.res3.0.conv1.weight", "[3, 3, 6, 3] blocks"),
        (
            "sem_seg_head.pixel_decoder.transformer.encoder.layers.0.self_attn.attention_weights.\
             weight",
            "is missing",
        ),
    ] {
        let mut less = weights.clone();
        for (name, _) in weights.iter() {
            if name.starts_with(key)
                || (key.contains("res3") && name.starts_with("backbone.res3.3"))
            {
                less.remove(name);
            }
        }
        let error = read(&save(dir.path(), "c.safetensors", &less)).unwrap_err();
        assert!(error.contains(says), "{key}: {error}");
    }
}

/// A folder with the HuggingFace fixture and a `config.json` in which `from` is `to`.
fn altered(from: &str, to: &str) -> Result<Checkpoint, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    fs::copy(swin(), &path).unwrap();
    let json = fs::read_to_string(swin().with_file_name("config.json")).unwrap();
    assert!(json.contains(from), "{from}");
    fs::write(dir.path().join("config.json"), json.replace(from, to)).unwrap();
    read(&path)
}

#[test]
fn a_config_of_another_network_is_refused() {
    altered("\"pre_norm\": false", "\"pre_norm\": false").unwrap();
    for (from, to, says) in [
        (
            "\"pre_norm\": false",
            "\"pre_norm\": true",
            "`pre_norm` is true, only false",
        ),
        (
            "\"swin\"",
            "\"resnet\"",
            "`backbone_config.model_type` is \"resnet\"",
        ),
        (
            "\"window_size\": 3",
            "\"window_size\": 7",
            "`backbone_config.window_size` is 7",
        ),
        (
            "\"num_attention_heads\": 8",
            "\"num_attention_heads\": 4",
            "with 4 heads has 48",
        ),
        (
            "\"num_attention_heads\": 8",
            "\"num_attention_heads\": 0",
            "from 1 to 64",
        ),
        (
            "\"num_queries\": 5",
            "\"num_queries\": 100",
            "`num_queries` is 100",
        ),
        ("\"model_type\": \"mask2former\"", "nonsense", "not JSON"),
    ] {
        let error = altered(from, to).unwrap_err();
        assert!(error.contains(says), "{to}: {error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    fs::copy(swin(), &path).unwrap();
    let error = read(&path).unwrap_err();
    assert!(
        error.contains("config.json") && error.contains("next to the checkpoint"),
        "{error}"
    );
}

#[test]
fn other_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.pth");
    assert!(read(&path).unwrap_err().contains("cannot read"));
    for (bytes, says) in [
        (&b"PK\x03\x04 no zip"[..], "zip archive"),
        (b"\x80\x04.", "empty stack"),
        (b"\x80\x04N.", "no dict of named tensors"),
        (b"\x80\x04}.", "holds no weights"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "git lfs pull",
        ),
        (b"\x80\x02cos\nsystem\n.", "names `os.system`"),
        (b"nonsense", "not a whole safetensors file"),
        (b"", "not a whole safetensors file"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = read(&path).unwrap_err();
        assert!(
            error.contains("c.pth") && error.contains(says),
            "{bytes:?}: {error}"
        );
    }
    // The size is looked at before anything is read: these have no bytes on disk.
    let huge = fs::File::create(&path).unwrap();
    huge.set_len(checkpoint::FILE_LIMIT_BYTES + 1).unwrap();
    assert!(read(&path).unwrap_err().contains("at most 4294967296"));
    // Weights of this project that lost their header are no detectron2 checkpoint.
    let bare = fixtures().join("network/tiny.safetensors");
    let error = read(&bare).unwrap_err();
    assert!(
        error.contains("has 48 rows") && error.contains("8 heads has 96"),
        "{error}"
    );
    // Facts are for checkpoints that have none.
    let header = HashMap::from([("unmask.config".to_owned(), "{}".to_owned())]);
    let none: [(&str, TensorView<'_>); 0] = [];
    fs::write(&path, safetensors::serialize(none, Some(header)).unwrap()).unwrap();
    let error = import::read(&path, Some(Path::new("metadata.toml")))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--facts is for"), "{error}");
}

/// Writes `weights` with other keys, as a plain safetensors file.
fn renamed(dir: &Path, name: &str, file: &Path, key: impl Fn(&str) -> String) -> PathBuf {
    let mut weights = CheckpointWeights::new();
    let bytes = fs::read(file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (old, tensor) in CheckpointWeights::from_safetensors(file, &tensors)
        .unwrap()
        .iter()
    {
        weights.insert(key(old), tensor.clone());
    }
    save(dir, name, &weights)
}

#[test]
fn wrapped_checkpoints_are_those_without_the_prefix() {
    let plain = read(&authors()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let names = ["module.", "_orig_mod.", "model.", "module._orig_mod.model."];
    for (i, prefix) in names.iter().enumerate() {
        let mut wrapped = CheckpointWeights::new();
        for (key, tensor) in plain.weights.iter() {
            wrapped.insert(format!("{prefix}{key}"), tensor.clone());
        }
        let got = read(&save(dir.path(), &format!("{i}.bin"), &wrapped)).unwrap();
        assert_eq!(got.weights, plain.weights, "{prefix}");
        assert_eq!(got.origin, CheckpointOrigin::Detectron2, "{prefix}");
    }
    let both = {
        let mut both = CheckpointWeights::new();
        for (key, tensor) in plain.weights.iter() {
            both.insert(key, tensor.clone());
            both.insert(format!("_orig_mod.{key}"), tensor.clone());
        }
        read(&save(dir.path(), "both.safetensors", &both)).unwrap_err()
    };
    assert!(both.contains("which another key holds, too"), "{both}");
}

#[test]
fn wrapped_huggingface_checkpoints_are_those_without_the_prefix() {
    let plain = read(&swin()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::copy(
        swin().with_file_name("config.json"),
        dir.path().join("config.json"),
    )
    .unwrap();
    for prefix in ["module.", "model.", "_orig_mod.module."] {
        let path = renamed(dir.path(), "w.bin", &swin(), |key| format!("{prefix}{key}"));
        let got = read(&path).unwrap();
        assert_eq!(got.weights, plain.weights, "{prefix}");
        assert_eq!(got.origin, CheckpointOrigin::HuggingFace, "{prefix}");
    }
}

/// A key as `transformers` 5 has it in memory.
fn newer(key: &str) -> String {
    let encoder = "model.pixel_level_module.encoder.";
    let Some(rest) = key.strip_prefix(encoder) else {
        return key.to_owned();
    };
    // The norm after the last stage has its newer name in the file already.
    if rest.starts_with("hidden_states_norms.") || rest.starts_with("swin.") {
        return key.to_owned();
    }
    let mut rest = rest.to_owned();
    for (older, newer) in [
        ("attention.self.query", "attention.q_proj"),
        ("attention.self.key", "attention.k_proj"),
        ("attention.self.value", "attention.v_proj"),
        (
            "attention.self.relative_position_bias_table",
            "attention.relative_position_bias.relative_position_bias_table",
        ),
        ("attention.output.dense", "attention.o_proj"),
        ("intermediate.dense", "mlp.fc1"),
        ("output.dense", "mlp.fc2"),
    ] {
        rest = rest.replace(older, newer);
    }
    format!("{encoder}swin.{rest}")
}

#[test]
fn newer_transformers_names_give_the_same_network() {
    let plain = read(&swin()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::copy(
        swin().with_file_name("config.json"),
        dir.path().join("config.json"),
    )
    .unwrap();
    let path = renamed(dir.path(), "v5.safetensors", &swin(), newer);
    let got = read(&path).unwrap();
    assert_eq!(got.weights, plain.weights);
    assert_eq!(got.config, plain.config);
}

/// The HuggingFace fixture in two shards with an index, in `dir`; the index.
fn sharded(dir: &Path) -> PathBuf {
    fs::copy(
        swin().with_file_name("config.json"),
        dir.join("config.json"),
    )
    .unwrap();
    let bytes = fs::read(swin()).unwrap();
    let all = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut map = serde_json::Map::new();
    for part in 0..2 {
        let file = format!("model-0000{}-of-00002.safetensors", part + 1);
        let mut own = Vec::new();
        for (i, (key, view)) in all.tensors().into_iter().enumerate() {
            if i % 2 == part {
                map.insert(key.clone(), file.clone().into());
                own.push((key, view));
            }
        }
        fs::write(dir.join(file), safetensors::serialize(own, None).unwrap()).unwrap();
    }
    let index = dir.join("model.safetensors.index.json");
    let json = serde_json::json!({ "metadata": {}, "weight_map": map });
    fs::write(&index, json.to_string()).unwrap();
    index
}

#[test]
fn shards_are_put_together() {
    let plain = read(&swin()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let index = sharded(dir.path());
    assert_eq!(read(&index).unwrap().weights, plain.weights);
    // The folder stands for what is in it.
    assert_eq!(read(dir.path()).unwrap().weights, plain.weights);

    let first = dir.path().join("model-00001-of-00002.safetensors");
    let error = read(&first).unwrap_err();
    assert!(
        error.contains("one of 2 files") && error.contains("model.safetensors.index.json"),
        "{error}"
    );
    let second = dir.path().join("model-00002-of-00002.safetensors");
    fs::copy(&first, &second).unwrap();
    let error = read(&index).unwrap_err();
    assert!(error.contains("two of its shards hold"), "{error}");
    fs::remove_file(&second).unwrap();
    let error = read(&index).unwrap_err();
    assert!(
        error.contains("00002-of-00002.safetensors is missing"),
        "{error}"
    );
    for (text, says) in [
        ("{}", "not an index of shards"),
        (
            "{\"weight_map\": {\"a\": \"../b.safetensors\"}}",
            "not a file next to it",
        ),
    ] {
        fs::write(&index, text).unwrap();
        let error = read(&index).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    let error = read(empty.path()).unwrap_err();
    assert!(
        error.contains("a folder without model.safetensors"),
        "{error}"
    );
}

#[test]
fn a_safetensors_file_of_another_network_is_named_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resnet.safetensors");
    let data = [0u8; 4];
    let view = TensorView::new(Dtype::F32, vec![1], &data).unwrap();
    fs::write(
        &path,
        safetensors::serialize([("fc.bias", view)], None).unwrap(),
    )
    .unwrap();
    let error = read(&path).unwrap_err();
    assert!(
        error.contains("not those of Mask2Former") && error.contains("`fc.bias`"),
        "{error}"
    );
}

/// The fixture of three arrays with its dict `model` below `names`, one in the other, instead.
fn nested(names: &[&str]) -> Vec<u8> {
    let whole = fs::read(fixtures().join("import/arrays.2.pkl")).unwrap();
    let text = |text: &str| {
        [
            &b"X"[..],
            &(text.len() as u32).to_le_bytes(),
            text.as_bytes(),
        ]
        .concat()
    };
    let find = |part: &[u8]| whole.windows(part.len()).position(|w| w == part).unwrap();
    let (start, end) = (find(&text("model")), find(&text("__author__")));
    // Behind the name come `q` and a number, which remember it.
    let inner = &whole[start + text("model").len() + 2..end];
    let names: Vec<Vec<u8>> = names.iter().map(|name| text(name)).collect();
    [
        &whole[..start],
        &names.join(&b'}'),
        inner,
        &b"s".repeat(names.len() - 1),
        &whole[end..],
    ]
    .concat()
}

#[test]
fn nested_dicts_are_searched_for_weights() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.pth");
    for names in [
        &["model"][..],
        &["net"],
        &["state_dict"],
        &["model", "state_dict"],
        &["model_state_dict", "module"],
    ] {
        fs::write(&path, nested(names)).unwrap();
        let error = read(&path).unwrap_err();
        assert!(
            error.contains("(the first is `a.weight`)"),
            "{names:?}: {error}"
        );
    }
    fs::write(&path, nested(&["ema"])).unwrap();
    let error = read(&path).unwrap_err();
    assert!(
        error.contains("no tensors, but `ema`, `__author__`") && error.contains("`net`"),
        "{error}"
    );
}

/// A stream of numbers, the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// Cuts and changes the file `original`: every outcome is a checkpoint or an error that names a
/// file or weights.
fn mutate(original: &Path, rounds: usize, region: impl Fn(usize) -> usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mutant.file");
    let json = original.with_file_name("config.json");
    if json.is_file() {
        fs::copy(json, dir.path().join("config.json")).unwrap();
    }
    let whole = fs::read(original).unwrap();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for round in 0..rounds {
        let mut bytes = whole.clone();
        if round % 4 == 0 {
            bytes.truncate(dice.roll(whole.len()));
        } else {
            for _ in 0..=round % 3 {
                let at = dice.roll(region(whole.len()));
                bytes[at] = dice.roll(256) as u8;
            }
        }
        fs::write(&path, &bytes).unwrap();
        if let Err(error) = read(&path) {
            let named = error.contains("mutant.file") || error.contains("config.json");
            assert!(named || error.contains("do not fit"), "{error}");
            refused += 1;
        }
    }
    println!("{}: {refused} of {rounds} refused", original.display());
    assert!(refused > rounds / 4);
}

#[test]
fn damaged_archives_never_panic() {
    mutate(&authors(), 300, |len| len);
}

#[test]
fn damaged_safetensors_never_panic() {
    // Half of the changes would fall on numbers, where any byte will do: change the header only.
    mutate(&swin(), 300, |_| 20_000);
}
