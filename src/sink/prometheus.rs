//! Prometheus endpoint: `GET /metrics`, everything bounded.

mod accept;
mod clients;
#[cfg(test)]
mod tests;

use super::counters::{DiscardReason, SinkReport};
use super::metrics::MetricsSnapshot;
use super::thread::SharedSink;
use super::{RunMetrics, SinkError, SinkFanout};
use crate::budget::DropReason as DropCause;
use clients::MetricsClients;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest request, bytes.
const REQUEST_BYTES: usize = 8 << 10;
/// A client gets this long to ask, and again this long to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Media types of the answer: OpenMetrics, and the older text form of Prometheus.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers Prometheus until dropped.
#[derive(Debug)]
pub struct MetricsExporter {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    clients: Arc<MetricsClients>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsExporter {
    /// Listens on `address` for questions about `sinks` and their run. With port 0 the system
    /// chooses one.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn start(address: SocketAddr, sinks: &SinkFanout) -> Result<Self, SinkError> {
        let refuse = |source| SinkError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(RunLabels {
            metrics: sinks.metrics().clone(),
            sinks: sinks.shared_counters(),
        }));
        let registry = Arc::new(registry);
        let ending = Arc::new(AtomicBool::new(false));
        let ended = ending.clone();
        let clients = Arc::new(MetricsClients::default());
        let served = clients.clone();
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                for stream in listener.incoming() {
                    if ended.load(Relaxed) {
                        return;
                    }
                    let registry = registry.clone();
                    // A client that goes away is its own affair.
                    let serve = move |stream: &TcpStream| drop(answer(stream, &registry));
                    let served = stream.and_then(|stream| served.serve(stream, serve));
                    if served.is_err() {
                        // Out of descriptors or threads, for one: no reason to spin.
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            })
            .map_err(refuse)?;
        Ok(Self {
            address,
            ending,
            clients,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsExporter {
    fn drop(&mut self) {
        self.ending.store(true, Relaxed);
        // Wakes the thread; where that fails it ends with the process.
        let mut own = self.address;
        if own.ip().is_unspecified() {
            own.set_ip(match own {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        let woken = TcpStream::connect_timeout(&own, Duration::from_millis(200)).is_ok();
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
        self.clients.close();
    }
}

fn answer(stream: &TcpStream, registry: &Registry) -> io::Result<()> {
    let request = read_request(stream)?;
    let mut words = request.split(|&b| b == b' ' || b == b'\r');
    let (method, path) = (words.next().unwrap_or(b""), words.next().unwrap_or(b""));
    let path = path.split(|&b| b == b'?').next().unwrap_or(path);
    let (status, media, body) = match (method, path) {
        (b"GET", b"/metrics") => {
            let mut body = String::with_capacity(8 << 10);
            match text::encode(&mut body, registry) {
                Ok(()) if accept::wants_plain(&request) => ("200 OK", PLAIN, accept::plain(&body)),
                Ok(()) => ("200 OK", OPEN_METRICS, body),
                Err(_) => ("500 Internal Server Error", "text/plain", String::new()),
            }
        }
        (b"GET", _) => (
            "404 Not Found",
            "text/plain",
            "metrics are at /metrics\n".into(),
        ),
        _ => ("405 Method Not Allowed", "text/plain", "only GET\n".into()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    write_answer(stream, &(head + &body))
}

/// Writes `text`, or fails at a limit of time in all.
fn write_answer(mut stream: &TcpStream, text: &str) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left))?;
        match stream.write(rest)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => rest = &rest[written..],
        }
    }
    Ok(())
}

/// Reads to the end of the head, or fails: at a limit of bytes and of time in all.
fn read_request(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || request.len() > REQUEST_BYTES {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let bytes = stream.read(&mut piece)?;
        request.extend_from_slice(&piece[..bytes]);
        if bytes == 0 || request.windows(4).any(|end| end == b"\r\n\r\n") {
            return Ok(request);
        }
    }
}

/// What is reported about a run.
#[derive(Debug)]
struct RunLabels {
    metrics: Arc<RunMetrics>,
    sinks: Vec<(String, Arc<SharedSink>)>,
}

/// A number of a run, with its name and its meaning.
type CountedEvents = (&'static str, &'static str, fn(&MetricsSnapshot) -> u64);
/// A number of a sink, with its name and its meaning.
type PublishedAlerts = (&'static str, &'static str, fn(&SinkReport) -> u64);

const COUNTERS: [CountedEvents; 6] = [
    (
        "unmask_frames_processed",
        "Frames processed: their alerts, if any, are emitted",
        MetricsSnapshot::frames,
    ),
    (
        "unmask_frames_on_time",
        "Frames processed within the latency budget",
        |l| l.on_time,
    ),
    (
        "unmask_frames_late",
        "Frames processed after the latency budget",
        |l| l.late,
    ),
    (
        "unmask_frames_invalid",
        "Frames that could not be decoded or scored",
        |l| l.invalid,
    ),
    (
        "unmask_frames_unknown_age",
        "Frames processed whose capture time is unknown",
        |l| l.unknown,
    ),
    ("unmask_alerts_emitted", "Alerts emitted", |l| l.alerts),
];
const SINK_COUNTERS: [PublishedAlerts; 5] = [
    ("unmask_sink_received", "Alerts handed to the sink", |r| {
        r.received
    }),
    ("unmask_sink_stored", "Alerts written to the outbox", |r| {
        r.stored
    }),
    ("unmask_sink_delivered", "Alerts delivered", |r| r.delivered),
    (
        "unmask_sink_retries",
        "Attempts that failed and were repeated",
        |r| r.retries,
    ),
    ("unmask_sink_connections", "Connections established", |r| {
        r.connections
    }),
];
const SINK_GAUGES: [PublishedAlerts; 4] = [
    (
        "unmask_sink_buffered_alerts",
        "Alerts in the outbox on disk, not yet acknowledged",
        |r| r.buffered,
    ),
    (
        "unmask_sink_memory_alerts",
        "Alerts held in memory only, because the outbox cannot be written",
        |r| r.in_memory,
    ),
    (
        "unmask_sink_fault",
        "1 if the broker refuses alerts for a reason that needs a change, such as a certificate",
        |r| u64::from(r.fault.is_some()),
    ),
    (
        "unmask_sink_connected",
        "1 if the broker is connected",
        |r| u64::from(r.connected),
    ),
];

impl Collector for RunLabels {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.metrics.snapshot();
        for (name, help, value) in COUNTERS {
            to.encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value(&snapshot), None)?;
        }
        let help = "Frames dropped before the engine, by reason";
        let mut metric =
            to.encode_descriptor("unmask_frames_dropped", help, None, MetricType::Counter)?;
        for (reason, frames) in DropCause::ALL.into_iter().zip(snapshot.dropped) {
            metric
                .encode_family(&[("reason", reason.name())])?
                .encode_counter::<NoLabelSet, _, u64>(&frames, None)?;
        }
        to.encode_descriptor(
            "unmask_uptime_seconds",
            "Time since the start of the run",
            None,
            MetricType::Gauge,
        )?
        .encode_gauge(&snapshot.up.as_secs_f64())?;
        to.encode_descriptor(
            "unmask_frame_age_seconds",
            "Age of frames when their alerts were emitted",
            None,
            MetricType::Histogram,
        )?
        .encode_histogram::<NoLabelSet>(
            snapshot.age_us as f64 / 1e6,
            snapshot.aged(),
            &snapshot.histogram(),
            None,
        )?;
        let reports: Vec<SinkReport> = self
            .sinks
            .iter()
            .map(|(name, shared)| shared.counters.report(name))
            .collect();
        for (name, help, value) in SINK_COUNTERS {
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
            for report in &reports {
                metric
                    .encode_family(&[("sink", report.name.as_str())])?
                    .encode_counter::<NoLabelSet, _, u64>(&value(report), None)?;
            }
        }
        for (name, help, value) in SINK_GAUGES {
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for report in &reports {
                metric
                    .encode_family(&[("sink", report.name.as_str())])?
                    .encode_gauge(&value(report))?;
            }
        }
        let help = "Alerts discarded, by reason";
        let mut metric =
            to.encode_descriptor("unmask_sink_discarded", help, None, MetricType::Counter)?;
        for (name, shared) in &self.sinks {
            for reason in DiscardReason::ALL {
                let labels = [("sink", name.as_str()), ("reason", reason.name())];
                metric
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(
                        &shared.counters.discarded(reason),
                        None,
                    )?;
            }
        }
        Ok(())
    }
}
