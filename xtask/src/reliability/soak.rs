//! A long run with everything on: a file that is rotated, evidence, metrics that are asked for, slow
//! clients, and a broker that comes and goes.

use super::SuiteContext;
use super::account::{AlertKey, AlertLines, broker_sink, file_sink, named, outbox};
use super::broker::Broker;
use super::program::{Running, unexpected_end};
use super::scene::{RATE_HZ, Scene};
use super::suite::SuiteResult;
use anyhow::Context;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How many times as fast as it was taken the recording comes, up to an hour; a longer one comes
/// as it was taken.
const SPEED: u64 = 4;
/// How long the broker is there, and then away.
const BROKER_UP: Duration = Duration::from_secs(40);
const BROKER_AWAY: Duration = Duration::from_secs(20);
/// How often the process is looked at.
const SAMPLE: Duration = Duration::from_secs(1);
/// Clients that ask for metrics and never finish.
const SLOW_CLIENTS: usize = 20;
/// Growth per hour that is called growth, KiB: what allocators add as they go.
const GROWTH_KIB: f64 = 4096.0;
/// Growth that short runs are allowed whatever their length, KiB.
const SETTLING_KIB: f64 = 1024.0;

/// The process at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at_s: f64,
    memory_kib: f64,
    descriptors: usize,
}

impl Sample {
    fn take(run: &Running, start: Instant) -> Option<Self> {
        let folder = format!("/proc/{}", run.id());
        let status = fs::read_to_string(format!("{folder}/status")).ok()?;
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(Self {
            at_s: start.elapsed().as_secs_f64(),
            memory_kib: memory.split_whitespace().next()?.parse().ok()?,
            descriptors: fs::read_dir(format!("{folder}/fd")).ok()?.count(),
        })
    }
}

/// The broker's alerts and outages over the run.
struct ComingBroker {
    port: u16,
    broker: Option<Broker>,
    since: Instant,
    taken: BTreeSet<AlertKey>,
    outages: u64,
}

impl ComingBroker {
    fn tick(&mut self) -> anyhow::Result<()> {
        let there = self.broker.is_some();
        let limit = if there { BROKER_UP } else { BROKER_AWAY };
        if self.since.elapsed() < limit {
            return Ok(());
        }
        self.since = Instant::now();
        if there {
            self.leave();
            self.outages += 1;
        } else {
            self.come()?;
        }
        Ok(())
    }

