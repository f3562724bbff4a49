//! Alerts on their way to a broker, across processes: outages, kill -9, TLS, the last will.
//!
//! Wants mosquitto; the part about TLS wants openssl, too. `UNMASK_OUTAGE_S` makes the first outage
//! longer than its second and a half.

#[path = "../src/sink/schema.rs"]
#[allow(dead_code)]
mod schema;

mod common;

use common::{command, model, put};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use unmask::sink::{SinkFanout, SinkSettings, SinkUri, WhenFull};
use unmask_alert::{Alert, SCHEMA};

/// Tells the sender process what to do; without it that test does nothing.
const SENDER: &str = "UNMASK_TEST_SENDER";
/// Time between two alerts of the sender.
const PERIOD: Duration = Duration::from_millis(100);
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kills a process when dropped, whatever happens to the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn alert(frame: u64) -> Alert {
    serde_json::from_value(serde_json::json!({
        "schema": SCHEMA, "id": format!("7-{frame}"), "event": "begin", "frame": frame,
        "captured_at": "2025-11-14T22:13:20.123456Z", "age_ms": 1.0, "age": "known", "budget_ms": 2.0,
        "on_time": true, "box": [1, 2, 3, 4], "area_px": 9, "score_max": 0.5, "score_mean": 0.5,
        "on_road": false, "severity": "medium", "distance_m": null, "bearing_deg": 2.5,
        "engine": { "name": "cpu", "precision": "fp32", "hash": "ab".repeat(32) },
        "source": "test", "detail": null
    }))
    .unwrap()
}

