//! Memory of a long run: a recording of five minutes (or `UNMASK_SOAK_MIN`) comes fifty times as fast
//! as it was taken, in real time, with a file that is rotated, evidence, metrics and a broker that is
//! never there. It must not grow.

#[cfg(target_os = "linux")]
mod common;

#[cfg(target_os = "linux")]
#[test]
fn a_long_run_does_not_grow() {
    use common::{command, model};
    use std::fmt::Write as _;
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    const RATE_HZ: u64 = 10;
    /// How many times as fast as it was taken it comes.
    const SPEED: u64 = 50;
    /// Most that may be added in the measured part, KiB: buffers that were not full before.
    const GROWTH_KIB: f64 = 2048.0;
    const PICTURES: u64 = 16;

    let minutes: u64 = std::env::var("UNMASK_SOAK_MIN")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    let drive = folder.path().join("drive");
    std::fs::create_dir(&drive).unwrap();
    for i in 0..PICTURES {
        // Red is road; a black square that comes, moves and goes is one thing after the other.
        let mut picture = image::RgbImage::from_pixel(256, 128, image::Rgb([255, 0, 0]));
        if i >= 6 {
            let left = 60 + 4 * i as u32;
            for (x, y) in (left..left + 24).flat_map(|x| (60..84).map(move |y| (x, y))) {
                picture.put_pixel(x, y, image::Rgb([0, 0, 0]));
            }
        }
        picture.save(drive.join(format!("{i}.png"))).unwrap();
    }
    let metadata =
        r#"{"schema":"unmask.recording/1","source":"synthetic:1","realtime":true,"rate_hz":10.0}"#;
    std::fs::write(drive.join("recording.json"), metadata).unwrap();
    let frames = minutes * 60 * RATE_HZ;
    let mut lines = String::new();
    for frame in 0..frames {
        // It comes fast, but what decides goes by the time at which it was taken.
        let taken_ns = frame * 1_000_000_000 / RATE_HZ;
        writeln!(
            lines,
            r#"{{"frame":{frame},"file":"{}.png","at_ns":{},"unix_ns":{}}}"#,
            frame % PICTURES,
            taken_ns / SPEED,
            1_700_000_000_000_000_000 + taken_ns
        )
        .unwrap();
    }
    std::fs::write(drive.join("frames.jsonl"), lines).unwrap();
    let config = format!(
        "[model]\nfile = \"{}\"\nthreads = 1\n[filter]\ncooldown_s = 0.0\nconfirm = \"2/2\"\n\
         [filter.rules]\nreject_truncated = false\nmin_road_share = 0.0\nmin_contrast = 0.0\n\
         min_thickness_px = 0.0\nmin_fill = 0.0\nmin_growth = 0.0\nmax_rise = 100.0\n\
         [sink]\nalerts = [\"alerts.jsonl\", \"mqtt://127.0.0.1:1/road\"]\n\
         metrics = \"127.0.0.1:0\"\n[sink.file]\nrotate_bytes = 4096\nkeep = 3\n[sink.mqtt]\noutbox_folder = \"outbox\"\noutbox_bytes = 65536\n\
         [sink.evidence]\nfolder = \"kept\"\nmax_frames = 20\nmin_interval_ms = 60000\n",
        model("mask.onnx").display()
    );
    std::fs::write(folder.path().join("my.toml"), config).unwrap();
    let args = [
        "run",
        "--config",
        "my.toml",
        "--source",
        "recording:drive",
        "--realtime",
        "--json",
    ];
    let start = Instant::now();
    let mut child = command(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut samples: Vec<(f64, f64)> = Vec::new();
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let rss = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        if let Some(kib) = rss.and_then(|rest| rest.split_whitespace().next()?.parse().ok()) {
            samples.push((start.elapsed().as_secs_f64(), kib));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let took = start.elapsed().as_secs_f64();
    let out = child.wait_with_output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    // The broker never comes: what made room in the outbox is lost, and the exit code says so.
    let lost = |sink: &serde_json::Value| !sink["discarded"].as_object().unwrap().is_empty();
    let lost = summary["sinks"].as_array().unwrap().iter().any(lost);
    assert_eq!(out.status.code(), Some(2 * i32::from(lost)), "{out:?}");
    let count = |key: &str| summary[key].as_u64().unwrap();
    let (served, dropped, objects) = (count("frames"), count("dropped_frames"), count("tracks"));
    assert_eq!(served + dropped, frames, "{summary}");
    // A machine that is busy elsewhere serves fewer, and still sees things come and go.
    assert!(objects > 0 && count("evidence_frames") > 0, "{summary}");
    let file = |name: &str| folder.path().join(name).exists();
    assert!(file("alerts.jsonl.1") && !file("alerts.jsonl.4"));

    // The first third is the growing of buffers and of the evidence; the end is the closing.
    let rest: Vec<_> = samples
        .iter()
        .filter(|(at, _)| (took / 3.0..took * 0.98).contains(at))
        .collect();
    assert!(rest.len() >= 3, "{} samples in {took:.1} s", samples.len());
    let n = rest.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| rest.iter().map(|s| pick(s)).sum::<f64>() / n;
    let (mid_s, mid_kib) = (mean(|s| s.0), mean(|s| s.1));
    let over: f64 = rest.iter().map(|s| (s.0 - mid_s) * (s.1 - mid_kib)).sum();
    let under: f64 = rest.iter().map(|s| (s.0 - mid_s).powi(2)).sum();
    let kib_a_second = over / under.max(1e-9);
    let speed = minutes as f64 * 60.0 / took;
    println!(
        "{minutes} minutes of drive in {took:.1} s ({speed:.0} times as fast), {served} frames \
         served, {dropped} dropped, {objects} things, {} kept as evidence, {mid_kib:.0} KiB, {:+.2} \
         KiB a minute of drive, {:+.2} KiB a minute of the run",
        count("evidence_frames"),
        kib_a_second * 60.0 / speed,
        kib_a_second * 60.0
    );
    let growth = kib_a_second * took * 2.0 / 3.0;
    assert!(growth < GROWTH_KIB, "it grew by {growth:.0} KiB");
}