    fn come(&mut self) -> anyhow::Result<()> {
        if self.broker.is_none() {
            let broker = Broker::start_on(self.port).context("the broker's port is taken")?;
            self.broker = Some(broker);
        }
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(broker) = self.broker.take() {
            self.taken.extend(broker.taken());
        }
    }
}

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    let speed = if context.minutes > 60 { 1 } else { SPEED };
    let frames = context.minutes * 60 * RATE_HZ * speed;
    let scene = Scene::new()?;
    scene.recording("drive", frames, speed)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let metrics = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    context.program.configure(
        &scene,
        &format!(
            "[sink]\nshutdown_timeout_ms = 20000\nalerts = [\"a.jsonl\", \"mqtt://127.0.0.1:{port}/road\"]\n\
             metrics = \"{metrics}\"\n[sink.file]\nrotate_bytes = 524288\nmax_files = 1000\n\
             [sink.mqtt]\noutbox_folder = \"outbox\"\nbackoff_ms = 100\nbackoff_max_ms = 1000\n\
             [sink.evidence]\nfolder = \"kept\"\nframes = 50\nmin_interval_ms = 10000\n"
        ),
    )?;
    let mut broker = ComingBroker {
        port,
        broker: None,
        since: Instant::now(),
        taken: BTreeSet::new(),
        outages: 0,
    };
    let mut command = context.program.watch(&scene, "recording:drive");
    let mut run = Running::start(&scene, &mut command)?;
    let start = Instant::now();
    let (mut samples, mut slow) = (Vec::new(), Vec::new());
    let (mut scrapes, mut unanswered) = (0u64, 0u64);
    while run.is_running() {
        std::thread::sleep(SAMPLE);
        broker.tick()?;
        samples.extend(Sample::take(&run, start));
        while slow.len() < SLOW_CLIENTS {
            match TcpStream::connect(metrics) {
                Ok(stream) => slow.push(stream),
                Err(_) => break,
            }
        }
        // They are cut off after a while, and come again.
        slow.retain_mut(|stream| stream.write_all(b"x").is_ok());
        if run.is_running() && samples.len() > 3 {
            scrapes += 1;
            // The run may end meanwhile.
            unanswered += u64::from(!scrape(metrics) && run.is_running());
        }
        if samples
            .last()
            .is_some_and(|last| last.at_s > 60.0 * context.minutes as f64 - 15.0)
        {
            broker.come()?;
            broker.since = Instant::now();
        }
    }
    let status = run.wait(Duration::from_secs(1))?;
    broker.leave();
    let (said, summary) = (run.said(), run.summary());
    let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
    let (file, sent) = (file_sink(&summary), broker_sink(&summary));
    let in_file = AlertLines::read(named(scene.folder(), "a.jsonl"));
    let on_disk = outbox(&scene.path("outbox"));
    let known = broker.taken.union(&on_disk.whole).count() as u64;
    let nowhere = file
        .received
        .saturating_sub(in_file.whole.len() as u64 + file.lost)
        + sent.received.saturating_sub(known + sent.lost);
    if nowhere > 0 || file.received == 0 {
        failures.push(format!(
            "{nowhere} alerts are nowhere: {file:?}, {sent:?}; {said}"
        ));
    }
    result.add("alerts", &failures);
    result.alerts = file.received + sent.received;
    result.lost_counted = file.lost + sent.lost;
    result.lost_uncounted = nowhere;

    let count = |key: &str| summary[key].as_u64().unwrap_or(0);
    let sum = count("frames") + count("dropped_frames") + count("bad_frames");
    let differs = (sum != frames).then(|| format!("{sum} of {frames} frames are accounted for"));
    result.add("frame sums", &differs.into_iter().collect::<Vec<_>>());
    let lost = (unanswered > 0).then(|| format!("{unanswered} of {scrapes} were not answered"));
    result.add(
        "metrics next to slow clients",
        &lost.into_iter().collect::<Vec<_>>(),
    );

    let growth = growth(&samples);
    let hours = samples.last().map_or(0.0, |last| last.at_s) / 3600.0;
    let allowed = SETTLING_KIB + GROWTH_KIB * hours;
    let grown = (growth.memory_kib > allowed)
        .then(|| format!("memory grew by {:.0} KiB", growth.memory_kib));
    result.add("memory", &grown.into_iter().collect::<Vec<_>>());
    let leak = (growth.descriptors > 3.0)
        .then(|| format!("descriptors grew by {:.0}", growth.descriptors));
    result.add("descriptors", &leak.into_iter().collect::<Vec<_>>());
    result.figures.push(format!(
        "{} min, {} frames, {} broker outages, {scrapes} scrapes next to {SLOW_CLIENTS} slow \
         clients; memory {:.0} KiB after a third, {:.0} KiB at the end; descriptors {} to {}, {} \
         at the end",
        context.minutes,
        sum,
        broker.outages,
        growth.early_kib,
        growth.late_kib,
        growth.least_descriptors,
        growth.most_descriptors,
        growth.last_descriptors
    ));
    Ok(result)
}

fn scrape(address: std::net::SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    };
    ask().is_ok_and(|text: String| text.starts_with("HTTP/1.1 200"))
}

/// What the process took over the run.
#[derive(Debug, Default)]
struct ProcessGrowth {
    early_kib: f64,
    late_kib: f64,
    memory_kib: f64,
    descriptors: f64,
    least_descriptors: usize,
    most_descriptors: usize,
    last_descriptors: usize,
}

/// Compares the second third of the run, when buffers and rings are full, with the last, without
/// the end itself.
fn growth(samples: &[Sample]) -> ProcessGrowth {
    let n = samples.len();
    if n < 9 {
        return ProcessGrowth::default();
    }
    let (early, late) = (&samples[n / 3..n * 2 / 3], &samples[n * 2 / 3..n - 2]);
    let mean = |part: &[Sample], pick: fn(&Sample) -> f64| {
        part.iter().map(pick).sum::<f64>() / part.len() as f64
    };
    let memory = |part: &[Sample]| mean(part, |sample| sample.memory_kib);
    let open = |part: &[Sample]| mean(part, |sample| sample.descriptors as f64);
    let counts = || {
        samples[n / 3..n - 2]
            .iter()
            .map(|sample| sample.descriptors)
    };
    ProcessGrowth {
        early_kib: samples[n / 3].memory_kib,
        late_kib: samples[n - 3].memory_kib,
        memory_kib: memory(late) - memory(early),
        descriptors: open(late) - open(early),
        least_descriptors: counts().min().unwrap_or(0),
        most_descriptors: counts().max().unwrap_or(0),
        last_descriptors: samples[n - 3].descriptors,
    }
}
