//! Alerts on their way out of `unmask run`: file, socket, evidence, systemd.

#[path = "../src/sink/schema.rs"]
#[allow(dead_code)]
mod schema;

mod common;

use common::{model, put};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_run_reports_file_socket_evidence_and_systemd() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("in")).unwrap();
    for i in 0..4 {
        put(&at(&format!("in/{i}.png")), i == 1 || i == 2);
    }
    let model = model("mask.onnx");
    let bind = |name: &str| {
        let socket = UnixDatagram::bind(at(name)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        socket
    };
    let (listener, systemd) = (bind("s"), bind("notify"));
    let out = Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(["run", "--source", "pictures:in", "--threads", "1", "--json"])
        .args([
            "--alerts",
            "a.jsonl",
            "--alerts",
            "unix:s",
            "--evidence",
            "kept",
        ])
        .args(["--metrics", "127.0.0.1:0", "--model"])
        .arg(&model)
        .current_dir(folder.path())
        .env("NOTIFY_SOCKET", at("notify"))
        .env_remove("WATCHDOG_USEC")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(said.contains("metrics at http://127.0.0.1:"), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let file = std::fs::read_to_string(at("a.jsonl")).unwrap();
    assert_eq!(file.lines().count(), 3, "begin, update, end: {file}");
    let mut buffer = [0; 4096];
    for line in file.lines() {
        schema::check(line.as_bytes());
        let bytes = listener.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..bytes], line.as_bytes());
    }
    for sink in summary["sinks"].as_array().unwrap() {
        assert_eq!(
            (&sink["received"], &sink["delivered"]),
            (&3.into(), &3.into()),
            "{sink}"
        );
    }
    // Begin and end; the update is too close to them.
    assert!(
        summary["evidence_frames"].as_u64().unwrap() >= 2,
        "{summary}"
    );
    let kept = std::fs::read_dir(at("kept")).unwrap().count() as u64;
    assert_eq!(kept, 3 * summary["evidence_frames"].as_u64().unwrap());
    let bytes = systemd.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..bytes], b"READY=1\n");
    let bytes = systemd.recv(&mut buffer).unwrap();
    let reported = String::from_utf8_lossy(&buffer[..bytes]);
    assert!(
        reported.starts_with("STATUS=") || reported == "STOPPING=1\n",
        "{reported}"
    );
}

#[test]
fn places_out_of_range_are_refused_before_anything_runs() {
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_unmask"))
            .args(["run", "--source", "synthetic", "--frames", "1"])
            .args(args)
            .output()
            .unwrap();
        assert!(!out.status.success(), "{args:?}");
        // Nothing ran; who asked for JSON gets the error, and nothing else.
        if args.contains(&"--json") {
            let error: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
            assert_eq!(error.as_object().unwrap().len(), 2, "{error}");
            assert!(error["error"].is_string(), "{error}");
        } else {
            assert!(out.stdout.is_empty());
        }
        String::from_utf8(out.stderr).unwrap()
    };
    let error = run(&["--alerts", "http://x"]);
    assert!(
        error.contains("http://x") && error.contains("mqtts://"),
        "{error}"
    );
    let error = run(&["--json", "--alerts", "-"]);
    assert!(error.contains("stdout"), "{error}");
    let error = run(&["--display", "/dev/fb0"]);
    assert!(error.contains("fb:/dev/fb0"), "{error}");
    let error = run(&["--metrics", "here"]);
    assert!(error.contains("--metrics"), "{error}");
}
