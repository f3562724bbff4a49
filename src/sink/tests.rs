//! The sinks together.

use super::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};
use unmask_alert::{Alert, SCHEMA};

/// An alert of frame `frame`.
pub(crate) fn alert(frame: u64) -> Alert {
    serde_json::from_value(serde_json::json!({
        "schema": SCHEMA, "id": "1-1", "event": "update", "frame": frame,
        "captured_at": "2025-11-14T22:13:20.123456Z", "clock_error_ms": null, "age_ms": 1.0, "age": "known",
        "budget_ms": 2.0,
        "on_time": true, "box": [1, 2, 3, 4], "area_px": 9, "score_max": 0.5, "score_mean": 0.5,
        "on_road": false, "severity": "medium", "distance_m": null, "bearing_deg": 2.5,
        "engine": { "name": "cpu", "precision": "fp32", "hash": "ab".repeat(32) },
        "source": "test", "detail": null
    }))
    .unwrap()
}

fn frames(text: &str) -> Vec<u64> {
    text.lines()
        .map(|line| serde_json::from_str::<Alert>(line).unwrap().frame)
        .collect()
}

fn receive(socket: &UnixDatagram) -> u64 {
    let mut buffer = [0; 4096];
    let bytes = socket.recv(&mut buffer).unwrap();
    let text = std::str::from_utf8(&buffer[..bytes]).unwrap();
    assert!(!text.ends_with('\n'));
    frames(text)[0]
}

fn bind(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    let patience = Duration::from_secs(20);
    socket.set_read_timeout(Some(patience)).unwrap();
    socket
}

#[test]
fn one_alert_goes_to_every_place() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = (folder.path().join("a.jsonl"), folder.path().join("s"));
    let socket = bind(&path);
    let uris = [SinkUri::File(file.clone()), SinkUri::Socket(path)];
    for when_full in [WhenFull::Drop, WhenFull::Block] {
        let mut sinks = SinkFanout::open(&uris, &SinkSettings::default(), when_full).unwrap();
        for frame in 0..20 {
            sinks.publish(&alert(frame)).unwrap();
            assert_eq!(receive(&socket), frame);
        }
        let reports = sinks.close().unwrap();
        assert_eq!(reports.len(), 2);
        for report in reports {
            assert_eq!((report.received, report.delivered), (20, 20), "{report}");
            assert_eq!(report.total_discarded(), 0);
        }
        // With `Wait` the file is made again.
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(frames(&text), (0..20).collect::<Vec<_>>());
    }
}

#[test]
fn a_receiver_that_comes_late_gets_what_was_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let uris = [SinkUri::Socket(path.clone())];
    let mut settings = SinkSettings::default();
    settings.socket.retry_interval_ms = 5;
    settings.socket.send_timeout_ms = 20_000;
    let mut sinks = SinkFanout::open(&uris, &settings, WhenFull::Drop).unwrap();
    for frame in 0..3 {
        sinks.publish(&alert(frame)).unwrap();
    }
    while sinks.reports()[0].retries == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let socket = bind(&path);
    assert_eq!([0; 3].map(|_| receive(&socket)), [0, 1, 2]);
    // And one that went away and came again.
    drop(socket);
    std::fs::remove_file(&path).unwrap();
    sinks.publish(&alert(3)).unwrap();
    let socket = bind(&path);
    assert_eq!(receive(&socket), 3);
    let report = &sinks.close().unwrap()[0];
    assert_eq!((report.delivered, report.total_discarded()), (4, 0));
    assert!(report.retries > 0);
}

#[test]
fn a_missing_receiver_costs_counted_alerts_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let uris = [SinkUri::Socket(folder.path().join("nobody"))];
    let mut settings = SinkSettings::default();
    settings.socket.send_timeout_ms = 200;
    settings.socket.retry_interval_ms = 5;
    settings.queue_capacity = 8;
    let mut sinks = SinkFanout::open(&uris, &settings, WhenFull::Drop).unwrap();
    let start = Instant::now();
    for frame in 0..200 {
        sinks.publish(&alert(frame)).unwrap();
    }
    let took = start.elapsed();
    // Waiting for each would take 40 s.
    assert!(took < Duration::from_secs(20), "{took:?}");
    let report = &sinks.close().unwrap()[0];
    assert_eq!((report.received, report.delivered), (200, 0));
    assert_eq!(report.total_discarded(), 200, "{report}");
    assert!(report.discarded["no_receiver"] > 0, "{report}");
}

