//! `unmask export`.

use super::*;

fn unmask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn the_verb_writes_a_model_and_says_so() {
    let all = fixture("tiny");
    let (dir, path) = folder(&weights(&all), &tiny());
    let out = dir.path().join("model.onnx");
    let (from, to) = (path.to_str().unwrap(), out.to_str().unwrap());
    let done = unmask(&["export", "--checkpoint", from, "--out", to]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(
        text.contains("64x96") && text.contains("4 classes"),
        "{text}"
    );
    let bytes = fs::read(&out).unwrap();
    let apart = difference(
        &run(&bytes, &all["io.image"])["mask_logits"],
        &all["io.mask_logits.3"],
    );
    assert!(apart <= 1e-4, "{apart}");
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        2,
        "nothing else is left"
    );

    let extra = ["--size", "96x128", "--sampling", "gridsample", "--json"];
    let done = unmask(&[&["export", "--checkpoint", from, "--out", to][..], &extra].concat());
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let json: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (json["height"].as_u64(), json["width"].as_u64()),
        (Some(96), Some(128))
    );
    let graph = ModelProto::from_bytes(&fs::read(&out).unwrap())
        .unwrap()
        .graph
        .unwrap();
    assert_eq!(graph.input[0].static_shape(), Some(vec![1, 3, 96, 128]));
    assert!(
        graph
            .node
            .iter()
            .any(|n| n.op_type.as_deref() == Some("GridSample"))
    );
}

#[test]
fn the_verb_fails_in_one_line_and_leaves_no_file() {
    let (dir, path) = folder(&weights(&fixture("tiny")), &tiny());
    let from = path.to_str().unwrap();
    let out = dir.path().join("model.onnx");
    let to = out.to_str().unwrap();
    let missing = dir.path().join("none.safetensors");
    let cases = [
        (
            vec![
                "export",
                "--checkpoint",
                missing.to_str().unwrap(),
                "--out",
                to,
            ],
            1,
            "none.safe",
        ),
        (
            vec![
                "export",
                "--checkpoint",
                from,
                "--out",
                to,
                "--size",
                "65x96",
            ],
            2,
            "multiples",
        ),
        (
            vec!["export", "--checkpoint", from, "--out", to, "--size", "big"],
            2,
            "HxW",
        ),
        (
            vec!["export", "--checkpoint", from, "--out", "/"],
            1,
            "cannot write /",
        ),
        (vec!["export", "--out", to], 2, "--checkpoint"),
    ];
    for (args, code, says) in cases {
        let done = unmask(&args);
        let error = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{error}");
        assert!(error.contains(says), "{error}");
        if code == 1 {
            assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        }
        assert!(!out.exists());
    }
}