/// Another process: `TARGET|OUTBOX|VERSION|FIRST|COUNT` from the environment. Prints the number of
/// every alert once it is in the outbox; after the last it closes its sinks.
#[test]
fn sender() {
    let Ok(what) = std::env::var(SENDER) else {
        return;
    };
    let parts: Vec<&str> = what.split('|').collect();
    let target: SinkUri = parts[0].parse().unwrap();
    let mut settings: SinkSettings =
        toml::from_str(&format!("[mqtt]\nversion = \"{}\"", parts[2])).unwrap();
    settings.mqtt.outbox_folder = Some(parts[1].into());
    settings.mqtt.backoff_ms = 100;
    settings.mqtt.backoff_max_ms = 400;
    settings.shutdown_timeout_ms = PATIENCE.as_millis() as u64;
    let mut sinks = SinkFanout::open(&[target], &settings, WhenFull::Drop).unwrap();
    let (first, count): (u64, u64) = (parts[3].parse().unwrap(), parts[4].parse().unwrap());
    let start = Instant::now();
    for i in 0..count {
        sinks.publish(&alert(first + i)).unwrap();
        while sinks.reports()[0].stored <= i {
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("\nstored {}", first + i);
        let due = PERIOD * (i as u32 + 1);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    let report = &sinks.close().unwrap()[0];
    println!("\nleft {}", report.buffered);
}

struct Outage {
    folder: tempfile::TempDir,
    port: u16,
    version: &'static str,
    next: u64,
    stored: Vec<u64>,
}

/// Starts mosquitto in `folder`; `more` is added to its configuration.
fn start_broker(folder: &Path, port: u16, more: &str) -> Running {
    let config = folder.join("mosquitto.conf");
    let text = format!(
        "per_listener_settings false\nallow_anonymous true\npersistence true\n\
         persistence_location {}/\nmax_queued_messages 0\nlistener {port} 127.0.0.1\n{more}",
        folder.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut broker = Command::new(unmask_oracle::find_program("mosquitto").unwrap());
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        // Else it would leave root for a user who may not write here.
        std::fs::write(
            &config,
            std::fs::read_to_string(&config).unwrap() + "user root\n",
        )
        .unwrap();
    }
    let child = broker
        .arg("-c")
        .arg(&config)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "mosquitto does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    running
}

impl Outage {
    fn broker(&self) -> Running {
        start_broker(self.folder.path(), self.port, "")
    }

    /// Ends a broker the polite way: it writes its queues down.
    fn end(mut broker: Running) {
        let id = broker.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        broker.0.wait().unwrap();
    }

    /// Starts a sender of `count` alerts.
    fn send(&self, count: u64) -> Running {
        let target = format!("mqtt://127.0.0.1:{}/road", self.port);
        let outbox = self.folder.path().join("outbox");
        let what = format!(
            "{target}|{}|{}|{}|{count}",
            outbox.display(),
            self.version,
            self.next
        );
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sender", "--nocapture", "--test-threads", "1"])
            .env(SENDER, what)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Running(child)
    }

    /// Reads from `sender` until so many more alerts are stored; to its end with `None`. Returns
    /// what it said was left.
    fn follow(&mut self, sender: &mut Running, alerts: Option<usize>) -> Option<u64> {
        let out = sender.0.stdout.as_mut().unwrap();
        let until = alerts.map(|alerts| self.stored.len() + alerts);
        for line in BufReader::with_capacity(1, out).lines() {
            let line = line.unwrap();
            if let Some(number) = line.strip_prefix("stored ") {
                self.stored.push(number.parse().unwrap());
                self.next = self.stored.last().unwrap() + 1;
            }
            if let Some(left) = line.strip_prefix("left ") {
                return Some(left.parse().unwrap());
            }
            if until.is_some_and(|until| self.stored.len() >= until) {
                break;
            }
        }
        None
    }
}

/// A port that nobody has, no other test of this file gets, and no client is given as its own: it
/// lies below the range the kernel takes those from.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 12_000 + (std::process::id() % 100 * 100) as u16;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What the broker had for the listener, in order.
#[derive(Default)]
struct Heard {
    alerts: Vec<String>,
    states: Vec<String>,
}

impl Heard {
    /// Whether the last that was said of the sender is that it is gone.
    fn is_offline(&self) -> bool {
        self.states.last().is_some_and(|state| state == "offline")
    }
}

/// Reads what the broker has for a session that outlives its connections, until it is `enough` and
/// nothing more comes, but not for ever. A connection that breaks is made again: what was not
/// acknowledged comes once more.
fn collect(port: u16, enough: impl Fn(&Heard) -> bool) -> Heard {
    let mut heard = Heard::default();
    let deadline = Instant::now() + PATIENCE;
    let done = |heard: &Heard| enough(heard) || Instant::now() > deadline;
    while let Err(error) = listen(port, &done, &mut heard) {
        assert!(
            Instant::now() < deadline,
            "the listener lost its broker: {error}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    heard
}

/// One connection of the listener, until it is `done` and nothing comes for a while.
fn listen(port: u16, done: &impl Fn(&Heard) -> bool, heard: &mut Heard) -> Result<(), String> {
    const QUIET: Duration = Duration::from_millis(300);
    let mut options = rumqttc::MqttOptions::new("listener", "127.0.0.1", port);
    options.set_clean_session(false);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = rumqttc::Client::new(options, 10);
    client
        .subscribe("road/#", rumqttc::QoS::AtLeastOnce)
        .unwrap();
    let mut last = None::<Instant>;
    while last.is_none_or(|last| last.elapsed() < QUIET || !done(heard)) {
        // Until the broker has answered, a try must not be cut short.
        let event = match last {
            None => connection.recv().map_err(|_| ()),
            Some(_) => connection
                .recv_timeout(Duration::from_millis(100))
                .map_err(|_| ()),
        };
        let Ok(event) = event else { continue };
        match event.map_err(|error| error.to_string())? {
            rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_)) => last = Some(Instant::now()),
            rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) => {
                last = last.map(|_| Instant::now());
                let text = String::from_utf8(publish.payload.to_vec()).unwrap();
                match publish.topic.as_str() {
                    "road" => heard.alerts.push(text),
                    "road/status" => heard.states.push(text),
                    other => panic!("unknown topic {other}"),
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Ten alerts per second; twice the broker is away, three times the sender is killed.
fn nothing_is_lost(version: &'static str) {
    let test = format!("nothing_is_lost {version}");
    if unmask_oracle::program(&test, "mosquitto").is_none() {
        return;
    }
    let outage_s: f64 = std::env::var("UNMASK_OUTAGE_S")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.5);
    let first = (outage_s / PERIOD.as_secs_f64()) as usize;
    let mut outage = Outage {
        folder: tempfile::tempdir().unwrap(),
        port: free_port(),
        version,
        next: 0,
        stored: Vec::new(),
    };
    // The session of the one who listens begins before the first alert.
    let broker = outage.broker();
    collect(outage.port, |_| true);
    Outage::end(broker);
    // No broker, and kill -9.
    let mut sender = outage.send(1 << 20);
    outage.follow(&mut sender, Some(first));
    drop(sender);
    // It comes back while the next sender runs; kill -9 in the middle of delivery.
    let mut sender = outage.send(1 << 20);
    outage.follow(&mut sender, Some(5));
    let broker = outage.broker();
    outage.follow(&mut sender, Some(10));
    // Gone under a sender that is connected, and kill -9 again.
    Outage::end(broker);
    outage.follow(&mut sender, Some(8));
    drop(sender);
    // The last one delivers everything and leaves in order.
    let broker = outage.broker();
    let mut sender = outage.send(12);
    let left = outage.follow(&mut sender, None);
    assert_eq!(left, Some(0), "the outbox was not emptied");
    let all = first as u64 + 35;
    assert_eq!(outage.stored, (0..all).collect::<Vec<_>>());
    let frame = |text: &String| serde_json::from_str::<Alert>(text).unwrap().frame;
    let Heard { alerts, states } = collect(outage.port, |heard| {
        let frames: BTreeSet<u64> = heard.alerts.iter().map(frame).collect();
        frames.len() as u64 == all && heard.is_offline()
    });
    drop(broker);
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    for text in &alerts {
        schema::check(text.as_bytes());
        let alert: Alert = serde_json::from_str(text).unwrap();
        assert_eq!(*alert.id, format!("7-{}", alert.frame));
        *times.entry(alert.frame).or_default() += 1;
    }
    let lost: Vec<&u64> = outage
        .stored
        .iter()
        .filter(|frame| !times.contains_key(frame))
        .collect();
    println!(
        "mqtt {version}: {} received, {} delivered, {} of them again, {} lost",
        outage.stored.len(),
        times.len(),
        alerts.len() - times.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(
        states.last().map(String::as_str),
        Some("offline"),
        "{states:?}"
    );
    assert!(states.iter().any(|state| state == "online"));
}

#[test]
fn nothing_is_lost_between_outages_and_kills_with_mqtt_5() {
    nothing_is_lost("5");
}

#[test]
fn nothing_is_lost_between_outages_and_kills_with_mqtt_3() {
    nothing_is_lost("3.1.1");
}

/// Runs openssl in `folder`.
fn openssl(folder: &Path, args: &str) -> bool {
    let out = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(folder)
        .output();
    out.is_ok_and(|out| out.status.success())
}

/// An authority `NAME.pem`, and a certificate for localhost that it signed, `NAME-leaf.pem`, each
/// with its key.
fn certificates(folder: &Path, name: &str) -> bool {
    std::fs::write(folder.join("san"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj \
             /CN=authority-{name} -keyout {name}.key -out {name}.pem"
        ),
    ) && openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -keyout \
             {name}-leaf.key -out {name}-leaf.csr"
        ),
    ) && openssl(
        folder,
        &format!(
            "x509 -req -in {name}-leaf.csr -CA {name}.pem -CAkey {name}.key -CAcreateserial -days \
             2 -extfile san -out {name}-leaf.pem"
        ),
    )
}

/// Says what `out` says, line by line, until `part` comes.
fn read_until(out: &mut impl BufRead, part: &str) -> String {
    let mut all = String::new();
    loop {
        let at = all.len();
        assert!(out.read_line(&mut all).unwrap() > 0, "{part}: {all}");
        if all[at..].contains(part) {
            return all[at..].to_string();
        }
    }
}

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The service's own way: everything from a configuration file, over TLS with certificates on both
/// sides; killed, the broker says that it is gone; started again, it tells the rest.
#[test]
fn a_configured_run_speaks_tls_and_leaves_a_last_will() {
    let name = "a_configured_run_speaks_tls_and_leaves_a_last_will";
    for program in ["mosquitto", "openssl"] {
        if unmask_oracle::program(name, program).is_none() {
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(certificates(folder.path(), "good") && certificates(folder.path(), "other"));
    let (plain, tls) = (free_port(), free_port());
    let more = format!(
        "listener {tls} 127.0.0.1\ncafile {0}/good.pem\ncertfile {0}/good-leaf.pem\n\
         keyfile {0}/good-leaf.key\nrequire_certificate true\n",
        folder.path().display()
    );
    let _broker = start_broker(folder.path(), plain, &more);
    collect(plain, |_| true);

    put(&at("empty.png"), false);
    put(&at("thing.png"), true);
    std::fs::write(at("list.txt"), "thing.png\nempty.png\n".repeat(20_000)).unwrap();
    // The end of the last run may take as long as the broker needs.
    let config = |authority: &str, shutdown_timeout_ms: u64| {
        format!(
            "[source]\nuri = \"pictures:list.txt\"\nrealtime = true\nrate_hz = 20.0\n\
             [model]\nfile = \"{}\"\nthreads = 1\n\
             [sink]\nalerts = [\"mqtts://localhost:{tls}/road\"]\nmetrics = \"127.0.0.1:0\"\n\
             shutdown_timeout_ms = {shutdown_timeout_ms}\n\
             [sink.mqtt]\noutbox_folder = \"outbox\"\nca_file = \"{authority}.pem\"\n\
             cert_file = \"good-leaf.pem\"\nkey_file = \"good-leaf.key\"\nbackoff_ms = 100\n",
            model("mask.onnx").display()
        )
    };
    std::fs::write(at("service.toml"), config("good", 60_000)).unwrap();
    let valid = common::unmask(folder.path(), &["validate", "service.toml"]);
    assert!(valid.status.success(), "{valid:?}");
    std::fs::write(at("missing.toml"), config("missing", 5000)).unwrap();
    let invalid = common::unmask(folder.path(), &["validate", "missing.toml"]);
    let said = String::from_utf8_lossy(&invalid.stderr).into_owned();
    assert!(
        said.contains("`sink.mqtt.ca_file`") && said.contains("missing.pem"),
        "{said}"
    );

    let child = command(folder.path(), &["run", "--config", "service.toml"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut run = Running(child);
    let mut said = BufReader::new(run.0.stderr.take().unwrap());
    let line = read_until(&mut said, "metrics at http://");
    let address = line.split("http://").nth(1).unwrap();
    let address = address.split('/').next().unwrap();
    let connected = format!("unmask_sink_connected{{sink=\"mqtts://localhost:{tls}/road\"}} 1");
    let delivered = |text: &str| -> u64 {
        text.lines()
            .find_map(|line| {
                line.strip_prefix("unmask_sink_delivered_total{")?
                    .split(' ')
                    .nth(1)
            })
            .map_or(0, |number| number.parse().unwrap())
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = scrape(address);
        if text.contains(&connected) && delivered(&text) >= 5 {
            break;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(run);
    let Heard { alerts, states } =
        collect(plain, |heard| heard.alerts.len() >= 5 && heard.is_offline());
    assert!(alerts.len() >= 5, "{}", alerts.len());
    for text in &alerts {
        schema::check(text.as_bytes());
    }
    assert_eq!(states.last().unwrap(), "offline", "{states:?}");
    assert!(states.contains(&"online".to_string()), "{states:?}");

    // Whom it does not trust it tells nothing; the alerts wait on disk.
    std::fs::write(at("wary.toml"), config("other", 5000)).unwrap();
    let args = ["run", "--config", "wary.toml", "--frames", "20", "--json"];
    let out = common::unmask(folder.path(), &args);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success() && said.contains("certificate"),
        "{said}"
    );
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let sink = &summary["sinks"][0];
    assert_eq!(sink["delivered"], 0, "{sink}");
    let waiting = sink["buffered"].as_u64().unwrap();
    assert!(
        waiting >= sink["received"].as_u64().unwrap() && waiting > 0,
        "{sink}"
    );
    let args = [
        "run",
        "--config",
        "service.toml",
        "--frames",
        "20",
        "--json",
    ];
    let out = common::unmask(folder.path(), &args);
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let sink = &summary["sinks"][0];
    assert_eq!(sink["buffered"], 0, "{sink}");
    assert!(sink["delivered"].as_u64().unwrap() >= waiting, "{sink}");
}
