//! A run that is killed and resumed ends in the very same weights as one that is not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RECIPE: &str = r#"
name = "trial"
seed = 7
network = { preset = "tiny" }
outliers = []

[validation]
source = { kind = "drive", seed = 3, stills = 2, size = [96, 64], share = 1.0 }
pictures = 1
every = 1000
size = [64, 32]

[[stages]]
name = "closed"
steps = 5
batch = 2
sources = [{ kind = "drive", seed = 1, stills = 100, size = [96, 64], share = 1.0 }]
augment = { crop = [64, 32], short_side = { range = [40, 60] } }
points = { count = 64 }
optim = { lr = 1e-3, ema = 0.9 }

[[stages]]
name = "margin"
steps = 4
batch = 2
frozen_norm = true
sources = [{ kind = "drive", seed = 1, stills = 100, size = [96, 64], share = 1.0 }]
augment = { crop = [64, 32], short_side = { range = [40, 60] } }
margin = { sign = "separating", outlier = 0.75, inlier = 0.1, weight = 1.0 }
points = { count = 64 }
optim = { lr = 1e-3, ema = 0.9 }
"#;

fn command(recipe: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unmask-train"));
    command
        .arg("--recipe")
        .arg(recipe)
        .arg("--data")
        .arg(".")
        .arg("--out")
        .arg(out);
    command
        .args(["--save-every", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Names and bytes of a checkpoint's tensors; the header's metadata has no fixed order.
fn tensors(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut all: Vec<_> = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.data().to_vec()))
        .collect();
    all.sort();
    all
}

fn finish(mut command: Command) {
    let out = command.output().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn a_killed_run_resumes_bit_exact() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = dir.path().join("trial.toml");
    std::fs::write(&recipe, RECIPE).unwrap();

    let straight = dir.path().join("straight");
    finish(command(&recipe, &straight));

    let broken = dir.path().join("broken");
    let state = broken.join("state.safetensors");
    let mut child = command(&recipe, &broken).spawn().unwrap();
    let began = Instant::now();
    while !state.exists() && began.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert!(state.exists(), "no state was written");

    // Without --resume nothing is overwritten.
    let refused = command(&recipe, &broken).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--resume"));

    let mut part = command(&recipe, &broken);
    part.args(["--resume", "--stop-after", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // What is printed is what was written: the state, not a model that is not there yet.
    let stopped = part.output().unwrap();
    assert!(stopped.status.success());
    assert_eq!(
        String::from_utf8_lossy(&stopped.stdout).trim(),
        state.display().to_string()
    );
    assert!(String::from_utf8_lossy(&stopped.stderr).contains("--resume"));
    let mut rest = command(&recipe, &broken);
    rest.arg("--resume");
    finish(rest);
    for name in [
        "trial.safetensors",
        "trial-closed.safetensors",
        "state.safetensors",
    ] {
        let (a, b) = (tensors(&straight.join(name)), tensors(&broken.join(name)));
        assert!(!a.is_empty() && a == b, "{name} differs after a kill");
    }
    let log = std::fs::read_to_string(straight.join("log.jsonl")).unwrap();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["stage"].is_string());
    }
}

#[test]
fn recipes_that_cannot_be_followed_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.toml");
    let fails = |text: &str, wanted: &str| {
        std::fs::write(&path, text).unwrap();
        let out = command(&path, &dir.path().join("out")).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            !out.status.success() && error.contains(wanted),
            "{wanted}: {error}"
        );
    };
    fails(&RECIPE.replace("tiny", "huge"), "no preset `huge`");
    fails(
        &RECIPE.replacen("crop = [64, 32]", "crop = [60, 32]", 1),
        "stages[0].augment.crop",
    );
    fails(&RECIPE.replacen("steps = 5", "stepz = 5", 1), "stepz");
    fails(
        &RECIPE.replace("stills = 100,", "stills = 100, crossings = 1.5,"),
        "crossings",
    );
    fails(
        &RECIPE.replace("weight = 1.0 }", "weight = 1.0, even = 1.5 }"),
        "stages[1].margin: hard and even",
    );
    fails(
        &RECIPE.replacen("batch = 2", "batch = 0", 1),
        "stages[0].steps, batch",
    );
    fails(
        &RECIPE.replace(
            "outliers = []",
            "outliers = [{ kind = \"yolo\", path = \"nowhere\" }]",
        ),
        "nowhere",
    );
    let out = command(&dir.path().join("absent.toml"), &dir.path().join("out"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("absent.toml"));
}
