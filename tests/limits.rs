//! `unmask profile` says what limits a board: trees of `/sys` as Jetsons have them.
#![cfg(target_os = "linux")]

mod common;

use serde_json::Value;
use std::path::Path;

/// Lays a tree out below `root`: lines `path = text` and `path -> target`.
fn lay_out(name: &str, root: &Path) {
    let list = format!(
        "{}/tests/fixtures/boards/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let list = std::fs::read_to_string(list).unwrap();
    let place = |path: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        if let Some((path, target)) = line.split_once(" -> ") {
            std::os::unix::fs::symlink(target, place(path)).unwrap();
        } else {
            let (path, text) = line.split_once(" = ").unwrap();
            std::fs::write(place(path), text.replace("\\n", "\n") + "\n").unwrap();
        }
    }
}

/// What `unmask profile` prints on the board `name`, and the profile as JSON in `folder`.
fn profile(folder: &Path, name: &str) -> String {
    let root = folder.join(name);
    lay_out(name, &root);
    let config = folder.join(format!("{name}.toml"));
    std::fs::write(&config, format!("[board]\nroot = \"{}\"\n", root.display())).unwrap();
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/models/mask.onnx"
    );
    let run = |more: &[&str]| {
        let file = format!("{name}.toml");
        let mut args = vec!["profile", "--config", &file, "--model", model];
        args.extend(["--threshold", "0.3", "--frames", "2", "--warm-up", "0"]);
        args.extend(more);
        let out = common::unmask(folder, &args);
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    std::fs::write(folder.join(format!("{name}.json")), run(&["--json"])).unwrap();
    run(&[])
}

fn limits(folder: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let profile: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(profile["limits"].clone()).unwrap()
}

#[test]
fn what_limits_an_orin_and_a_thor_is_said_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let orin = profile(folder, "orin-nano");
    for part in [
        "NVIDIA Jetson Orin Nano Developer Kit",
        "15W (pmode:0000)",
        "306 of 625 MHz, busy 42 %",
        "GPU at 306 of 625 MHz: run jetson_clocks",
    ] {
        assert!(orin.contains(part), "{part}: {orin}");
    }
    let told = limits(folder, "orin-nano");
    // The counters of the supply's protection did not move meanwhile.
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[1].contains("15W") && told[1].contains("625 of 1020 MHz"),
        "{told:?}"
    );

    let thor = profile(folder, "thor");
    assert!(thor.contains("1575 of 1575 MHz"), "{thor}");
    let told = limits(folder, "thor");
    // The idle video engines are no limit, and its clocks are as high as they can be.
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("gpu-thermal at 95.2 °C"), "{told:?}");

    let out = common::unmask(
        folder,
        &["profile", "--compare", "orin-nano.json", "thor.json"],
    );
    let both = String::from_utf8(out.stdout).unwrap();
    assert!(
        both.contains(
            "Orin Nano Developer Kit, power mode 15W (pmode:0000): GPU at 306 of 625 MHz"
        ) && both.contains("AGX Thor Developer Kit, power mode MAXN (pmode:0000): gpu-thermal"),
        "{both}"
    );
}
