use super::*;

const MODEL: &str = "/m/net.onnx";

fn measured(known: usize) -> MeasuredMetadata {
    MeasuredMetadata {
        input: Size::new(128, 64),
        output: OutputForm::Mask {
            queries: 4,
            known,
            size: Size::new(32, 16),
        },
        sha256: "00".into(),
        prepared: None,
    }
}

fn inside(pairs: &[(&str, &str)]) -> Result<WrittenMetadata, MetadataError> {
    WrittenMetadata::from_metadata(Path::new(MODEL), |key| {
        pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
    })
}

fn whole(pairs: &[(&str, &str)]) -> Result<ModelMetadata, MetadataError> {
    settle(
        Path::new(MODEL),
        inside(pairs)?,
        WrittenMetadata::default(),
        measured(3),
    )
}

const JSON: [(&str, &str); 6] = [
    ("unmask.mean", "[123.675, 116.28, 103.53]"),
    ("unmask.std", "[58.395,57.12,57.375]"),
    ("unmask.classes", r#"["road","sky","car"]"#),
    ("unmask.road", "[0]"),
    ("unmask.stuff", r#"["sky"]"#),
    ("unmask.threshold", "0.5"),
];

fn with(key: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    JSON.iter()
        .map(|&(k, v)| (k, if k == key { value } else { v }))
        .collect()
}

#[test]
fn json_and_commas_read_alike() {
    let json = whole(&JSON).unwrap();
    let commas = whole(&[
        ("unmask.mean", "123.675, 116.28, 103.53"),
        ("unmask.std", "58.395,57.12,57.375"),
        ("unmask.classes", "road, sky, car"),
        ("unmask.road", "road"),
        ("unmask.stuff", "1"),
        ("unmask.threshold", " 0.5 "),
    ])
    .unwrap();
    assert_eq!(json, commas);
    assert_eq!((&*json.road, &*json.stuff), (&[0][..], &[1][..]));
    assert_eq!(json.threshold, Some(0.5));
    assert_eq!(json.mean[0], 123.675);
}

#[test]
fn the_unit_scale_is_seen() {
    let mut pairs = with("unmask.std", "[0.5, 0.25, 1.0]");
    pairs[0].1 = "[0.4, 0.5, 0.6]";
    let metadata = whole(&pairs).unwrap();
    assert_eq!(metadata.std, [127.5, 63.75, 255.0]);
    assert_eq!(metadata.mean, [102.0, 127.5, 153.0]);
    // One value above the bound keeps the scale 0–255.
    assert_eq!(
        whole(&with("unmask.std", "[1,1,2]")).unwrap().std,
        [1.0, 1.0, 2.0]
    );
}

#[test]
fn missing_metadata_is_named() {
    let error = whole(&JSON[..2]).unwrap_err().to_string();
    for part in [
        "net.onnx lacks unmask.classes, unmask.road, unmask.stuff.",
        "/m/model.toml",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(whole(&JSON[..5]).unwrap().threshold.is_none());
}

#[test]
fn nonsense_is_refused_with_key_and_reason() {
    let cases = [
        ("unmask.mean", "[1,2]", "three finite numbers"),
        ("unmask.mean", "[1,2,x]", "is not a list of three numbers"),
        ("unmask.mean", "1,nan,2", "three finite numbers"),
        ("unmask.std", "[1,0,2]", "above 0"),
        ("unmask.classes", "[1,2,3]", "is not a list of class names"),
        ("unmask.classes", "a,b", "2 names, but the network knows 3"),
        ("unmask.classes", "a,b,a", "twice"),
        ("unmask.classes", "road,,sky", "empty"),
        (
            "unmask.road",
            "[3]",
            "`3` is none of the 3 classes: road, sky, car",
        ),
        ("unmask.road", "lane", "`lane` is none"),
        ("unmask.road", "[]", "at least one class"),
        (
            "unmask.stuff",
            "[-1]",
            "is not a list of class names or indices",
        ),
        ("unmask.threshold", "high", "is not a number"),
        ("unmask.threshold", "inf", "not a finite number"),
    ];
    for (key, value, part) in cases {
        let error = whole(&with(key, value)).unwrap_err().to_string();
        assert!(
            error.contains(key) && error.contains(part),
            "{key}={value}: {error}"
        );
        assert!(error.contains("net.onnx"), "{error}");
    }
    let long = "x".repeat(5000);
    let error = inside(&[("unmask.mean", &long)]).unwrap_err().to_string();
    assert!(error.len() < 200, "{error}");
}

#[test]
fn stuff_may_be_empty_and_classes_listed_twice_count_once() {
    assert!(whole(&with("unmask.stuff", "")).unwrap().stuff.is_empty());
    assert_eq!(
        whole(&with("unmask.road", "2,road,car")).unwrap().road,
        [0, 2]
    );
}

#[test]
fn a_per_pixel_model_needs_no_stuff() {
    let mut pixel = measured(3);
    pixel.output = OutputForm::Pixel {
        classes: 3,
        size: Size::new(4, 4),
    };
    let written = inside(&JSON[..4]).unwrap();
    let metadata = settle(Path::new(MODEL), written, WrittenMetadata::default(), pixel).unwrap();
    assert!(metadata.stuff.is_empty());
}

#[test]
fn model_toml_fills_what_the_file_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("net.onnx");
    assert_eq!(
        WrittenMetadata::from_sidecar(&model).unwrap(),
        WrittenMetadata::default()
    );
    let text = "mean = [1.0, 2.0, 3.0]\nstd = [4.0, 5.0, 6.0]\n\
                classes = ['a', 'b', 'c']\nroad = [0]\nstuff = ['b', 2]\n\
                [outputs]\nlogits = 'out'\n";
    std::fs::write(folder.path().join("model.toml"), text).unwrap();
    let sidecar = WrittenMetadata::from_sidecar(&model).unwrap();
    assert!(sidecar.is_complete());
    assert_eq!(sidecar.outputs.logits.as_deref(), Some("out"));
    let file = inside(&[("unmask.mean", "7,8,9")]).unwrap();
    assert!(!file.is_complete());
    let metadata = settle(&model, file, sidecar.clone(), measured(3)).unwrap();
    assert_eq!(
        (metadata.mean, metadata.std),
        ([7.0, 8.0, 9.0], [4.0, 5.0, 6.0])
    );
    assert_eq!(metadata.stuff, [1, 2]);
    // A fault in model.toml names that file.
    let error = settle(&model, WrittenMetadata::default(), sidecar, measured(2)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("model.toml, key classes: 3 names"),
        "{error}"
    );
}

#[test]
fn a_bad_model_toml_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("net.onnx");
    for text in [
        "mean = [1,",
        "colour = 3",
        "[outputs]\nmasks = 'x'",
        "road = -1",
    ] {
        std::fs::write(folder.path().join("model.toml"), text).unwrap();
        let error = WrittenMetadata::from_sidecar(&model)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("model.toml") && error.contains("Known keys"),
            "{error}"
        );
    }
    std::fs::write(folder.path().join("model.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(WrittenMetadata::from_sidecar(&model).is_err());
}
