//! Models made elsewhere, and files that were changed.

use super::*;

const TOML: &str = "mean = [128, 128, 128]\nstd = [64, 64, 64]\nclasses = ['road', 'sky', 'car']\n\
                    road = ['road']\nstuff = [1, 2]\nthreshold = 0.5\n";
const OUTPUTS: &str = "[outputs]\nclass_logits = 'scores'\nmask_logits = 'masks'\n";

#[test]
fn a_foreign_model_takes_its_metadata_into_the_prepared_file() {
    let toml = format!("{TOML}{OUTPUTS}");
    let (_folder, path) = changed("bare.onnx", &toml, |_| {});
    // The prepared file stands alone: no model.toml lies next to it.
    let mut engine = open(&prepare(&path, &PrepareOptions::default()).unwrap().bytes);
    assert_eq!(engine.model_metadata().classes, ["road", "sky", "car"]);
    assert_eq!(engine.model_metadata().threshold, Some(0.5));
    let picture = noise(Size::new(128, 64));
    let want = plain("mask.onnx").score(&picture, true).unwrap();
    assert!(difference(&want, &engine.score(&picture, true).unwrap()) <= 1e-5);
}

#[test]
fn no_object_may_be_the_first_column() {
    // The columns of class logits come from the constant `base`: the last one goes to the front.
    let first = |m: &mut ModelProto| {
        let graph = m.graph.as_mut().unwrap();
        let mut constants = graph.initializer.iter_mut();
        let base = constants.find(|t| t.name.as_deref() == Some("base"));
        let raw = base.unwrap().raw_data.as_mut().unwrap();
        for row in raw.chunks_exact_mut(16) {
            row.rotate_right(4);
        }
    };
    let toml = format!("no_object = 0\n{TOML}{OUTPUTS}");
    let (_folder, path) = changed("bare.onnx", &toml, first);
    let mut foreign = Engine::open(&path, THREADS).unwrap();
    assert_eq!(foreign.model_metadata().no_object, Some(0));
    let mut engine = open(&prepare(&path, &PrepareOptions::default()).unwrap().bytes);
    for picture in [noise(Size::new(128, 64)), half_red(Size::new(128, 64))] {
        let want = plain("mask.onnx").score(&picture, true).unwrap();
        assert_eq!(foreign.score(&picture, true).unwrap(), want);
        assert!(difference(&want, &engine.score(&picture, true).unwrap()) <= 1e-5);
    }
}

