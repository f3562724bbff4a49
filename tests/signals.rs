//! SIGTERM, SIGINT and SIGHUP end every subcommand within two seconds, whatever it waits for.
#![cfg(target_os = "linux")]

mod common;

use common::{model, put};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What is promised, and what a busy machine adds.
const LIMIT: Duration = Duration::from_millis(2000 + 1000);

fn send(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &pid]).status();
    assert!(sent.unwrap().success());
}

struct Run {
    child: Child,
    folder: tempfile::TempDir,
}

impl Run {
    /// Starts the program in a folder with a model and pictures.
    fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, args, &[])
    }

    fn start_in(folder: tempfile::TempDir, args: &[&str], env: &[(&str, &str)]) -> Self {
        std::fs::copy(model("mask.onnx"), folder.path().join("m.onnx")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_unmask"))
            .args(args)
            .envs(env.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(folder.path().join("out")).unwrap())
            .stderr(std::fs::File::create(folder.path().join("err")).unwrap())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Waits until `file` holds `words`.
    fn wait_for(&mut self, file: &str, words: &str) {
        let start = Instant::now();
        while !self.text(file).contains(words) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended: {}", self.text("err"));
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "{}",
                self.text("err")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends `signal`; the status, and how long the end took.
    fn end(&mut self, signal: &str) -> (ExitStatus, Duration) {
        send(&self.child, signal);
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{}",
                self.text("err")
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const WATCH: [&str; 9] = [
    "run",
    "--model",
    "m.onnx",
    "--source",
    "synthetic:1",
    "--realtime",
    "--rate",
    "0.02",
    "--json",
];

#[test]
fn each_signal_ends_a_run_whose_next_frame_is_far_away() {
    for signal in ["TERM", "INT", "HUP"] {
        let mut run = Run::start(&[&WATCH[..], &["--alerts", "alerts"]].concat());
        // Silence is reported three periods after the first frame: the run is under way before.
        std::thread::sleep(Duration::from_millis(1500));
        while run.text("alerts").is_empty()
            && !Path::new(&run.folder.path().join("alerts")).exists()
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(700));
        let (status, took) = run.end(signal);
        assert_eq!(status.code(), Some(0), "{signal:?}: {}", run.text("err"));
        assert!(took < LIMIT, "{signal:?}: {took:?}");
        let report: serde_json::Value = serde_json::from_str(&run.text("out")).unwrap();
        assert_eq!(report["frames"], 1, "{signal:?}");
    }
}

#[test]
fn a_broker_that_is_not_there_does_not_keep_a_run_from_ending() {
    let alerts = [
        "--alerts",
        "mqtt://127.0.0.1:1/road",
        "--outbox",
        "outbox",
        "--wait",
    ];
    let args = [
        &["run", "--model", "m.onnx", "--source", "pictures:gone"][..],
        &alerts,
    ]
    .concat();
    let mut run = Run::start(&args);
    run.wait_for("err", "blind: missing");
    let (status, took) = run.end("TERM");
    assert_eq!(status.code(), Some(0), "{}", run.text("err"));
    assert!(took < LIMIT, "{took:?}");
    // The alert is on disk for the next run.
    let mut kept = String::new();
    for folder in std::fs::read_dir(run.folder.path().join("outbox")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            kept += &std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        }
    }
    assert!(
        kept.contains("\"blind\"") && kept.contains("missing"),
        "{kept}"
    );
}

#[test]
fn a_missing_source_is_reported_waited_for_and_used_once_it_comes() {
    let mut run = Run::start(&[
        "run",
        "--model",
        "m.onnx",
        "--source",
        "pictures:in",
        "--wait",
        "--alerts",
        "alerts",
    ]);
    run.wait_for("err", "pictures:in is not there yet");
    run.wait_for("alerts", "\"blind\"");
    let aside = run.folder.path().join("aside");
    std::fs::create_dir(&aside).unwrap();
    put(&aside.join("a.png"), false);
    std::fs::rename(&aside, run.folder.path().join("in")).unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = run.child.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0), "{}", run.text("err"));
    let alerts: Vec<serde_json::Value> = run
        .text("alerts")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reported: Vec<_> = alerts.iter().map(|a| (&a["event"], &a["detail"])).collect();
    assert_eq!(reported[0].0, "blind");
    assert_eq!(reported[0].1, "blind: missing");
    assert_eq!(reported[1].0, "end");
    assert_eq!(alerts[0]["id"], alerts[1]["id"]);
    assert!(
        run.text("err").contains("1 frames in"),
        "{}",
        run.text("err")
    );
}

