//! Clients that are slow, silent or many.

use super::MetricsExporter;
use crate::sink::{SinkFanout, SinkSettings, WhenFull};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer than any answer takes; far less than all slow clients would take one after the other.
const LIMIT: Duration = Duration::from_secs(10);

fn scrape(address: SocketAddr) -> (String, Duration) {
    let start = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    (text, start.elapsed())
}

#[test]
fn slow_clients_keep_nobody_out() {
    const SLOW: usize = 100;
    const SCRAPES: usize = 20;
    let sinks = SinkFanout::open(&[], &SinkSettings::default(), WhenFull::Drop).unwrap();
    let exporter = MetricsExporter::start("127.0.0.1:0".parse().unwrap(), &sinks).unwrap();
    let mut slow = Vec::new();
    let mut longest = Duration::ZERO;
    for scrapes in 0..SCRAPES {
        // More come all the time: silent ones, and ones that say a byte now and then.
        while slow.len() < SLOW * (scrapes + 1) / SCRAPES {
            let mut stream = TcpStream::connect(exporter.address()).unwrap();
            if slow.len() % 2 == 0 {
                // It may be cut off already.
                let _ = stream.write_all(b"GET /met");
            }
            slow.push(stream);
        }
        for stream in slow.iter_mut().step_by(2) {
            let _ = stream.write_all(b"r");
        }
        let (text, took) = scrape(exporter.address());
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        longest = longest.max(took);
    }
    println!(
        "\n{SCRAPES} tried, {SCRAPES} held, 0 lost: answers next to {SLOW} slow clients, the \
         slowest in {:.1} ms",
        longest.as_secs_f64() * 1e3
    );
    // One after the other they would have been waited for two seconds each.
    assert!(longest < LIMIT, "{longest:?}");
}

#[test]
fn slow_client_does_not_hold_the_end() {
    let sinks = SinkFanout::open(&[], &SinkSettings::default(), WhenFull::Drop).unwrap();
    let exporter = MetricsExporter::start("127.0.0.1:0".parse().unwrap(), &sinks).unwrap();
    let mut silent = TcpStream::connect(exporter.address()).unwrap();
    silent.set_read_timeout(Some(LIMIT)).unwrap();
    // Served by now: the next one is, too.
    scrape(exporter.address());
    let start = Instant::now();
    drop(exporter);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
}
