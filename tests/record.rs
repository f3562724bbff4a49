//! `unmask record`, and the replay of what it wrote, as a user calls them.

mod common;

use common::{model, unmask};
use std::path::Path;
use std::process::Output;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What an alert says of its thing: all but the times of the run and the name of the source.
fn reported(output: &Output) -> Vec<serde_json::Value> {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| {
            let mut alert: serde_json::Value = serde_json::from_str(line).unwrap();
            let keys = alert.as_object_mut().unwrap();
            for key in ["age_ms", "on_time", "source"] {
                assert!(keys.remove(key).is_some());
            }
            alert
        })
        .collect()
}

fn without_clock(alerts: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let mut alerts = alerts.to_vec();
    for alert in &mut alerts {
        let id = alert["id"].as_str().unwrap().rsplit_once('-').unwrap().1;
        alert["id"] = id.to_string().into();
        alert.as_object_mut().unwrap().remove("captured_at");
    }
    alerts
}

fn run(folder: &Path, source: &str, more: &[&str]) -> Output {
    let model = model("mask.onnx");
    let base = [
        "run",
        "--model",
        model.to_str().unwrap(),
        "--source",
        source,
    ];
    let options = "--anywhere --no-rules --confirm 1/1 --min-area 50 --threshold 0.3";
    let options: Vec<&str> = options.split(' ').collect();
    unmask(folder, &[&base[..], &options, more].concat())
}

#[test]
fn a_recording_of_a_drive_gives_the_alerts_of_the_drive_however_often() {
    let folder = tempfile::tempdir().unwrap();
    let live = reported(&run(folder.path(), "synthetic:7", &["--frames", "8"]));
    assert!(!live.is_empty(), "no alert says nothing");
    let args = "record --source synthetic:7 --frames 8 --out drive --json";
    let out = unmask(folder.path(), &args.split(' ').collect::<Vec<_>>());
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (&summary["frames"], &summary["bad"]),
        (&8.into(), &0.into())
    );
    assert!(summary["drops"]["superseded"] == 0 && summary["bytes"].as_u64() > Some(10_000));

    let replayed = reported(&run(folder.path(), "recording:drive", &[]));
    assert_eq!(without_clock(&live), without_clock(&replayed));
    // The times come from the recording: a second replay, and one at the pace of the recording
    // that lost nothing, tell the same to the last digit.
    assert_eq!(
        replayed,
        reported(&run(folder.path(), "recording:drive", &[]))
    );
    let out = unmask(
        folder.path(),
        &["record", "--source", "recording:drive", "--out", "again"],
    );
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(
        replayed,
        reported(&run(folder.path(), "recording:again", &[]))
    );
}

#[test]
fn bad_pictures_of_a_list_are_recorded_as_such() {
    let folder = tempfile::tempdir().unwrap();
    image::RgbImage::from_pixel(64, 64, image::Rgb([9, 90, 200]))
        .save(folder.path().join("a.png"))
        .unwrap();
    std::fs::write(folder.path().join("list.txt"), "a.png\ngone.png\na.png\n").unwrap();
    let args = ["record", "--source", "pictures:list.txt", "--out", "rec"];
    let out = unmask(folder.path(), &args);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(
        said(&out).contains("2 frames, 1 bad, 0 lost"),
        "{}",
        said(&out)
    );
    let out = run(folder.path(), "recording:rec", &[]);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains("bad frame gone.png"), "{}", said(&out));

    let out = unmask(folder.path(), &args);
    assert_eq!(out.status.code(), Some(1));
    assert!(said(&out).contains("new or empty"), "{}", said(&out));
    std::fs::write(folder.path().join("list.txt"), "gone.png\n").unwrap();
    let args = ["record", "--source", "pictures:list.txt", "--out", "none"];
    let out = unmask(folder.path(), &args);
    assert_eq!(out.status.code(), Some(1));
    assert!(said(&out).contains("not one frame"), "{}", said(&out));
}
