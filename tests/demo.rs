//! `unmask demo`, as a user calls it.

use std::path::Path;
use std::process::Command;

fn demo(folder: &Path, model: &Path, args: &[&str]) -> (bool, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(["demo", "--model"])
        .arg(model)
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(out.stdout.is_empty(), "the demo tells nothing on stdout");
    (out.status.success(), String::from_utf8(out.stderr).unwrap())
}

/// Everything that the page points to must be there.
fn links_of(page: &str) -> Vec<String> {
    page.split(['"'])
        .filter(|part| part.ends_with(".png"))
        .map(str::to_string)
        .collect()
}

#[test]
fn the_demo_writes_all_it_promises() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = root.join("tests/fixtures/models/mask.onnx");
    let folder = tempfile::tempdir().unwrap();
    // The small model knows nothing of streets: everything dark is an anomaly to it.
    let args = ["--frames", "6", "--threshold", "0.9", "--anywhere"];
    let (good, said) = demo(folder.path(), &model, &args);
    assert!(good, "{said}");
    for part in [
        "6 frames in",
        "found ",
        "false alerts",
        "results: out/demo/index.html",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let out = folder.path().join("out/demo");
    assert!(out.join("alerts.jsonl").is_file());
    assert!(image::open(out.join("contact-sheet.png")).is_ok());
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    let links = links_of(&page);
    assert!(links.contains(&"contact-sheet.png".to_string()));
    for link in links {
        assert!(out.join(&link).is_file(), "{link}");
    }
    assert!(page.contains("synthetic:1") && !page.contains("http"));
}

#[test]
fn the_folder_and_the_drive_can_be_chosen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = root.join("tests/fixtures/models/mask.onnx");
    let folder = tempfile::tempdir().unwrap();
    let args = ["--frames", "2", "--out", "a/b", "--seed", "9"];
    let (good, said) = demo(folder.path(), &model, &args);
    assert!(good, "{said}");
    let page = std::fs::read_to_string(folder.path().join("a/b/index.html")).unwrap();
    assert!(page.contains("synthetic:9"));
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let (good, said) = demo(folder.path(), &model, &["--frames", "1", "--out", "file/x"]);
    assert!(!good && said.contains("file/x"), "{said}");
}

#[test]
fn the_shipped_model_finds_objects_in_the_demo() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/unmask-small.onnx");
    let folder = tempfile::tempdir().unwrap();
    let (good, said) = demo(folder.path(), &model, &["--frames", "40"]);
    assert!(good, "{said}");
    assert!(said.contains("found "), "{said}");
}