#[test]
fn a_receiver_that_does_not_read_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let _asleep = bind(&path);
    let mut settings = SinkSettings {
        queue_capacity: 4,
        shutdown_timeout_ms: 50,
        ..SinkSettings::default()
    };
    settings.socket.send_timeout_ms = 60_000;
    let mut sinks = SinkFanout::open(&[SinkUri::Socket(path)], &settings, WhenFull::Drop).unwrap();
    for frame in 0..6000 {
        sinks.publish(&alert(frame)).unwrap();
    }
    let start = Instant::now();
    let report = &sinks.close().unwrap()[0];
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(
        report.delivered < 6000 && report.total_discarded() > 0,
        "{report}"
    );
}

#[test]
fn a_full_disk_is_counted_and_the_run_goes_on() {
    let uris = [SinkUri::File("/dev/full".into())];
    let mut sinks = SinkFanout::open(&uris, &SinkSettings::default(), WhenFull::Drop).unwrap();
    for frame in 0..10 {
        sinks.publish(&alert(frame)).unwrap();
    }
    let report = &sinks.close().unwrap()[0];
    assert_eq!(
        (report.delivered, report.discarded["write_failed"]),
        (0, 10)
    );
    // Where frames are waited for, the run ends instead.
    let mut sinks = SinkFanout::open(&uris, &SinkSettings::default(), WhenFull::Block).unwrap();
    assert!(sinks.publish(&alert(0)).is_err());
}

#[test]
fn settings_are_read_and_unknown_keys_refused() {
    let settings: SinkSettings = toml::from_str(
        r#"
        alerts = ["-", "a.jsonl", "unix:/run/a", "mqtts://me@broker/road"]
        metrics = "127.0.0.1:9464"
        display = "fb:/dev/fb0"
        [file]
        rotate_bytes = 1000
        [mqtt]
        version = "3.1.1"
        [evidence]
        folder = "evidence"
        "#,
    )
    .unwrap();
    assert_eq!((settings.alerts.len(), settings.file.max_files), (4, 8));
    assert_eq!(settings.mqtt.version, MqttVersion::V3);
    let back: SinkSettings = toml::from_str(&toml::to_string(&settings).unwrap()).unwrap();
    assert_eq!(back, settings);
    assert_eq!(
        toml::from_str::<SinkSettings>("").unwrap(),
        SinkSettings::default()
    );
    for text in [
        "rings = 3",
        "[mqtt]\nversion = \"4\"",
        "alerts = [\"http://x\"]",
        "display = \"hdmi\"",
    ] {
        assert!(toml::from_str::<SinkSettings>(text).is_err(), "{text}");
    }
    let none = SinkSettings {
        queue_capacity: 0,
        ..SinkSettings::default()
    };
    let error = SinkFanout::open(&[], &none, WhenFull::Drop).unwrap_err();
    assert!(error.to_string().contains("sink.queue_capacity"), "{error}");
}

#[test]
fn bad_secrets_and_certificates_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let tls: SinkUri = "mqtts://me@localhost:1".parse().unwrap();
    let open = |edit: &dyn Fn(&mut MqttSettings)| {
        let mut settings = SinkSettings::default();
        settings.mqtt.outbox_folder = Some(folder.path().join("outbox"));
        edit(&mut settings.mqtt);
        let opened = SinkFanout::open(std::slice::from_ref(&tls), &settings, WhenFull::Drop);
        opened.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let missing = open(&|s| s.ca_file = Some("/nowhere/ca.pem".into()));
    assert!(
        missing.contains("ca_file") && missing.contains("/nowhere"),
        "{missing}"
    );
    let nothing = open(&|s| s.ca_file = Some(empty.clone()));
    assert!(nothing.contains("no certificate"), "{nothing}");
    let password = open(&|s| s.password_file = Some("/nowhere/p".into()));
    // On a machine without certificates that comes first.
    assert!(
        password.contains("password_file") || password.contains("trust"),
        "{password}"
    );
    let id = open(&|s| s.client_id = Some(String::new()));
    assert!(id.contains("client_id") || id.contains("trust"), "{id}");
}