#[test]
fn what_is_wrong_in_model_toml_is_named_by_its_key() {
    let cases = [
        (String::new(), "its outputs are [scores, masks]"),
        (OUTPUTS.to_string(), "lacks unmask.mean, unmask.std"),
        (
            format!("no_object = 4\n{TOML}{OUTPUTS}"),
            "key no_object: 4, but",
        ),
        (format!("no_object = -1\n{TOML}{OUTPUTS}"), "no_object"),
        (format!("nonsense = 4\n{TOML}{OUTPUTS}"), "nonsense"),
        (format!("{TOML}{OUTPUTS}void = 'x'\n"), "void"),
        (
            format!("{TOML}{OUTPUTS}").replace("'car'", "'sky'"),
            "key classes",
        ),
        (
            format!("{TOML}{OUTPUTS}").replace("'masks'", "'gone'"),
            "its outputs are [scores, masks]",
        ),
    ];
    for (toml, part) in cases {
        let (_folder, path) = changed("bare.onnx", &toml, |_| {});
        let error = prepare(&path, &PrepareOptions::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let toml = "no_object = 0\nmean = [128, 128, 128]";
    let (_folder, path) = changed("pixel.onnx", toml, |m| {
        m.metadata_props.remove(0);
    });
    let error = prepare(&path, &PrepareOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("key no_object") && error.contains("take the key out"),
        "{error}"
    );
}

#[test]
fn an_output_that_is_named_as_the_queries_embedding_is_passed_on() {
    // `base` [1,4,4] stands in for a vector per query.
    let give = |m: &mut ModelProto| {
        let graph = m.graph.as_mut().unwrap();
        graph.node.push(NodeProto {
            input: vec!["base".into()],
            output: vec!["vectors".into()],
            op_type: Some("Identity".into()),
            ..NodeProto::default()
        });
        let info = ValueInfoProto::tensor("vectors", DataType::Float, &[1, 4, 4]);
        graph.output.push(info);
    };
    let toml = format!("{TOML}{OUTPUTS}query_embedding = 'vectors'\n");
    let (_folder, path) = changed("bare.onnx", &toml, give);
    let made = prepare(&path, &PrepareOptions::default()).unwrap();
    let last = made.outputs.last().unwrap();
    assert_eq!((&*last.0, &*last.1), ("query_embedding", &[1, 4, 4][..]));
    let (_folder, path) = changed("bare.onnx", &toml, |_| {});
    let error = prepare(&path, &PrepareOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("`vectors` (query_embedding)"), "{error}");
}

#[test]
fn names_that_are_taken_give_way() {
    // A model whose input and inner values are called as a prepared graph's ends are.
    let taken = |m: &mut ModelProto| {
        let new = |name: &mut String| {
            *name = match name.as_str() {
                "image" => "frame".into(),
                "pooled" => "anomaly".into(),
                "base" => "head/constant".into(),
                "nothing" => "classes".into(),
                other => other.to_owned(),
            };
        };
        let graph = m.graph.as_mut().unwrap();
        graph
            .input
            .iter_mut()
            .filter_map(|v| v.name.as_mut())
            .for_each(new);
        graph
            .initializer
            .iter_mut()
            .filter_map(|v| v.name.as_mut())
            .for_each(new);
        for node in &mut graph.node {
            node.input.iter_mut().for_each(new);
            node.output.iter_mut().for_each(new);
            node.name = Some("front/Cast".into());
        }
    };
    let (_folder, path) = changed("mask.onnx", "", taken);
    let mut engine = open(&prepare(&path, &PrepareOptions::default()).unwrap().bytes);
    let picture = noise(Size::new(128, 64));
    let want = plain("mask.onnx").score(&picture, true).unwrap();
    assert!(difference(&want, &engine.score(&picture, true).unwrap()) <= 1e-5);
}

#[test]
fn a_prepared_file_that_was_changed_is_refused() {
    let made = prepare(&fixture("mask.onnx"), &PrepareOptions::default()).unwrap();
    let change = |key: &str, value: &str| {
        let mut model = ModelProto::from_bytes(&made.bytes).unwrap();
        for pair in &mut model.metadata_props {
            if pair.key.as_deref() == Some(key) {
                pair.value = Some(value.to_owned());
            }
        }
        Engine::from_bytes(Path::new("odd.onnx"), model.to_bytes(), THREADS)
    };
    for (key, value, part) in [
        ("unmask.input.size", "64x64", "unmask.input.view"),
        ("unmask.input.format", "yuyv", "its input is [1,64,128,3]"),
        ("unmask.head", "guess", "unmask.head"),
        ("unmask.classes", r#"["road"]"#, "unmask.stuff"),
    ] {
        let error = change(key, value).unwrap_err().to_string();
        assert!(
            error.contains(part) && error.contains("odd.onnx"),
            "{key}: {error}"
        );
    }
}

#[test]
fn the_shipped_model_gives_its_queries_embeddings() {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("engines/unmask-small.onnx");
    let made = prepare(&path, &PrepareOptions::default()).unwrap();
    let shape = |name: &str| &made.outputs.iter().find(|o| o.0 == name).unwrap().1;
    let queries = shape("query_class")[1];
    let embedding = shape("query_embedding");
    assert_eq!(
        (embedding[0], embedding[1], embedding.len()),
        (1, queries, 3)
    );
    assert!(embedding[2] >= 16);
    let (mut a, mut b) = (Engine::open(&path, THREADS).unwrap(), open(&made.bytes));
    let picture = noise(a.model_metadata().input);
    let want = a.score_at_mask_size(&picture, true).unwrap().score;
    let got = b.score_at_mask_size(&picture, true).unwrap().score;
    assert!(difference(&want, &got) <= 1e-4);
}
