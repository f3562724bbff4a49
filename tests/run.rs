//! `unmask run`, as a user calls it.

mod common;

use common::{model, put, unmask};
use std::path::Path;
use std::process::{Command, Output};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    /// Three good pictures, the middle one with an anomaly.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for i in 0..3 {
            put(&folder.path().join(format!("in/{i}.png")), i == 1);
        }
        std::fs::copy(model("mask.onnx"), folder.path().join("m.onnx")).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &[&str]) -> Output {
        let base = ["run", "--model", "m.onnx", "--source", "pictures:in"];
        unmask(self.path(), &[&base[..], args].concat())
    }
}

#[test]
fn stdout_carries_alerts_only_and_the_summary_goes_to_stderr() {
    let out = Folder::new().run(&["--threads", "1", "--budget-ms", "60000"]);
    let (reported, said) = (text(&out.stdout), text(&out.stderr));
    assert!(out.status.success(), "{said}");
    let alerts: Vec<serde_json::Value> = reported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = alerts
        .iter()
        .map(|a| a["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["begin", "end"]);
    for alert in &alerts {
        assert_eq!(alert["schema"], "unmask.alert/1");
        assert_eq!(alert["source"], "pictures:in");
        assert_eq!(alert["on_time"], true);
    }
    for part in [
        "3 frames in",
        "frames/s",
        "engine",
        "p99 ms",
        "0 of 3 frames missed the budget",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[test]
fn json_needs_a_file_for_alerts_and_then_owns_stdout() {
    let folder = Folder::new();
    let refused = folder.run(&["--json"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--alerts"));
    // Who asked for JSON gets JSON, and nothing else.
    let error: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(error["exit_code"], 1);
    assert!(error["error"].as_str().unwrap().contains("--alerts"));

    let out = folder.run(&["--json", "--alerts", "a.jsonl", "--budget-ms", "0.001"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["frames"], 3);
    assert_eq!(report["tracks"], 1);
    assert_eq!(report["budget_misses"], 3);
    assert_eq!(report["stages"].as_array().unwrap().len(), 9);
    assert_eq!(report["engine"]["input_height"], 64);
    let share = report["outside_engine_share"].as_f64().unwrap();
    assert!(share > 0.0 && share < 1.0);
    let lines = std::fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn bad_pictures_are_named_and_the_exit_code_is_2() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("in/1b.jpg"), b"\xff\xd8\xff\xe0 cut").unwrap();
    let out = folder.run(&[]);
    assert_eq!(out.status.code(), Some(2));
    let said = text(&out.stderr);
    assert!(
        said.contains("1b.jpg: ") && said.contains("1 bad frames"),
        "{said}"
    );
    assert_eq!(text(&out.stdout).lines().count(), 2);
}

#[test]
fn overlays_come_with_a_sheet_and_a_page() {
    let folder = Folder::new();
    let out = folder.run(&["--overlays", "drawn/here"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let drawn = folder.path().join("drawn/here");
    for name in [
        "000000-0.png",
        "000001-1.png",
        "000002-2.png",
        "contact-sheet.png",
    ] {
        assert!(image::open(drawn.join(name)).is_ok(), "{name}");
    }
    let page = std::fs::read_to_string(drawn.join("index.html")).unwrap();
    assert!(page.contains("unmask run · pictures:in") && page.contains("000001-1.png"));
    assert!(text(&out.stderr).contains("overlays: drawn/here/index.html"));
}

#[test]
fn what_to_give_is_said_where_it_is_missing() {
    let folder = Folder::new();
    let fails = |args: &[&str], parts: &[&str]| {
        let out = unmask(folder.path(), args);
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        let said = text(&out.stderr);
        assert!(
            said.starts_with("unmask: ") && out.stdout.is_empty(),
            "{said}"
        );
        for part in parts {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
    };
    fails(
        &["run"],
        &["--source pictures:DIR", "--source synthetic:SEED"],
    );
    fails(
        &["run", "--source", "film:x"],
        &["`film:x`", "pictures:DIR"],
    );
    fails(
        &["run", "--source", "v4l2:/dev/no-camera"],
        &["/dev/no-camera", "No such file or directory"],
    );
    fails(
        &["run", "--source", "pictures:gone"],
        &["gone", "No such file"],
    );
    let with = |more: &[&'static str]| {
        [
            &["run", "--source", "pictures:in", "--model", "m.onnx"],
            more,
        ]
        .concat()
    };
    fails(&with(&["--budget-ms", "0"]), &["--budget-ms"]);
    fails(&with(&["--rate", "0"]), &["--rate"]);
    fails(&with(&["--threshold", "nan"]), &["NaN"]);
    fails(&with(&["--threads", "100000"]), &["100000 threads"]);
    fails(&with(&["--alerts", "no/where.jsonl"]), &["no/where.jsonl"]);
    fails(
        &["run", "--source", "pictures:in", "--model", "in/0.png"],
        &["in/0.png", "ONNX"],
    );
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    fails(
        &["run", "--source", "pictures:empty", "--model", "m.onnx"],
        &["holds no picture"],
    );
}

#[test]
fn without_a_model_the_searched_places_are_listed() {
    let folder = Folder::new();
    // Away from the repository, where the shipped model would be found.
    let binary = folder.path().join("unmask");
    let built = env!("CARGO_BIN_EXE_unmask");
    if std::fs::hard_link(built, &binary).is_err() {
        std::fs::copy(built, &binary).unwrap();
    }
    let run = |model: &str| {
        Command::new(&binary)
            .args(["run", "--source", "pictures:in"])
            .current_dir(folder.path())
            .env("UNMASK_MODEL", model)
            .output()
            .unwrap()
    };
    let said = text(&run("").stderr);
    if !Path::new("/usr/share/unmask/engines/unmask-small.onnx").exists() {
        let beside = folder
            .path()
            .canonicalize()
            .unwrap()
            .join("engines/unmask-small.onnx");
        let places = [
            "./engines/unmask-small.onnx",
            beside.to_str().unwrap(),
            "/usr/share/unmask",
        ];
        for part in places.into_iter().chain(["--model", "UNMASK_MODEL"]) {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
    }
    let out = run("gone.onnx");
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("Looked at: gone.onnx."));
}

#[test]
fn a_model_without_a_threshold_asks_for_one() {
    let folder = Folder::new();
    std::fs::copy(model("mask_commas.onnx"), folder.path().join("m.onnx")).unwrap();
    let out = folder.run(&[]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("--threshold"));
    assert!(folder.run(&["--threshold", "0.5"]).status.success());
}

#[test]
fn the_model_is_found_through_the_variable() {
    let folder = Folder::new();
    let out = Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(["run", "--source", "pictures:in"])
        .current_dir(folder.path())
        .env("UNMASK_MODEL", "m.onnx")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
}

#[test]
fn the_shipped_model_watches_the_synthetic_drive() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/unmask-small.onnx");
    let folder = tempfile::tempdir().unwrap();
    let model = shipped.to_str().unwrap();
    let args = [
        "run",
        "--model",
        model,
        "--source",
        "synthetic:7",
        "--frames",
        "4",
    ];
    let out = unmask(folder.path(), &args);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("4 frames in"));
}