fn ask(exporter: &MetricsExporter, request: &str) -> String {
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_are_reported_to_those_who_ask_well() {
    let folder = tempfile::tempdir().unwrap();
    let uris = [SinkUri::Socket(folder.path().join("nobody"))];
    let mut settings = SinkSettings::default();
    settings.socket.send_timeout_ms = 0;
    let mut sinks = SinkFanout::open(&uris, &settings, WhenFull::Drop).unwrap();
    let exporter = MetricsExporter::start("127.0.0.1:0".parse().unwrap(), &sinks).unwrap();
    sinks.publish(&alert(0)).unwrap();
    let metrics = sinks.metrics();
    metrics.finish_frame(Duration::from_millis(30), true);
    metrics.finish_frame(Duration::from_millis(300), false);
    metrics.count_invalid();
    metrics.finish_frame_of_unknown_age();
    metrics.count_dropped(crate::budget::DropReason::TooLate);
    let lost = r#"reason="no_receiver"} 1"#;
    let get = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let deadline = Instant::now() + Duration::from_secs(20);
    let text = loop {
        let text = ask(&exporter, get);
        if text.contains(lost) || Instant::now() > deadline {
            break text;
        }
    };
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    for line in [
        "unmask_frames_processed_total 3",
        "unmask_frames_unknown_age_total 1",
        "unmask_frames_dropped_total{reason=\"too_late\"} 1",
        "unmask_frames_dropped_total{reason=\"superseded\"} 0",
        "unmask_frames_late_total 1",
        "unmask_frames_invalid_total 1",
        "unmask_alerts_emitted_total 1",
        "unmask_frame_age_seconds_count 2",
        "unmask_frame_age_seconds_sum 0.33",
        "unmask_frame_age_seconds_bucket{le=\"+Inf\"} 2",
        lost,
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    let plain = ask(
        &exporter,
        "GET /metrics HTTP/1.1\r\nAccept: text/plain;version=0.0.4\r\n\r\n",
    );
    assert!(
        plain.contains("Content-Type: text/plain; version=0.0.4"),
        "{plain}"
    );
    for line in [
        "# TYPE unmask_frames_processed_total counter\nunmask_frames_processed_total 3\n",
        "# TYPE unmask_sink_discarded_total counter",
        "# TYPE unmask_frame_age_seconds histogram",
        "unmask_frame_age_seconds_bucket{le=\"+Inf\"} 2",
    ] {
        assert!(plain.contains(line), "{line} is missing in {plain}");
    }
    assert!(!plain.contains("# EOF") && !plain.contains("# UNIT"));
    assert!(ask(&exporter, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(ask(&exporter, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    // One who says nothing, and one who says too much, keep nobody out for long.
    let silent = TcpStream::connect(exporter.address()).unwrap();
    silent.shutdown(Shutdown::Write).unwrap();
    let mut long = TcpStream::connect(exporter.address()).unwrap();
    let _ = long.write_all(&[b'x'; 20_000]);
    assert!(ask(&exporter, get).starts_with("HTTP/1.1 200 OK"));
    let taken = MetricsExporter::start(exporter.address(), &sinks).unwrap_err();
    assert!(taken.to_string().contains("another"), "{taken}");
}

#[test]
fn every_key_of_the_schema_is_held_to() {
    let good = serde_json::to_value(alert(3)).unwrap();
    assert_eq!(schema::matches(&schema::SCHEMA, &good, "alert"), Ok(()));
    for (path, bad) in [
        ("/schema", "unmask.alert/2".into()),
        ("/id", "".into()),
        ("/event", "began".into()),
        ("/frame", (-1).into()),
        ("/frame", 1.5.into()),
        ("/captured_at", "yesterday".into()),
        ("/age_ms", serde_json::Value::Null),
        ("/age_ms", (-0.1).into()),
        ("/on_time", "yes".into()),
        ("/box", vec![1, 2, 3].into()),
        ("/box/0", (-4).into()),
        ("/distance_m", "far".into()),
        ("/engine/hash", "12".into()),
        ("/engine", serde_json::Value::Null),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(path).unwrap() = bad;
        assert!(
            schema::matches(&schema::SCHEMA, &value, "alert").is_err(),
            "{path}"
        );
    }
    for key in good.as_object().unwrap().keys() {
        let mut value = good.clone();
        value.as_object_mut().unwrap().remove(key);
        assert!(
            schema::matches(&schema::SCHEMA, &value, "alert").is_err(),
            "{key}"
        );
    }
    let mut more = good.clone();
    more["colour"] = "red".into();
    assert!(schema::matches(&schema::SCHEMA, &more, "alert").is_err());
}
