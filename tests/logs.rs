//! Log levels on stderr, and their priorities in the journal.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs on two images, one of them broken; what stderr says.
fn stderr_of(arguments: &[&str], environment: &[(&str, &str)], journal: bool) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    image::RgbImage::from_pixel(64, 32, image::Rgb([90; 3]))
        .save(images.join("good.png"))
        .unwrap();
    fs::write(images.join("bad.png"), b"not a PNG\n").unwrap();
    let stderr = folder.path().join("stderr");
    let mut command = Command::new(env!("CARGO_BIN_EXE_unmask"));
    command
        .current_dir(folder.path())
        .arg("run")
        .arg("--model")
        .arg(root.join("tests/fixtures/models/mask.onnx"))
        .args(["--source", "pictures:images"])
        .args(arguments)
        .env_remove("UNMASK_LOG")
        .env_remove("JOURNAL_STREAM")
        .envs(environment.iter().copied())
        .stdout(Stdio::null());
    let file = File::create(&stderr).unwrap();
    if journal {
        let known = file.metadata().unwrap();
        command.env("JOURNAL_STREAM", format!("{}:{}", known.dev(), known.ino()));
    }
    command.stderr(file).status().unwrap();
    fs::read_to_string(&stderr).unwrap()
}

/// Whether `stderr` has the warning of the bad frame, the debug message of the model, the trace
/// message of a frame, and the summary.
fn levels_in(stderr: &str) -> [bool; 4] {
    [
        "unmask: warning: bad frame",
        "unmask: debug: opened the model",
        "unmask: trace: frame finished",
        "1 frames in",
    ]
    .map(|text| stderr.contains(text))
}

#[test]
fn options_choose_the_level() {
    let cases = [
        (&[][..], [true, false, false, true]),
        (&["-v"], [true, true, false, true]),
        (&["-vv"], [true, true, true, true]),
        (&["-q"], [true, false, false, false]),
        (&["-qq"], [false, false, false, false]),
    ];
    for (arguments, levels) in cases {
        let stderr = stderr_of(arguments, &[], false);
        assert_eq!(levels_in(&stderr), levels, "{arguments:?}: {stderr}");
    }
}

#[test]
fn variable_chooses_the_level() {
    let stderr = stderr_of(&[], &[("UNMASK_LOG", "debug")], false);
    assert_eq!(levels_in(&stderr), [true, true, false, true], "{stderr}");
    let stderr = stderr_of(&["-q"], &[("UNMASK_LOG", "debug")], false);
    assert_eq!(levels_in(&stderr), [true, false, false, false], "{stderr}");
    let stderr = stderr_of(&[], &[("UNMASK_LOG", "loud")], false);
    assert!(
        stderr.starts_with("unmask: error: $UNMASK_LOG: unknown level `loud`"),
        "{stderr}"
    );
}

#[test]
fn journal_gets_priorities() {
    let stderr = stderr_of(&["-v"], &[], true);
    assert!(stderr.lines().any(|line| line.starts_with("<4>bad frame")));
    assert!(
        stderr
            .lines()
            .any(|line| line.starts_with("<7>opened the model"))
    );
    assert!(!stderr.contains("unmask: "), "{stderr}");
    // A pipe of another process is not the journal.
    let stderr = stderr_of(&[], &[("JOURNAL_STREAM", "8:12345")], false);
    assert!(stderr.contains("unmask: warning: bad frame"), "{stderr}");
}

#[test]
fn error_that_ends_a_run_has_the_level() {
    let stderr = stderr_of(&["--budget-ms", "0"], &[], false);
    assert!(
        stderr.starts_with("unmask: error: --budget-ms 0"),
        "{stderr}"
    );
    let stderr = stderr_of(&["--budget-ms", "0"], &[], true);
    assert!(stderr.starts_with("<3>--budget-ms 0"), "{stderr}");
}
