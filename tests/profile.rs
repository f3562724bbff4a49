//! `unmask profile`, `config`, `validate` and `thresholds`, as a user calls them.

mod common;

use common::{command, model, put};
use std::path::Path;
use std::process::Output;

/// `unmask`, with a small model for where none is named.
fn unmask(folder: &Path, args: &[&str]) -> Output {
    command(folder, args)
        .env("UNMASK_MODEL", model("mask.onnx"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder `in` of `frames` pictures, those from `from` on with an anomaly.
fn pictures(frames: usize, from: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    for i in 0..frames {
        put(&folder.path().join(format!("in/{i:02}.png")), i >= from);
    }
    folder
}

#[test]
fn a_profile_has_every_number_and_its_page() {
    let folder = pictures(12, 4);
    let args = "profile --source pictures:in --frames 9 --warm-up 3 --json --html p.html";
    let out = unmask(folder.path(), &args.split(' ').collect::<Vec<_>>());
    assert!(out.status.success(), "{}", text(&out.stderr));
    let profile: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let count = |key: &str| profile[key].as_u64().unwrap();
    assert_eq!((count("frames"), count("warm_up")), (9, 3));
    assert_eq!(count("on_time") + count("late"), 9);
    assert_eq!(count("misses"), count("late"));
    assert_eq!(profile["budget_ms"], 100.0);
    for reason in ["superseded", "too_late", "skipped"] {
        assert_eq!(profile["dropped"][reason], 0);
    }
    for stage in ["queue", "prepare", "engine", "score", "decide", "emit"] {
        let times = &profile["stages"][stage];
        let ms = |key: &str| times[key].as_f64().unwrap();
        assert!(
            ms("p50_ms") <= ms("p90_ms") && ms("p90_ms") <= ms("p99_ms"),
            "{stage}"
        );
        assert!(
            ms("p99_ms") <= ms("p999_ms") && ms("p999_ms") <= ms("max_ms"),
            "{stage}"
        );
    }
    assert!(profile["stages"]["engine"]["p50_ms"].as_f64().unwrap() > 0.0);
    let layers = profile["layers"].as_array().unwrap();
    let named = |layer: &serde_json::Value| !layer["name"].as_str().unwrap().is_empty();
    assert!(!layers.is_empty() && layers.iter().all(named), "{profile}");
    assert!(
        layers
            .iter()
            .all(|layer| layer["ms"].as_f64().unwrap() >= 0.0)
    );
    let shares: f64 = layers.iter().map(|l| l["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{profile}");
    let page = std::fs::read_to_string(folder.path().join("p.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("http"));

    std::fs::write(folder.path().join("a.json"), &out.stdout).unwrap();
    let out = unmask(folder.path(), &["profile", "--compare", "a.json", "a.json"]);
    assert!(out.status.success());
    let said = text(&out.stdout);
    assert!(
        said.contains("capture to alert") && said.contains('='),
        "{said}"
    );
    let out = unmask(
        folder.path(),
        &["profile", "--compare", "a.json", "none.json"],
    );
    assert!(!out.status.success() && text(&out.stderr).contains("none.json"));
}

#[test]
fn seconds_in_place_of_frames_end_an_endless_source() {
    let folder = tempfile::tempdir().unwrap();
    let args = "profile --source synthetic:1 --seconds 0.3 --warm-up 1 --layer-passes 0 --json";
    let out = unmask(folder.path(), &args.split(' ').collect::<Vec<_>>());
    assert!(out.status.success(), "{}", text(&out.stderr));
    let profile: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(profile["frames"].as_u64().unwrap() > 0, "{profile}");
    assert!(profile["seconds"].as_f64().unwrap() >= 0.3, "{profile}");
    assert!(profile["layers"].is_null());
    for (args, wanted) in [
        ("profile --seconds -1", "--seconds"),
        ("profile --seconds 3 --frames 9", "--frames"),
    ] {
        let out = unmask(folder.path(), &args.split(' ').collect::<Vec<_>>());
        assert!(!out.status.success() && text(&out.stderr).contains(wanted));
    }
}

#[test]
fn in_real_time_every_frame_is_on_time_late_or_dropped() {
    let folder = pictures(30, 40);
    let args = "profile --source pictures:in --frames 27 --warm-up 3 --rate 15 --realtime \
                --budget-ms 0.001 --json";
    let args: Vec<_> = args.split_whitespace().collect();
    let out = unmask(folder.path(), &args);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let profile: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let count = |key: &str| profile[key].as_u64().unwrap();
    let dropped = |reason: &str| profile["dropped"][reason].as_u64().unwrap();
    assert_eq!(count("on_time"), 0);
    assert!(dropped("too_late") > 0, "{profile}");
    let all = count("late") + dropped("too_late") + dropped("superseded");
    assert_eq!(count("frames"), all);
    assert_eq!(count("misses"), count("late") + dropped("too_late"));
}

#[test]
fn a_profile_of_nothing_is_refused() {
    let folder = pictures(3, 9);
    let args = "profile --source pictures:in --frames 9 --warm-up 3";
    let out = unmask(folder.path(), &args.split(' ').collect::<Vec<_>>());
    assert!(!out.status.success());
    assert!(
        text(&out.stderr).contains("warm-up"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn a_configuration_printed_is_valid_and_is_used() {
    let folder = pictures(3, 1);
    let printed = unmask(folder.path(), &["config"]);
    assert!(printed.status.success());
    let file = folder.path().join("my.toml");
    std::fs::write(&file, &printed.stdout).unwrap();
    let out = unmask(folder.path(), &["validate", "my.toml"]);
    assert!(
        out.status.success() && out.stdout.is_empty(),
        "{}",
        text(&out.stderr)
    );

    let lines = |config: &str, more: &[&str]| {
        std::fs::write(&file, config).unwrap();
        let mut args = vec!["run", "--config", "my.toml"];
        args.extend(more);
        let out = unmask(folder.path(), &args);
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let source = "[source]\nuri = \"pictures:in\"\n";
    let budget = format!("{source}[budget]\nms = 12345\n");
    let reported = lines(&budget, &[]);
    assert!(
        reported.contains("\"budget_ms\":12345.0") && reported.contains("\"begin\""),
        "{reported}"
    );
    // The command line counts more.
    assert!(lines(&budget, &["--budget-ms", "77"]).contains("\"budget_ms\":77.0"));
    let large = format!("{source}[filter]\nmin_area_px = 30000\n");
    assert_eq!(lines(&large, &[]), "");
    assert!(lines(&large, &["--min-area", "100"]).contains("\"begin\""));
    let camera = "[camera_geometry]\nheight_m = 1.5\npitch_deg = 10\nfocal_widths = 1.0\n";
    let placed = lines(&format!("{source}{camera}"), &[]);
    let first: serde_json::Value = serde_json::from_str(placed.lines().next().unwrap()).unwrap();
    assert!(first["distance_m"].as_f64().unwrap() > 1.0, "{placed}");
    assert!(first["bearing_deg"].as_f64().unwrap() < 0.0);
}

#[test]
fn a_bad_configuration_is_refused_with_line_key_and_fix() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |config: &str| {
        std::fs::write(folder.path().join("my.toml"), config).unwrap();
        for args in [
            &["validate", "my.toml"][..],
            &["run", "--config", "my.toml"],
        ] {
            let out = unmask(folder.path(), args);
            // By this code systemd knows that a restart would find the same.
            assert_eq!(out.status.code(), Some(78));
            let said = text(&out.stderr);
            assert!(said.contains("my.toml, line 2"), "{said}");
            assert!(said.contains("unmask config"), "{said}");
        }
    };
    refused("[budget]\nms = 0\n");
    refused("[budget]\nmiliseconds = 3\n");
    refused("[model]\nthreads = true\n");
    std::fs::write(
        folder.path().join("my.toml"),
        "[model]\nfile = \"gone.onnx\"\n",
    )
    .unwrap();
    let out = unmask(folder.path(), &["validate", "my.toml"]);
    assert!(text(&out.stderr).contains("model.file") && !out.status.success());
}

#[test]
fn thresholds_are_those_that_keep_the_wanted_rate() {
    // A thing in view from frame 4 on: seen in 8 frames, confirmed at the usual 4 of 6.
    let folder = pictures(12, 4);
    let answer = |rate: &str| {
        let args = [
            "thresholds",
            "--frames",
            "in",
            "--json",
            "--false-alarms-per-hour",
            rate,
        ];
        let out = unmask(folder.path(), &args);
        let answer: Option<serde_json::Value> = serde_json::from_slice(&out.stdout).ok();
        (answer, text(&out.stderr))
    };
    // 12 frames at 10 per second are 1/3000 of an hour: 3000 per hour allow one alarm.
    let (loose, said) = answer("3000.5");
    let loose = loose.expect(&said);
    assert_eq!(
        (loose["frames"].as_u64(), loose["threshold"].as_f64()),
        (Some(12), Some(0.05)),
        "{loose}"
    );
    assert!(loose["upper_95_per_hour"].as_f64().unwrap() > 3000.0);
    // None is allowed: the square scores above 0.99 at every threshold tried.
    let (strict, said) = answer("1");
    assert!(said.contains("no threshold"), "{said}");
    let strict = strict.expect(&said);
    let error = strict["error"].as_str().unwrap();
    assert!(error.contains("no threshold"), "{strict}");
    assert_eq!(strict["exit_code"], 1);
    assert!(strict["threshold"].is_null(), "{strict}");
    let out = unmask(
        folder.path(),
        &[
            "thresholds",
            "--frames",
            "synthetic:1",
            "--false-alarms-per-hour",
            "1",
        ],
    );
    assert!(text(&out.stderr).contains("no end"));
    let out = unmask(
        folder.path(),
        &[
            "thresholds",
            "--frames",
            "in",
            "--false-alarms-per-hour",
            "-1",
        ],
    );
    assert!(!out.status.success());
}
