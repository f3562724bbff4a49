//! FIFOs and devices in place of files, as a user calls it: refused within a second, by name.
#![cfg(target_os = "linux")]

mod common;

use common::{model, put, unmask};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// A folder with a FIFO `fifo`, a link `zero` to a device, a model and a folder of a picture.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fifo(&at("fifo"));
    symlink("/dev/zero", at("zero")).unwrap();
    std::fs::copy(model("mask.onnx"), at("m.onnx")).unwrap();
    std::fs::create_dir(at("in")).unwrap();
    put(&at("in/a.png"), false);
    folder
}

#[test]
fn every_reader_refuses_special_files_within_a_second() {
    let folder = folder();
    let lines: &[&[&str]] = &[
        &["run", "--model", "X", "--source", "pictures:in"],
        &[
            "run",
            "--model",
            "m.onnx",
            "--config",
            "X",
            "--source",
            "pictures:in",
        ],
        &["run", "--model", "m.onnx", "--source", "pictures:X"],
        &["score", "--model", "X", "--images", "in", "--out", "maps"],
        &[
            "score", "--model", "m.onnx", "--images", "X", "--out", "maps",
        ],
        &[
            "export",
            "--checkpoint",
            "X",
            "--out",
            "out.onnx",
            "--size",
            "64x128",
        ],
        &["inspect", "--model", "X"],
        &[
            "prepare",
            "--model",
            "X",
            "--out",
            "out.onnx",
            "--camera",
            "nv12:128x64",
        ],
        &["calibrate", "--model", "X", "--frames", "in"],
        &[
            "quantize",
            "--model",
            "X",
            "--precision",
            "fp16",
            "--out",
            "out.onnx",
        ],
        &[
            "thresholds",
            "--model",
            "X",
            "--frames",
            "in",
            "--false-alarms-per-hour",
            "1",
        ],
        &["validate", "X"],
        &["profile", "--compare", "X", "X"],
    ];
    for special in ["fifo", "zero"] {
        for line in lines {
            let args: Vec<String> = line.iter().map(|word| word.replace('X', special)).collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let start = Instant::now();
            let out = unmask(folder.path(), &args);
            let took = start.elapsed();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(!out.status.success(), "{args:?}");
            // Starting the program on a busy machine is a part of it.
            assert!(took < Duration::from_secs(3), "{args:?}: {took:?}");
            if out.status.code() == Some(1) {
                let words = if special == "fifo" {
                    "a FIFO"
                } else {
                    "a device"
                };
                assert!(
                    said.contains(words) && said.contains(special),
                    "{args:?}: {said}"
                );
            }
        }
    }
}

#[test]
fn alerts_go_to_a_fifo_that_is_read_and_to_no_other() {
    let folder = folder();
    put(&folder.path().join("in/a.png"), true);
    let run = ["run", "--model", "m.onnx", "--source", "pictures:in"];
    let args = [&run[..], &["--alerts", "fifo"]].concat();
    let start = Instant::now();
    let out = unmask(folder.path(), &args);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(start.elapsed() < Duration::from_secs(10), "{said}");
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("a FIFO").count(), 1, "{said}");
    assert!(
        said.contains("fifo") && said.contains("start its reader"),
        "{said}"
    );

    let path = folder.path().join("fifo");
    let mut reader = Command::new("cat")
        .arg(&path)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Refused until the reader has opened it.
    let out = loop {
        let out = unmask(folder.path(), &args);
        if out.status.code() != Some(1) || start.elapsed() > Duration::from_secs(60) {
            break out;
        }
    };
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let mut read = String::new();
    std::io::Read::read_to_string(reader.stdout.as_mut().unwrap(), &mut read).unwrap();
    assert!(reader.wait().unwrap().success());
    assert!(read.contains("unmask.alert/1"), "{read}");
}

#[test]
fn a_special_file_among_pictures_is_one_bad_frame() {
    let folder = folder();
    fifo(&folder.path().join("in/b.png"));
    symlink("/dev/zero", folder.path().join("in/c.png")).unwrap();
    put(&folder.path().join("in/d.png"), false);
    let run = ["run", "--model", "m.onnx", "--source", "pictures:in"];
    let out = unmask(folder.path(), &run);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("b.png: it is a FIFO"), "{said}");
    assert!(said.contains("c.png: it is a device"), "{said}");
    assert!(said.contains("2 bad frames"), "{said}");
}

#[test]
fn special_files_and_far_links_in_a_recording_are_bad_frames() {
    let folder = folder();
    let record = ["record", "--source", "pictures:in", "--out", "drive"];
    assert!(unmask(folder.path(), &record).status.success());
    let at = |name: &str| folder.path().join("drive").join(name);
    let line = std::fs::read_to_string(at("frames.jsonl")).unwrap();
    let named = |name: &str| line.replace("00000000.png", name);
    fifo(&at("b.png"));
    symlink(folder.path().join("in/a.png"), at("far.png")).unwrap();
    symlink("00000000.png", at("near.png")).unwrap();
    let lines = ["b.png", "far.png", "../in/a.png", "near.png"].map(named);
    std::fs::write(at("frames.jsonl"), line.clone() + &lines.concat()).unwrap();
    let run = ["run", "--model", "m.onnx", "--source", "recording:drive"];
    let out = unmask(folder.path(), &run);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    for words in [
        "a FIFO",
        "leads out of",
        "lies outside",
        "3 bad frames",
        "2 frames in",
    ] {
        assert!(said.contains(words), "{words} is not in: {said}");
    }
    // The head and the lines must not lead anywhere either.
    std::fs::rename(at("frames.jsonl"), folder.path().join("lines")).unwrap();
    symlink(folder.path().join("lines"), at("frames.jsonl")).unwrap();
    let out = unmask(folder.path(), &run);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("leads out of"));
}

#[test]
fn names_that_forge_log_lines_stay_on_their_line() {
    let folder = folder();
    let record = ["record", "--source", "pictures:in", "--out", "drive"];
    assert!(unmask(folder.path(), &record).status.success());
    let lines = folder.path().join("drive/frames.jsonl");
    let text = std::fs::read_to_string(&lines).unwrap();
    let forged = "{\"frame\":1,\"name\":\"x\\nunmask: all is well\\u001b[2J\\u202e\",\
                  \"bad\":\"why\\r\\nunmask: really\"}\n";
    std::fs::write(&lines, text + forged).unwrap();
    let run = ["run", "--model", "m.onnx", "--source", "recording:drive"];
    let out = unmask(folder.path(), &run);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{said}");
    let line = said
        .lines()
        .find(|line| line.contains("bad frame"))
        .unwrap();
    assert!(
        line.contains("x\\nunmask: all is well\\u{1b}[2J\\u{202e}"),
        "{line}"
    );
    assert!(line.contains("why\\r\\nunmask: really"), "{line}");
    assert!(
        !said
            .lines()
            .any(|line| line.starts_with("unmask: all is well"))
    );
    assert!(!said.contains('\u{1b}'));
}
