//! Standard output that is closed, full, or gone before the end: in every subcommand.

mod common;

use common::{command, model, put};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What stdout is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stream {
    /// Not open when the program is started (`>&-`).
    Absent,
    /// Open, but every write fails.
    Full,
    /// A pipe that nobody reads.
    Broken,
}

const ALL: [Stream; 3] = [Stream::Absent, Stream::Full, Stream::Broken];

fn run(folder: &Path, args: &[&str], stream: Stream) -> Output {
    let mut command = match stream {
        Stream::Absent => {
            // A shell closes it: there is no safe way to start a process without one.
            let mut shell = Command::new("sh");
            shell.args(["-c", "exec \"$@\" >&-", "sh", env!("CARGO_BIN_EXE_unmask")]);
            shell
                .args(args)
                .current_dir(folder)
                .env_remove("UNMASK_MODEL");
            shell
        }
        Stream::Full => {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            let mut command = command(folder, args);
            command.stdout(full);
            command
        }
        Stream::Broken => {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = command(folder, args);
            command.stdout(writer);
            command
        }
    };
    command.stderr(Stdio::piped()).output().unwrap()
}

/// No panic, whatever else.
fn said(output: &Output, what: &str) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{what}: {said}");
    assert!(
        output.status.code().is_some_and(|code| code <= 2),
        "{what}: {said}"
    );
    said
}

fn drive(folder: &Path) {
    std::fs::create_dir(folder.join("in")).unwrap();
    for i in 0..4 {
        put(&folder.join(format!("in/{i}.png")), i == 1 || i == 2);
    }
}

#[test]
fn alerts_that_stdout_does_not_take_are_never_lost_with_exit_code_0() {
    let folder = tempfile::tempdir().unwrap();
    drive(folder.path());
    let model = model("mask.onnx");
    let base = [
        "run",
        "--source",
        "pictures:in",
        "--threads",
        "1",
        "--rate",
        "20",
        "--model",
    ];
    let base = [&base[..], &[model.to_str().unwrap()]].concat();
    for more in [
        &[][..],
        &["--realtime"],
        &["--alerts", "-", "--alerts", "a.jsonl"],
    ] {
        for stream in ALL {
            let what = format!("{more:?} {stream:?}");
            let out = run(folder.path(), &[&base[..], more].concat(), stream);
            let said = said(&out, &what);
            assert_ne!(out.status.code(), Some(0), "{what}: {said}");
            assert!(said.contains("stdout"), "{what}: {said}");
            if stream == Stream::Absent {
                assert!(said.contains("--alerts FILE"), "{what}: {said}");
            }
            if stream == Stream::Full && more == ["--realtime"] {
                // A disk may be free again: each alert is tried, those lost are counted.
                assert_eq!(out.status.code(), Some(2), "{said}");
                assert!(said.contains("3 discarded (write_failed)"), "{said}");
            }
        }
    }
}

#[test]
fn a_file_that_is_written_well_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    drive(folder.path());
    let model = model("mask.onnx");
    let model = model.to_str().unwrap();
    let summary = [
        "run",
        "--source",
        "pictures:in",
        "--threads",
        "1",
        "--model",
        model,
        "--alerts",
        "a.jsonl",
        "--json",
    ];
    let lines = || {
        std::fs::read_to_string(folder.path().join("a.jsonl"))
            .unwrap()
            .lines()
            .count()
    };
    for stream in [Stream::Full, Stream::Broken] {
        let out = run(folder.path(), &summary, stream);
        let said = said(&out, "run --json");
        assert_eq!((out.status.code(), lines()), (Some(0), 3), "{said}");
        assert_eq!(
            said.contains("summary cannot be written"),
            stream == Stream::Full,
            "{said}"
        );
    }
    std::fs::remove_file(folder.path().join("a.jsonl")).unwrap();
    // Known before anything runs.
    let out = run(folder.path(), &summary, Stream::Absent);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out, "run --json"));
    assert!(!folder.path().join("a.jsonl").exists());

    for stream in ALL {
        for json in [false, true] {
            let what = format!("prepare, {stream:?}, {json}");
            let mut args = vec!["prepare", "--model", model, "--out", "prepared.onnx"];
            args.extend(json.then_some("--json"));
            let out = run(folder.path(), &args, stream);
            let said = said(&out, &what);
            assert_eq!(out.status.code(), Some(0), "{what}: {said}");
            std::fs::remove_file(folder.path().join("prepared.onnx")).unwrap();

            let what = format!("record, {stream:?}, {json}");
            let mut args = vec!["record", "--source", "pictures:in", "--out", "rec"];
            args.extend(json.then_some("--json"));
            let out = run(folder.path(), &args, stream);
            let said = self::said(&out, &what);
            assert_eq!(out.status.code(), Some(0), "{what}: {said}");
            std::fs::remove_dir_all(folder.path().join("rec")).unwrap();
        }
    }
}

#[test]
fn an_answer_that_cannot_be_printed_is_a_failure_unless_nobody_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let model = model("mask.onnx");
    let model = model.to_str().unwrap();
    for args in [
        &["config"][..],
        &["inspect", model],
        &["inspect", model, "--json"],
    ] {
        for stream in ALL {
            let what = format!("{args:?}, {stream:?}");
            let out = run(folder.path(), args, stream);
            let said = said(&out, &what);
            match stream {
                Stream::Broken => {}
                _ => {
                    assert_eq!(out.status.code(), Some(1), "{what}: {said}");
                    assert!(
                        said.contains("stdout") || said.contains("print"),
                        "{what}: {said}"
                    );
                }
            }
        }
    }
    // `unmask inspect MODEL | head -c 1`
    let mut child = command(folder.path(), &["inspect", model])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out, "head"));
    for help in ["--help", "--version"] {
        for stream in ALL {
            said(&run(folder.path(), &[help], stream), help);
        }
    }
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drive(folder.path());
    let model = model("mask.onnx");
    let args = [
        "run",
        "--source",
        "pictures:in",
        "--threads",
        "1",
        "--model",
        model.to_str().unwrap(),
        "--alerts",
        "a.jsonl",
        "--metrics",
        "127.0.0.1:0",
    ];
    let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = command(folder.path(), &args).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let text = std::fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 3);
}
