//! Permanent faults of brokers: certificates, names, logins, ports,
//! client ids. Wants mosquitto and openssl.

mod common;

use common::{command, model, put, unmask};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "s@e:c/r#t%1";
const ENCODED: &str = "s%40e%3Ac%2Fr%23t%251";

/// Kills a process when dropped, whatever happens to the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether the programs are there that a test needs.
fn have(test: &str, programs: &[&str]) -> bool {
    programs
        .iter()
        .all(|name| unmask_oracle::program(test, name).is_some())
}

fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 22_000 + (std::process::id() % 90 * 100) as u16;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// mosquitto on `port` of this machine, with `more` in its configuration.
fn broker(folder: &Path, port: u16, more: &str) -> Running {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    // Else it would leave root for a user who may not read here.
    let user = if root { "user root\n" } else { "" };
    let config = folder.join(format!("{port}.conf"));
    std::fs::write(&config, format!("{user}listener {port} 127.0.0.1\n{more}")).unwrap();
    let child = Command::new(unmask_oracle::find_program("mosquitto").unwrap())
        .arg("-c")
        .arg(&config)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
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

fn openssl(folder: &Path, args: &str) {
    let out = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(out.status.success(), "{args}: {out:?}");
}

/// A folder with a drive of four pictures, three of which give an alert.
fn drive() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    for i in 0..4 {
        put(&folder.path().join(format!("in/{i}.png")), i == 1 || i == 2);
    }
    folder
}

/// Runs the drive with its alerts to `address`.
fn run(folder: &Path, address: &str, more: &[&str]) -> (Output, serde_json::Value, String) {
    let model = model("mask.onnx");
    let base = [
        "run",
        "--source",
        "pictures:in",
        "--threads",
        "1",
        "--json",
        "--outbox",
        "outbox",
        "--model",
        model.to_str().unwrap(),
        "--alerts",
        address,
    ];
    let _ = std::fs::remove_dir_all(folder.join("outbox"));
    let out = unmask(folder, &[&base[..], more].concat());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let summary = serde_json::from_slice(&out.stdout).unwrap_or_default();
    (out, summary, said)
}

fn validate(folder: &Path, address: &str, mqtt: &str) -> (Option<i32>, String) {
    let text = format!("[sink]\nalerts = [\"{address}\"]\n[sink.mqtt]\n{mqtt}\n");
    std::fs::write(folder.join("c.toml"), text).unwrap();
    let out = unmask(folder, &["validate", "c.toml"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    (out.status.code(), said)
}

/// Both `run` and `validate` say `part`; nothing is lost, and it is called what it is.
fn is_named(folder: &Path, address: &str, ca: Option<&str>, part: &str) {
    let more: Vec<&str> = ca.map_or(Vec::new(), |ca| vec!["--mqtt-ca", ca]);
    let (out, summary, said) = run(folder, address, &more);
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains(part), "{part}: {said}");
    assert!(said.contains("Waiting does not fix this"), "{said}");
    let sink = &summary["sinks"][0];
    assert!(sink["fault"].as_str().unwrap().contains(part), "{sink}");
    assert_eq!(
        (&sink["buffered"], &sink["discarded"]),
        (&3.into(), &serde_json::json!({}))
    );
    let mqtt = ca.map_or(String::new(), |ca| format!("ca_file = \"{ca}\""));
    let (code, said) = validate(folder, address, &mqtt);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(part) && said.contains("`sink.alerts`"),
        "{said}"
    );
}

fn delivers(folder: &Path, address: &str, ca: Option<&str>) {
    let more: Vec<&str> = ca.map_or(Vec::new(), |ca| vec!["--mqtt-ca", ca]);
    let (_, summary, said) = run(folder, address, &more);
    let sink = &summary["sinks"][0];
    assert_eq!(
        (&sink["delivered"], &sink["buffered"]),
        (&3.into(), &0.into()),
        "{said}"
    );
    assert!(sink["fault"].is_null(), "{sink}");
    let mqtt = ca.map_or(String::new(), |ca| format!("ca_file = \"{ca}\""));
    let (code, said) = validate(folder, address, &mqtt);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn certificates_work_or_the_fix_is_said() {
    if !have(
        "certificates_work_or_the_fix_is_said",
        &["mosquitto", "openssl"],
    ) {
        return;
    }
    let folder = drive();
    let folder = folder.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        folder,
        &format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"),
    );
    let sign = |name: &str, extensions: &str| {
        openssl(
            folder,
            &format!("req {key} -subj /CN=localhost -keyout {name}.key -out {name}.csr"),
        );
        let mut more = String::new();
        if !extensions.is_empty() {
            std::fs::write(folder.join("extensions"), extensions).unwrap();
            more = " -extfile extensions".into();
        }
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out \
                 {name}.pem{more}"
            ),
        );
    };
    let serve = |name: &str| {
        let port = free_port();
        let more = format!("allow_anonymous true\ncertfile {name}.pem\nkeyfile {name}.key\n");
        (
            broker(folder, port, &more),
            format!("mqtts://localhost:{port}/road"),
        )
    };

    sign("good", "subjectAltName=DNS:localhost");
    let (_good, address) = serve("good");
    delivers(folder, &address, Some("ca.pem"));
    is_named(
        folder,
        &address,
        None,
        "signed by an authority that is not trusted here",
    );
    let by_number = address.replace("localhost", "127.0.0.1");
    is_named(
        folder,
        &by_number,
        Some("ca.pem"),
        "subjectAltName=IP:127.0.0.1",
    );
    let plain = address.replace("mqtts:", "mqtt:");
    is_named(folder, &plain, None, "speaks TLS; write mqtts://");

    sign("old", "");
    let (_old, address) = serve("old");
    is_named(folder, &address, Some("ca.pem"), "X.509 version 1");

    sign("nameless", "basicConstraints=CA:FALSE");
    let (_nameless, address) = serve("nameless");
    is_named(folder, &address, Some("ca.pem"), "holds no name");

    // As `openssl req -x509` makes it: marked as an authority's.
    openssl(
        folder,
        &format!(
            "req -x509 {key} -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
             -keyout own.key -out own.pem"
        ),
    );
    let (_own, address) = serve("own");
    delivers(folder, &address, Some("own.pem"));
    let by_number = address.replace("localhost", "127.0.0.1");
    is_named(folder, &by_number, Some("own.pem"), "not for `127.0.0.1`");
    is_named(folder, &address, Some("ca.pem"), "CA:TRUE");
}

