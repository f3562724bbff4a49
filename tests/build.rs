//! `unmask build` and `unmask doctor`, on a double of TensorRT 10 and its driver.

#[path = "../crates/tensorrt/tests/double/mod.rs"]
mod double;
#[path = "../crates/tensorrt/tests/support/mod.rs"]
mod support;

use double::Double;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use unmask_tensorrt::sys::Abi;

/// A folder with the double's libraries, a recipe and its model.
struct BuildFolder {
    folder: tempfile::TempDir,
}

impl BuildFolder {
    /// `None`, with a word about why, where the double cannot be compiled.
    fn new(test: &str) -> Option<Self> {
        let double = Double::new(Abi::V10, test)?;
        let folder = tempfile::tempdir().unwrap();
        for name in ["libnvinfer.so.10", "libnvonnxparser.so.10", "libcuda.so.1"] {
            fs::copy(&double.file, folder.path().join(name)).unwrap();
        }
        // What the double's parser takes, and what it refuses.
        for (name, content) in [("model.onnx", "model"), ("refused.onnx", "refuse")] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        fs::write(folder.path().join("r.toml"), "model = \"model.onnx\"\n").unwrap();
        Some(Self { folder })
    }

    fn unmask(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_unmask"))
            .current_dir(self.folder.path())
            .env("LD_LIBRARY_PATH", self.folder.path())
            .env("STATE_DIRECTORY", self.folder.path().join("state"))
            .env_remove("UNMASK_LOG")
            .args(arguments)
            .output()
            .unwrap()
    }

    fn build(&self, more: &[&str]) -> Output {
        let arguments = ["build", "--recipe", "r.toml", "--library", "."];
        self.unmask(&[&arguments[..], more].concat())
    }