#[test]
fn a_missing_source_is_an_error_where_nobody_asked_to_wait() {
    let args = ["run", "--model", "m.onnx", "--source", "pictures:gone"];
    let mut run = Run::start(&args);
    assert_eq!(run.child.wait().unwrap().code(), Some(1));
    // Under systemd a run waits, unless the configuration says that it does not.
    let folder = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let name = folder.path().join("notify");
    let env = [("NOTIFY_SOCKET", name.to_str().unwrap())];
    let mut run = Run::start_in(folder, &args, &env);
    run.wait_for("err", "blind: missing");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut buffer = [0; 1000];
    let bytes = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..bytes], b"READY=1\n");
    assert_eq!(run.end("TERM").0.code(), Some(0));
}

#[test]
fn a_subcommand_that_cannot_finish_ends_as_by_the_signal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    for i in 0..2000 {
        put(&folder.path().join(format!("in/{i:04}.png")), false);
    }
    let args = [
        "score", "--model", "m.onnx", "--images", "in", "--out", "maps",
    ];
    let mut run = Run::start_in(folder, &args, &[]);
    let maps = run.folder.path().join("maps");
    let start = Instant::now();
    while std::fs::read_dir(&maps).map_or(0, Iterator::count) < 3 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{}",
            run.text("err")
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let (status, took) = run.end("TERM");
    assert_eq!(status.signal(), Some(15), "{status:?}: {}", run.text("err"));
    assert!(took < LIMIT, "{took:?}");
    assert!(run.text("err").contains("stopped: "), "{}", run.text("err"));
    // What was written is whole.
    for file in std::fs::read_dir(&maps).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(path.extension().unwrap(), "npy", "{path:?}");
    }
}

#[test]
fn a_run_whose_drawing_hangs_is_ended_with_its_alerts_delivered() {
    // A FIFO that nobody reads stands for a disk that does not answer.
    let folder = tempfile::tempdir().unwrap();
    let overlays = folder.path().join("drawn");
    std::fs::create_dir(&overlays).unwrap();
    let fifo = overlays.join("000000.png");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let args = [&WATCH[..], &["--alerts", "alerts", "--overlays", "drawn"]].concat();
    let mut run = Run::start_in(folder, &args, &[]);
    // The first frame is drawn by then.
    std::thread::sleep(Duration::from_secs(4));
    let (status, took) = run.end("TERM");
    assert!(took < LIMIT, "{took:?}");
    let said = run.text("err");
    assert_eq!(status.code(), Some(1), "{status:?}: {said}");
    assert!(said.contains("SIGTERM: a disk, a mount"), "{said}");
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(model("mask.onnx"), folder.path().join("m.onnx")).unwrap();
    let err = std::fs::File::create(folder.path().join("err")).unwrap();
    let child = Command::new("sh")
        .args([
            "-c",
            "trap '' HUP; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_unmask"),
        ])
        .args([
            "run",
            "--model",
            "m.onnx",
            "--source",
            "pictures:gone",
            "--wait",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(err)
        .spawn()
        .unwrap();
    let mut run = Run { child, folder };
    run.wait_for("err", "blind: missing");
    send(&run.child, "HUP");
    std::thread::sleep(Duration::from_millis(400));
    assert!(run.child.try_wait().unwrap().is_none());
    assert_eq!(run.end("TERM").0.code(), Some(0));
}

#[test]
fn a_file_beyond_its_limit_is_an_error_and_no_death() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(model("mask.onnx"), folder.path().join("m.onnx")).unwrap();
    let line = "ulimit -f 16; exec \"$0\" \"$@\"";
    let out = Command::new("sh")
        .args(["-c", line, env!("CARGO_BIN_EXE_unmask")])
        .args([
            "record",
            "--source",
            "synthetic:1",
            "--frames",
            "3",
            "--out",
            "drive",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1), "{:?}", out.status);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(
        said.contains("cannot write") && said.contains("large"),
        "{said}"
    );
}