#[test]
fn logins_ports_and_versions_are_named_and_no_password_is_printed() {
    if !have(
        "logins_ports_and_versions",
        &["mosquitto", "mosquitto_passwd"],
    ) {
        return;
    }
    let folder = drive();
    let folder = folder.path();
    std::fs::write(folder.join("pw"), "").unwrap();
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "pw", "bob", PASSWORD])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let port = free_port();
    let _broker = broker(folder, port, "allow_anonymous false\npassword_file pw\n");
    let at = format!("127.0.0.1:{port}/road");
    delivers(folder, &format!("mqtt://bob:{ENCODED}@{at}"), None);
    for (address, part) in [
        (format!("mqtt://{at}"), "NotAuthorized"),
        (format!("mqtt://bob:secret-1@{at}"), "NotAuthorized"),
    ] {
        is_named(folder, &address, None, part);
    }
    let (_, _, said) = run(
        folder,
        &format!("mqtt://bob:secret-1@{at}"),
        &["--mqtt-version", "3.1.1"],
    );
    assert!(said.contains("Waiting does not fix this"), "{said}");
    is_named(
        folder,
        &format!("mqtts://bob:{ENCODED}@{at}"),
        None,
        "without TLS",
    );

    // Whatever is wrong with the address or the line, the password is not repeated.
    for args in [
        vec!["run", "--alerts", "mqtt://bob:secret-1@127.0.0.1:0"],
        vec!["run", "--alerts=mqtt://bob:secret-1@h:port"],
        vec!["run", "mqtt://bob:secret-1@h"],
        vec!["run", "--alert", "mqtt://bob:secret-1@h"],
        vec!["run", "--frames", "mqtt://bob:secret-1@h"],
        vec!["run", "--alerts", "mqtt://bob:secret-1"],
        vec!["mqtt://bob:secret-1@h"],
        vec![
            "run",
            "--source",
            "synthetic",
            "--alerts",
            "mqtt://bob:secret-1#%@h",
        ],
    ] {
        let out = unmask(folder, &args);
        assert!(!out.status.success());
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!said.contains("secret-1"), "{args:?}: {said}");
    }
    for text in [
        "alerts = \"mqtt://bob:secret-1@h\"",
        "alerts = [\"mqtt://bob:secret-1@h:0\"]",
        "alerts = [[\"mqtt://bob:secret-1@h:0\"]]",
        "metrics = \"mqtt://bob:secret-1@h\"",
    ] {
        std::fs::write(folder.join("c.toml"), format!("[sink]\n{text}\n")).unwrap();
        let out = unmask(folder, &["validate", "c.toml"]);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && !said.contains("secret-1"),
            "{text}: {said}"
        );
    }
    let (_, summary, said) = run(folder, "mqtt://bob:secret-1@127.0.0.1:9/road", &[]);
    assert!(
        !said.contains("secret-1") && !summary.to_string().contains("secret-1"),
        "{said}"
    );
}

#[test]
fn a_client_id_that_another_client_uses_is_named() {
    if !have(
        "a_client_id_that_another_client_uses_is_named",
        &["mosquitto"],
    ) {
        return;
    }
    for version in ["5", "3.1.1"] {
        let folder = drive();
        let folder = folder.path();
        let port = free_port();
        let _broker = broker(folder, port, "allow_anonymous true\n");
        let start = |outbox: &str| {
            let text = format!(
                "[source]\nuri = \"synthetic:1\"\nrealtime = true\nrate_hz = 1.0\n[model]\nfile = \
                 \"{}\"\nthreads = 1\n[sink]\nalerts = [\"mqtt://127.0.0.1:{port}/road\"]\n\
                 [sink.mqtt]\nversion = \"{version}\"\nclient_id = \"same\"\noutbox = \"{outbox}\"\n\
                 backoff_ms = 50\nbackoff_max_ms = 100\n",
                model("mask.onnx").display()
            );
            let file = format!("{outbox}.toml");
            std::fs::write(folder.join(&file), text).unwrap();
            let log = std::fs::File::create(folder.join(format!("{outbox}.err"))).unwrap();
            let child = command(folder, &["run", "--config", &file])
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap();
            Running(child)
        };
        let _both = [start("a"), start("b")];
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
            let said = said("a.err") + &said("b.err");
            if said.contains("client id `same`") && said.contains("sink.mqtt.client_id") {
                break;
            }
            assert!(Instant::now() < deadline, "{version}: {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A drive is over long before a slow broker has said no.
#[test]
fn what_a_broker_says_after_the_last_frame_is_not_lost() {
    use std::io::{Read, Write};
    let folder = drive();
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = broker.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in broker.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            std::thread::sleep(Duration::from_millis(1500));
            // CONNACK of MQTT 5: not authorized.
            let _ = stream.write_all(&[0x20, 3, 0, 0x87, 0]);
        }
    });
    let address = format!("mqtt://127.0.0.1:{port}/road");
    is_named(folder.path(), &address, None, "NotAuthorized");
}