    /// The report of a build that succeeds.
    fn report(&self, more: &[&str]) -> Value {
        let output = self.build(&[&["--json"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn plans(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("state/plans")).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        files
            .filter(|file| file.extension().is_some_and(|e| e == "plan"))
            .collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn plan_is_built_once_and_sealed() {
    let Some(folder) = BuildFolder::new("plan_is_built_once_and_sealed") else {
        return;
    };
    let report = folder.report(&[]);
    assert_eq!(report["built"], true);
    let key = &report["key"];
    assert_eq!(
        (
            &key["library"],
            &key["gpu"],
            &key["compute_capability"],
            &key["cuda"]
        ),
        (
            &"TensorRT 10.3.0".into(),
            &"Orin".into(),
            &"8.7".into(),
            &"12.6".into()
        )
    );
    let plan = PathBuf::from(report["plan"].as_str().unwrap());
    assert!(plan.is_file());
    assert_eq!(folder.plans().len(), 1);
    let again = folder.report(&[]);
    assert_eq!(
        (&again["built"], &again["plan"]),
        (&false.into(), &report["plan"])
    );
    assert_eq!(folder.build(&["--needed"]).status.code(), Some(1));
    let forced = folder.report(&["--force"]);
    assert_eq!(forced["built"], true);
    assert_eq!(folder.plans().len(), 1);
}

#[test]
fn change_of_the_recipe_is_announced_and_builds_anew() {
    let Some(folder) = BuildFolder::new("change_of_the_recipe_is_announced_and_builds_anew") else {
        return;
    };
    folder.report(&[]);
    let recipe = folder.folder.path().join("r.toml");
    fs::write(recipe, "model = \"model.onnx\"\noptimization_level = 2\n").unwrap();
    assert_eq!(folder.build(&["--needed"]).status.code(), Some(0));
    let output = folder.build(&[]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("building a new plan: recipe was"), "{said}");
    assert_eq!(folder.plans().len(), 2);
}

#[test]
fn damaged_plan_is_replaced() {
    let Some(folder) = BuildFolder::new("damaged_plan_is_replaced") else {
        return;
    };
    folder.report(&[]);
    fs::write(&folder.plans()[0], "junk").unwrap();
    let output = folder.build(&["--json"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("warning: ") && said.contains("longer or shorter"),
        "{said}"
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["built"], true);
    assert_ne!(fs::read(&folder.plans()[0]).unwrap(), b"junk");
}

#[test]
fn dry_run_stores_nothing() {
    let Some(folder) = BuildFolder::new("dry_run_stores_nothing") else {
        return;
    };
    let output = folder.build(&["--dry-run"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.starts_with("TensorRT 10.3.0 accepts ./model.onnx: ")
            || said.starts_with("TensorRT 10.3.0 accepts model.onnx: "),
        "{said}"
    );
    assert!(!folder.folder.path().join("state").exists());
}

#[test]
fn wrong_input_is_one_sentence_with_the_fix() {
    let Some(folder) = BuildFolder::new("wrong_input_is_one_sentence_with_the_fix") else {
        return;
    };
    let put = |name: &str, text: &str| fs::write(folder.folder.path().join(name), text).unwrap();
    put("key.toml", "model = \"model.onnx\"\nprecision = \"int8\"\n");
    put("gone.toml", "model = \"gone.onnx\"\n");
    put(
        "dla.toml",
        "model = \"model.onnx\"\ncompute_capabilities = [86]\n",
    );
    fs::create_dir(folder.folder.path().join("empty")).unwrap();
    fs::create_dir(folder.folder.path().join("junk")).unwrap();
    put("junk/libnvinfer.so.10", "junk");
    let cases = [
        (
            ["--recipe", "none.toml", "--library", "."],
            "cannot read the recipe none.toml",
        ),
        (
            ["--recipe", "key.toml", "--library", "."],
            "key.toml, line 2: unknown field",
        ),
        (
            ["--recipe", "gone.toml", "--library", "."],
            "cannot read the model gone.onnx",
        ),
        (
            ["--recipe", "r.toml", "--library", "empty"],
            "no TensorRT library found",
        ),
        (
            ["--recipe", "r.toml", "--library", "junk"],
            "not a TensorRT library",
        ),
        (
            ["--recipe", "dla.toml", "--library", "."],
            "build on the board",
        ),
    ];
    for (arguments, words) in cases {
        let output = folder.unmask(&[&["-q", "build"][..], &arguments].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn doctor_reports_library_and_gpu() {
    let Some(folder) = BuildFolder::new("doctor_reports_library_and_gpu") else {
        return;
    };
    let output = folder.unmask(&["doctor", "--library", ".", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = |part: &str| {
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["part"] == part);
        finding
            .unwrap_or_else(|| panic!("{part}: {report}"))
            .clone()
    };
    assert_eq!(found("TensorRT")["found"], "TensorRT 10.3.0");
    assert_eq!(
        found("GPU")["found"],
        "Orin, compute capability 8.7, 8192 MiB"
    );
    assert_eq!(found("state folder")["severity"], "ok");
}

#[test]
fn doctor_fails_where_the_alarm_cannot_run() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    fs::write(
        &config,
        "[source]\nname = \"v4l2:/dev/gone\"\nwait = false\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(["doctor", "--config"])
        .arg(&config)
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let line = said
        .lines()
        .find(|line| line.starts_with("PROBLEM"))
        .unwrap();
    assert!(line.contains("v4l2:/dev/gone"), "{line}");
    assert!(said.contains("→ connect the camera"), "{said}");
}

#[test]
fn shipped_recipe_names_the_shipped_model() {
    let engines = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("engines");
    let recipe = engines.join("unmask-small.plan.toml");
    let loaded = unmask::build::BuildRecipe::read(&recipe).unwrap();
    assert_eq!(loaded.model, engines.join("unmask-small.onnx"));
    assert!(loaded.model.is_file());
    // The keys that it shows are the recipe's.
    let text = fs::read_to_string(&recipe).unwrap().replace("#: ", "");
    let folder = tempfile::tempdir().unwrap();
    let all = folder.path().join("all.toml");
    fs::write(&all, text).unwrap();
    let loaded = unmask::build::BuildRecipe::read(&all).unwrap();
    assert_eq!(loaded.recipe.compute_capabilities, [86, 120]);
}
