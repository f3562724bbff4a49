//! Checkpoints that are read, and those that are refused.

use super::*;

#[test]
fn other_float_types_are_read() {
    let all = fixture("tiny");
    let tensors = weights(&all);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    write_f32(&path, &tensors, header(&tiny()));
    let single = Checkpoint::read(&path).unwrap();
    let double = |v: f32| f64::from(v).to_le_bytes().to_vec();
    write_checkpoint(&path, &tensors, header(&tiny()), Dtype::F64, double);
    assert_eq!(Checkpoint::read(&path).unwrap().weights, single.weights);
    let upper = |v: f32| (v.to_bits() >> 16).to_le_bytes()[..2].to_vec();
    write_checkpoint(&path, &tensors, header(&tiny()), Dtype::BF16, upper);
    let brain = Checkpoint::read(&path).unwrap();
    for ((name, exact), (_, cut)) in single.weights.iter().zip(brain.weights.iter()) {
        for (&a, &b) in exact.data.iter().zip(cut.data.iter()) {
            assert!((a - b).abs() <= a.abs() / 128.0, "{name}: {a} {b}");
        }
    }
}

#[test]
fn weights_that_do_not_fit_are_all_named() {
    let mut tensors = weights(&fixture("tiny"));
    tensors.remove("backbone.res3.0.conv1.weight").unwrap();
    tensors
        .remove("backbone.stem.conv1.norm.running_var")
        .unwrap();
    let class = tensors
        .get_mut(&format!("{HEAD}.class_embed.weight"))
        .unwrap();
    class.0 = vec![8, 5];
    tensors.insert("extra.weight".to_owned(), (vec![2], vec![0.0; 2]));
    let (_dir, path) = folder(&tensors, &tiny());
    let checkpoint = Checkpoint::read(&path).unwrap();
    let error = export::model(&checkpoint, &ExportOptions::default()).unwrap_err();
    let GraphError::Unfit { problems } = &error else {
        panic!("{error}");
    };
    let missing = |key: &str, expected: &[usize]| WeightProblem::Missing {
        key: key.to_owned(),
        expected: expected.to_vec(),
    };
    let want = [
        missing("backbone.stem.conv1.norm.running_var", &[2]),
        missing("backbone.res3.0.conv1.weight", &[4, 2, 3, 3]),
        WeightProblem::Shape {
            key: format!("{HEAD}.class_embed.weight"),
            expected: vec![5, 8],
            found: vec![8, 5],
        },
        WeightProblem::Extra {
            key: "extra.weight".to_owned(),
            found: vec![2],
        },
    ];
    assert_eq!(problems, &want);
    for part in [
        "running_var` [2] is missing",
        "should be [5, 8] but is [8, 5]",
        "extra.weight",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

fn refused(path: &Path) -> String {
    let error = Checkpoint::read(path).unwrap_err().to_string();
    assert!(
        error.contains("c.safetensors"),
        "the file is named: {error}"
    );
    error
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    assert!(refused(&path).contains("cannot read"));

    let tensors = weights(&fixture("tiny"));
    write_f32(&path, &tensors, header(&tiny()));
    let whole = fs::read(&path).unwrap();
    for keep in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..keep]).unwrap();
        assert!(
            refused(&path).contains("not a whole safetensors file"),
            "{keep} bytes"
        );
    }
    let mut longer = whole.clone();
    longer.push(0);
    fs::write(&path, longer).unwrap();
    assert!(refused(&path).contains("not a whole safetensors file"));

    fs::write(&path, b"PK\x03\x04 zip of a pickle").unwrap();
    assert!(refused(&path).contains("pickle"));
    fs::write(&path, [0xff; 64]).unwrap();
    assert!(refused(&path).contains("not a whole safetensors file"));
    // A tensor that claims more bytes than the file has: refused before anything is allocated.
    let text = r#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#;
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.bytes());
    fs::write(&path, bytes).unwrap();
    assert!(refused(&path).contains("not a whole safetensors file"));
    // The size is looked at before the file is read: this one has no bytes on disk.
    let huge = fs::File::create(&path).unwrap();
    huge.set_len(checkpoint::FILE_LIMIT_BYTES + 1).unwrap();
    assert!(refused(&path).contains("at most 4294967296"));
}

#[test]
fn headers_that_do_not_describe_a_model_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let tensors = weights(&fixture("tiny"));
    let with = |key: &str, text: Option<&str>| {
        let mut header = header(&tiny());
        match text {
            Some(text) => header.insert(key.to_owned(), text.to_owned()),
            None => header.remove(key),
        };
        write_f32(&path, &tensors, header);
        refused(&path)
    };
    let error = with("unmask.config", None);
    assert!(error.contains("`unmask.config` is missing"), "{error}");
    let error = with("unmask.config", Some("{\"depth\": 18}"));
    assert!(error.contains("does not describe a network"), "{error}");
    let mut config = tiny();
    config.depth = 20;
    let error = with(
        "unmask.config",
        Some(&serde_json::to_string(&config).unwrap()),
    );
    assert!(error.contains("depth = 20"), "{error}");
    let error = with("unmask.mean", None);
    assert!(error.contains("`unmask.mean` is missing"), "{error}");
    let error = with("unmask.size", Some("100x100"));
    assert!(error.contains("`unmask.size` is `100x100`"), "{error}");
}

#[test]
fn tensors_that_hold_no_weights_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let mut tensors = weights(&fixture("tiny"));
    let key = "backbone.stem.conv1.weight";
    tensors.get_mut(key).unwrap().1[3] = f32::NAN;
    write_f32(&path, &tensors, header(&tiny()));
    let error = refused(&path);
    assert!(
        error.contains(key) && error.contains("NaN at element 3"),
        "{error}"
    );

    let integers = |v: f32| (v as i32).to_le_bytes().to_vec();
    tensors.retain(|k, _| k == key);
    write_checkpoint(&path, &tensors, header(&tiny()), Dtype::I32, integers);
    let error = refused(&path);
    assert!(
        error.contains(key) && error.contains("not a weight type"),
        "{error}"
    );
}

#[test]
fn counters_of_batch_norms_are_passed_over() {
    let mut tensors = weights(&fixture("tiny"));
    let key = "backbone.stem.conv1.norm.num_batches_tracked".to_owned();
    tensors.insert(key, (vec![], vec![1.0]));
    let (_dir, path) = folder(&tensors, &tiny());
    let checkpoint = Checkpoint::read(&path).unwrap();
    export::model(&checkpoint, &ExportOptions::default()).unwrap();
}
