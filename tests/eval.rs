//! `unmask eval` against fixtures that scikit-learn and SciPy made, and its behaviour on bad input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use unmask_eval::dataset::saved_scores;
use unmask_eval::{
    BenchmarkTrack, EvalOptions, EvalReport, Evaluation, LabelRules, Ranker, evaluate,
};
use unmask_frame::{ScoreMap, Size};
use unmask_score::npy;

const CASES: [&str; 5] = ["obstacle", "threshold", "ties", "anomaly", "sizes"];

fn fixture(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/eval")
        .join(case)
}

fn expected(case: &str) -> Value {
    let text = std::fs::read_to_string(fixture(case).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn options(expected: &Value) -> EvalOptions {
    let anomaly = expected["anomaly_value"].as_u64().unwrap() as u8;
    EvalOptions {
        rules: LabelRules::new(&[anomaly], &[255], &[]).unwrap(),
        track: match expected["track"].as_str() {
            Some("obstacle") => BenchmarkTrack::Obstacle,
            _ => BenchmarkTrack::Anomaly,
        },
        threshold: (expected["threshold_given"] == true)
            .then(|| expected["threshold"].as_f64().unwrap() as f32),
        ranker: Ranker::Exact,
        resize: false,
    }
}

fn evaluated(case: &str, options: &EvalOptions) -> EvalReport {
    let at = fixture(case);
    let (pairs, bad) = saved_scores(&at.join("scores"), &at.join("labels")).unwrap();
    assert!(bad.is_empty());
    evaluate(&pairs, options, &|_| ()).unwrap()
}

fn close(name: &str, got: f64, want: &Value) {
    let want = want.as_f64().unwrap_or_else(|| panic!("{name} is missing"));
    assert!((got - want).abs() <= 1e-12, "{name}: {got} is not {want}");
}

#[test]
fn metrics_equal_those_of_scikit_learn_and_scipy() {
    for case in CASES {
        let want = expected(case);
        let got = evaluated(case, &options(&want));
        let (pixels, components) = (got.pixels, got.components);
        for (key, value) in [
            ("auprc", pixels.auprc),
            ("fpr95", pixels.fpr95),
            ("auroc", pixels.auroc),
            ("best_f1", pixels.best_f1),
            ("siou", components.siou),
            ("ppv", components.ppv),
            ("f1_mean", components.f1_mean),
        ] {
            close(&format!("{case} {key}"), value, &want[key]);
        }
        for (key, value) in [
            ("anomaly_pixels", pixels.positives),
            ("normal_pixels", pixels.negatives),
            ("labelled_components", components.labelled),
            ("predicted_components", components.predicted),
            ("images", got.images as u64),
        ] {
            assert_eq!(Some(value), want[key].as_u64(), "{case} {key}");
        }
        let lowest = want["lowest_predicted"].as_f64().unwrap() as f32;
        assert_eq!(pixels.threshold, lowest.next_down(), "{case}");
        assert_eq!(
            got.threshold,
            want["threshold"].as_f64().unwrap() as f32,
            "{case}"
        );
        assert!(got.unreadable.is_empty());
    }
}

#[test]
fn fast_metrics_lie_within_their_bounds() {
    for case in CASES {
        let options = options(&expected(case));
        let exact = evaluated(case, &options).pixels;
        let fast = evaluated(
            case,
            &EvalOptions {
                ranker: Ranker::Fast,
                ..options
            },
        )
        .pixels;
        assert!(
            (exact.auprc - fast.auprc).abs() <= fast.bounds.auprc,
            "{case}"
        );
        assert!(
            (exact.fpr95 - fast.fpr95).abs() <= fast.bounds.fpr95,
            "{case}"
        );
        assert!(
            (exact.auroc - fast.auroc).abs() <= fast.bounds.auroc,
            "{case}"
        );
        assert!((exact.auprc - fast.auprc).abs() < 2e-3, "{case}");
        assert_eq!(
            (fast.positives, fast.negatives),
            (exact.positives, exact.negatives)
        );
    }
}

#[test]
fn spilling_to_disk_changes_nothing() {
    let at = fixture("obstacle");
    let (pairs, _) = saved_scores(&at.join("scores"), &at.join("labels")).unwrap();
    let run = |evaluation: Evaluation| {
        for pair in &pairs {
            let labels = unmask_eval::dataset::read_labels(&pair.labels, &LabelRules::default());
            evaluation
                .add(&npy::read(&pair.scores).unwrap(), &labels.unwrap())
                .unwrap();
        }
        evaluation.finish().unwrap()
    };
    assert_eq!(run(Evaluation::with_budget(0)), run(Evaluation::exact()));
}

fn unmask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unmask"))
        .arg("eval")
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A writable copy of a fixture.
struct Copy {
    dir: tempfile::TempDir,
}

impl Copy {
    fn of(case: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["scores", "labels"] {
            let to = dir.path().join(sub);
            std::fs::create_dir(&to).unwrap();
            for entry in std::fs::read_dir(fixture(case).join(sub)).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        Self { dir }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Exit code, stdout, stderr.
    fn eval(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let (scores, labels) = (self.at("scores"), self.at("labels"));
        let mut args = vec!["--scores", scores.to_str().unwrap()];
        args.extend(["--labels", labels.to_str().unwrap()]);
        args.extend(more);
        let output = unmask(&args);
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

#[test]
fn json_has_the_agreed_keys_first_and_the_expected_values() {
    let want = expected("obstacle");
    let (code, out, err) = Copy::of("obstacle").eval(&["--track", "obstacle", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let keys = [
        "auprc",
        "fpr95",
        "auroc",
        "siou",
        "ppv",
        "f1_mean",
        "threshold",
        "images",
    ];
    let keys = keys.iter().chain(&["anomaly_pixels"]);
    let places: Vec<_> = keys
        .map(|key| out.find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert_eq!(places[0], 1);
    assert!(places.is_sorted(), "{out}");
    assert_eq!(out.lines().count(), 1);
    let got: Value = serde_json::from_str(&out).unwrap();
    for key in ["auprc", "fpr95", "auroc", "siou", "ppv", "f1_mean"] {
        close(key, got[key].as_f64().unwrap(), &want[key]);
    }
    assert_eq!(got["images"], want["images"]);
    assert_eq!(got["anomaly_pixels"], want["anomaly_pixels"]);
    assert_eq!(
        (&got["bad"], &got["exact"]),
        (&Value::from(0), &Value::from(true))
    );
}

#[test]
fn the_output_does_not_depend_on_the_number_of_threads() {
    let copy = Copy::of("anomaly");
    for more in [&["--json"][..], &["--json", "--fast"], &[]] {
        let run = |threads: &str| {
            let options = ["--anomaly-value", "2", "--threads", threads];
            let (code, out, err) = copy.eval(&[&options[..], more].concat());
            assert_eq!((code, err.as_str()), (Some(0), ""));
            out
        };
        let one = run("1");
        assert_eq!(run("2"), one);
        assert_eq!(run("7"), one);
    }
}

#[test]
fn the_table_names_every_metric() {
    let (code, out, _) = Copy::of("anomaly").eval(&["--anomaly-value", "2"]);
    assert_eq!(code, Some(0));
    for name in [
        "pictures",
        "AuPRC",
        "FPR95",
        "AUROC",
        "best pixel F1",
        "sIoU",
        "PPV",
        "mean F1",
    ] {
        assert!(out.contains(name), "{name}: {out}");
    }
    assert!(out.contains("track anomaly"), "{out}");
    let auprc = 100.0 * expected("anomaly")["auprc"].as_f64().unwrap();
    assert!(out.contains(&format!("{auprc:.2} %")), "{out}");
    let (_, out, _) = Copy::of("obstacle").eval(&["--threshold", "99"]);
    assert!(out.contains("(no predicted components)"), "{out}");
    assert!(out.contains("score > 99"), "{out}");
}

#[test]
fn a_dataset_folder_gives_the_labels() {
    let copy = Copy::of("obstacle");
    let (scores, dataset) = (copy.at("scores"), copy.dir.path());
    let args = [
        "--scores",
        scores.to_str().unwrap(),
        "--dataset",
        dataset.to_str().unwrap(),
    ];
    let output = unmask(&args);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), copy.eval(&[]).1);
}

/// A bad picture is named and counted; the others are evaluated as if it were not there.
#[test]
fn one_bad_picture_does_not_end_the_run() {
    let without = {
        let copy = Copy::of("obstacle");
        std::fs::remove_file(copy.at("scores/01.npy")).unwrap();
        std::fs::remove_file(copy.at("labels/01.png")).unwrap();
        let (code, out, _) = copy.eval(&["--json"]);
        assert_eq!(code, Some(0));
        out
    };
    let size = Size::new(96, 64);
    let spoilt = |at: usize, value: f32| {
        let mut map = ScoreMap::filled(size, 0.5);
        map.data_mut()[at] = value;
        map
    };
    type Spoil<'a> = (&'a str, Box<dyn Fn(&Copy)>);
    let save = |map: ScoreMap| {
        Box::new(move |copy: &Copy| npy::write(&copy.at("scores/01.npy"), &map).unwrap())
    };
    let cut = |name: &'static str, len: usize| {
        Box::new(move |copy: &Copy| {
            let bytes = std::fs::read(copy.at(name)).unwrap();
            std::fs::write(copy.at(name), &bytes[..len]).unwrap();
        })
    };
    let cases: Vec<Spoil<'_>> = vec![
        ("01.npy with", save(spoilt(97, f32::NAN))),
        ("column 1, row 1 is NaN", save(spoilt(97, f32::NAN))),
        ("column 5, row 0 is inf", save(spoilt(5, f32::INFINITY))),
        (
            "64x96 but the label picture is 96x64",
            save(ScoreMap::filled(Size::new(64, 96), 0.5)),
        ),
        (
            "scores/01.npy is not a usable score map",
            cut("scores/01.npy", 200),
        ),
        (
            "does not start like",
            Box::new(|c| std::fs::write(c.at("scores/01.npy"), "x".repeat(99)).unwrap()),
        ),
        (
            "labels/01.png is not a usable label picture",
            cut("labels/01.png", 60),
        ),
        (
            "value 7 at column 0, row 0",
            Box::new(|copy| {
                image::GrayImage::from_pixel(96, 64, image::Luma([7]))
                    .save(copy.at("labels/01.png"))
                    .unwrap();
            }),
        ),
        (
            "01.png has no score map (.npy)",
            Box::new(|c| std::fs::remove_file(c.at("scores/01.npy")).unwrap()),
        ),
        (
            "01.npy has no label picture",
            Box::new(|c| std::fs::remove_file(c.at("labels/01.png")).unwrap()),
        ),
    ];
    for (says, spoil) in cases {
        let copy = Copy::of("obstacle");
        spoil(&copy);
        let (code, out, err) = copy.eval(&["--json"]);
        assert_eq!(code, Some(2), "{says}: {err}");
        assert!(err.contains(says), "{says}: {err}");
        assert!(
            err.contains("1 picture or label left out, 2 evaluated"),
            "{err}"
        );
        assert_eq!(out.replace("\"bad\":1", "\"bad\":0"), without, "{says}");
    }
}

#[test]
fn score_maps_of_another_size_are_resized_on_request() {
    let copy = Copy::of("obstacle");
    npy::write(
        &copy.at("scores/01.npy"),
        &ScoreMap::filled(Size::new(48, 32), 0.5),
    )
    .unwrap();
    let (code, _, err) = copy.eval(&[]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("01.npy") && err.contains("01.png") && err.contains("--resize"),
        "{err}"
    );
    let (code, out, err) = copy.eval(&["--resize", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    npy::write(
        &copy.at("scores/01.npy"),
        &ScoreMap::filled(Size::new(96, 64), 0.5),
    )
    .unwrap();
    assert_eq!(copy.eval(&["--json"]).1, out);
}

#[test]
fn data_sets_without_meaning_are_errors() {
    let copy = Copy::of("obstacle");
    let says = |(code, out, err): (Option<i32>, String, String), says: &str| {
        assert_eq!((code, out.as_str()), (Some(1), ""), "{says}");
        assert!(err.contains(says), "{says}: {err}");
        // One line for the error itself.
        assert_eq!(
            err.lines().filter(|line| line.contains(says)).count(),
            1,
            "{err}"
        );
    };
    says(
        copy.eval(&["--anomaly-value", "3", "--normal-values", "1"]),
        "no pixel of the data set is labelled as anomaly",
    );
    says(
        copy.eval(&["--anomaly-value", "0,1"]),
        "no pixel of the data set is labelled as normal",
    );
    says(
        copy.eval(&["--anomaly-value", "2"]),
        "none of the 3 pictures could be evaluated",
    );
    says(
        copy.eval(&["--anomaly-value", "255"]),
        "label value 255 is given twice",
    );
    says(
        copy.eval(&["--threshold", "nan"]),
        "threshold is not a number",
    );
    for name in ["scores", "labels"] {
        let copy = Copy::of("obstacle");
        for index in 0..3 {
            let kind = if name == "scores" { "npy" } else { "png" };
            std::fs::remove_file(copy.at(&format!("{name}/0{index}.{kind}"))).unwrap();
        }
        says(copy.eval(&[]), &format!("{name} holds no"));
        std::fs::remove_dir(copy.at(name)).unwrap();
        says(copy.eval(&[]), "cannot read the folder");
    }
    // Both folders have files, but none go together.
    let copy = Copy::of("obstacle");
    for index in 0..3 {
        std::fs::rename(
            copy.at(&format!("scores/0{index}.npy")),
            copy.at(&format!("scores/{index}.npy")),
        )
        .unwrap();
    }
    says(copy.eval(&[]), "no picture could be evaluated");
}

#[test]
fn wrong_command_lines_say_what_to_give() {
    for (args, says) in [
        (&[][..], "--dataset"),
        (&["--labels", "a"], "--scores"),
        (&["--scores", "a"], "--dataset"),
        (&["--model", "a"], "--dataset"),
        (
            &["--model", "a", "--scores", "b", "--dataset", "c"],
            "cannot be used with",
        ),
        (
            &["--scores", "a", "--labels", "b", "--dataset", "c"],
            "cannot be used with",
        ),
        (
            &["--scores", "a", "--labels", "b", "--size", "256"],
            "HEIGHTxWIDTH",
        ),
        (
            &["--scores", "a", "--labels", "b", "--anomaly-value", "256"],
            "256",
        ),
        (
            &["--scores", "a", "--labels", "b", "--track", "rain"],
            "rain",
        ),
    ] {
        let output = unmask(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let err = text(&output.stderr);
        assert!(err.contains(says), "{args:?}: {err}");
    }
    let help = unmask(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("unmask eval --scores"));
}

#[test]
fn the_default_model_and_the_benchmarks_layout_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for folder in ["images", "labels_masks"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    // Red is road to the model, black is nothing it knows.
    let picture = image::RgbImage::from_fn(128, 64, |x, _| {
        image::Rgb([if x < 64 { 255 } else { 0 }, 0, 0])
    });
    picture.save(at("images/validation_1.png")).unwrap();
    let labels = image::GrayImage::from_fn(128, 64, |x, _| image::Luma([u8::from(x >= 64)]));
    labels
        .save(at("labels_masks/validation_1_labels_semantic.png"))
        .unwrap();
    picture
        .save(at("labels_masks/validation_1_labels_semantic_color.png"))
        .unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/mask.onnx");
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_unmask"))
            .arg("eval")
            .args(args)
            .env("UNMASK_MODEL", &model)
            .output()
            .unwrap()
    };
    let dataset = dir.path().to_str().unwrap();
    let output = run(&["--dataset", dataset, "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let got: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((&got["images"], &got["bad"]), (&1.into(), &0.into()));
    assert!(got["auroc"].as_f64().unwrap() > 0.99, "{got}");

    // A failure is an object, too, on one line; its text is that of stderr.
    let gone = at("gone");
    for (args, code) in [
        (&["--dataset", gone.to_str().unwrap(), "--json"][..], 1),
        (&["--json", "--track", "rain"], 2),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let got: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        assert_eq!(got["exit_code"], code);
        let said = got["error"].as_str().unwrap();
        let first = said.lines().next().unwrap();
        assert!(text(&output.stderr).contains(first), "{said}");
    }
    let silent = run(&["--dataset", gone.to_str().unwrap()]);
    assert!(silent.stdout.is_empty());
}

#[test]
fn scores_that_collapse_in_float32_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["scores", "labels"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    // Three values that differ by less than float32 can say, and one that does not.
    let values = [1.0, 1.0 + 1e-12, 1.0 + 2e-12, 0.5];
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4), }\n";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|v: &f64| v.to_le_bytes()));
    std::fs::write(dir.path().join("scores/a.npy"), bytes).unwrap();
    let labels = image::GrayImage::from_fn(4, 1, |x, _| image::Luma([u8::from(x < 2)]));
    labels.save(dir.path().join("labels/a.png")).unwrap();
    let (scores, labels) = (dir.path().join("scores"), dir.path().join("labels"));
    let output = unmask(&[
        "--scores",
        scores.to_str().unwrap(),
        "--labels",
        labels.to_str().unwrap(),
        "--json",
    ]);
    let err = text(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(err.contains("2 different float64 scores"), "{err}");
    let got: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(got["collapsed_scores"], 2);
}

/// Labels of a real data set as scores: everything is found, whatever shape the files have.
#[test]
fn perfect_scores_on_real_labels_are_perfect() {
    let Some(data) = unmask_oracle::data("perfect_scores_on_real_labels_are_perfect") else {
        return;
    };
    for (set, value, track) in [
        ("road_anomaly", "2", "anomaly"),
        ("road_obstacle21_val", "1", "obstacle"),
    ] {
        let dataset = data.join(set);
        let rules = LabelRules::new(&[value.parse().unwrap()], &[255], &[]).unwrap();
        let scores = tempfile::tempdir().unwrap();
        let mut count = 0;
        for entry in std::fs::read_dir(dataset.join("labels")).unwrap() {
            let path = entry.unwrap().path();
            let labels = unmask_eval::dataset::read_labels(&path, &rules).unwrap();
            let map = labels
                .data()
                .iter()
                .map(|&label| f32::from(label == 1))
                .collect();
            let map = ScoreMap::new(labels.size(), map).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            npy::write(&scores.path().join(name + ".npy"), &map).unwrap();
            count += 1;
        }
        let (scores, dataset) = (scores.path().to_str().unwrap(), dataset.to_str().unwrap());
        let sources = [
            "--scores",
            scores,
            "--dataset",
            dataset,
            "--track",
            track,
            "--json",
        ];
        let output = unmask(&[&sources[..], &["--anomaly-value", value]].concat());
        let got: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(got["images"], count);
        for (key, want) in [("auprc", 1.0), ("auroc", 1.0), ("fpr95", 0.0), ("ppv", 1.0)] {
            assert_eq!(got[key], want, "{set} {key}");
        }
        // Objects that the data set labels but the track's smallest prediction drops.
        assert!(got["siou"].as_f64().unwrap() > 0.5, "{set}: {got}");
    }
}
