//! Fan-out: serialises an alert once and hands it to all sinks.

use super::counters::{DiscardReason, SinkCounters, SinkReport};
use super::rotate::RotatingFile;
use super::socket::AlertSocket;
use super::thread::{Line, SharedSink, SinkMessage, start};
use super::writer::{self, SinkWriter};
use super::{JsonLines, RunMetrics, SinkError, SinkSettings, SinkUri, mqtt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing::error;
use unmask_alert::Alert;
use unmask_frame::WhenFull;

/// Bytes set aside for a line; longer ones grow it once.
const LINE_BYTES: usize = 1024;
/// How often the end of a run checks whether a sink has finished.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

struct SinkWorker {
    name: String,
    sender: SyncSender<SinkMessage>,
    shared: Arc<SharedSink>,
    thread: JoinHandle<()>,
}

/// All sinks of a run.
pub struct SinkFanout {
    direct: Vec<JsonLines>,
    direct_received: u64,
    workers: Vec<SinkWorker>,
    /// Lines to be used again, in turn: the one used longest ago is the one most likely free.
    lines: Vec<Line>,
    next: usize,
    /// With [`WhenFull::Drop`] an alert is lost for a sink that does not keep up, and counted, and
    /// files are appended to and rotated. With [`WhenFull::Block`] the caller waits; a file is made
    /// again and not rotated, since it is the result of this one run, and files and stdout are
    /// written on the caller's own thread, so that their failures end the run at once.
    when_full: WhenFull,
    shutdown_timeout: Duration,
    /// Sinks that have ended, with their result.
    ended: Vec<(SinkReport, Option<SinkError>)>,
    metrics: Arc<RunMetrics>,
}

impl std::fmt::Debug for SinkFanout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sinks")
            .field("direct", &self.direct)
            .field("when_full", &self.when_full)
            .finish_non_exhaustive()
    }
}

impl From<JsonLines> for SinkFanout {
    /// One writer on the caller's own thread.
    fn from(lines: JsonLines) -> Self {
        let mut sinks = Self::empty(&SinkSettings::default(), WhenFull::Block);
        sinks.direct.push(lines);
        sinks
    }
}

impl SinkFanout {
    /// Opens every sink of `uris`; stdout, where there is none. For real time with
    /// [`WhenFull::Drop`]: nothing ever waits. For recorded frames with [`WhenFull::Block`]: nothing
    /// is lost, a file is made again, and one that cannot be written ends the run.
    ///
    /// # Errors
    /// A file or an outbox cannot be made, a certificate or password cannot be read, or a setting
    /// is invalid. A missing receiver or broker is not an error: it may come later.
    pub fn open(
        uris: &[SinkUri],
        settings: &SinkSettings,
        when_full: WhenFull,
    ) -> Result<Self, SinkError> {
        if let Some((key, want)) = settings.invalid_value() {
            return Err(SinkError::Range { key, want });
        }
        let mut sinks = Self::empty(settings, when_full);
        let stdout = [SinkUri::Stdout];
        let uris = if uris.is_empty() { &stdout } else { uris };
        for uri in uris {
            match (uri, when_full) {
                (SinkUri::Stdout, WhenFull::Block) => sinks.direct.push(JsonLines::stdout()?),
                (SinkUri::File(path), WhenFull::Block) => {
                    sinks.direct.push(JsonLines::to_file(path)?);
                }
                _ => sinks.start_worker(uri, settings)?,
            }
        }
        Ok(sinks)
    }

    /// Alerts in a file, which is made again, written on the caller's own thread.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn to_file(path: &Path) -> Result<Self, SinkError> {
        JsonLines::to_file(path).map(Self::from)
    }

    fn empty(settings: &SinkSettings, when_full: WhenFull) -> Self {
        Self {
            direct: Vec::new(),
            direct_received: 0,
            workers: Vec::new(),
            lines: Vec::new(),
            next: 0,
            when_full,
            shutdown_timeout: Duration::from_millis(settings.shutdown_timeout_ms),
            ended: Vec::new(),
            metrics: Arc::default(),
        }
    }

    /// Starts the thread of `uri`.
    fn start_worker(&mut self, uri: &SinkUri, settings: &SinkSettings) -> Result<(), SinkError> {
        let (to, from) = sync_channel(settings.queue_capacity);
        let shared = Arc::new(SharedSink::default());
        let name = match uri {
            SinkUri::Stdout => "stdout".to_string(),
            uri => uri.to_string(),
        };
        let writer = match uri {
            SinkUri::Mqtt(broker) => Err(broker),
            SinkUri::Stdout => Ok(SinkWriter::stdout()?),
            SinkUri::File(path) => Ok(SinkWriter::File(RotatingFile::open(path, &settings.file)?)),
            SinkUri::Socket(path) => Ok(SinkWriter::Socket(AlertSocket::open(
                path,
                &settings.socket,
            )?)),
        };
        let thread = match writer {
            Err(broker) => mqtt::start(
                broker,
                &settings.mqtt,
                settings.queue_capacity,
                &to,
                from,
                &shared,
            )?,
            Ok(writer) => start(&name, &shared, from, move |from, shared| {
                writer::run(writer, &from, &shared);
            })?,
        };
        self.workers.push(SinkWorker {
            name,
            sender: to,
            shared,
            thread,
        });
        if self.lines.is_empty() {
            self.lines = (0..settings.queue_capacity + 2)
                .map(|_| Arc::new(Vec::with_capacity(LINE_BYTES)))
                .collect();
        }
        Ok(())
    }

    /// Hands `alert` to every sink. With [`WhenFull::Drop`] it never waits, and allocates only
    /// where a slow sink still holds every line.
    ///
    /// # Errors
    /// Stdout is closed, or a file cannot be written (with [`WhenFull::Block`] only).
    pub fn publish(&mut self, alert: &Alert) -> Result<(), SinkError> {
        for lines in &mut self.direct {
            lines.write_alert(alert)?;
        }
        self.direct_received += 1;
        self.metrics.count_alert();
        if self.workers.is_empty() {
            return Ok(());
        }
        let line = self.write(alert)?;
        for sink in &self.workers {
            sink.send(&line, self.when_full)?;
        }
        Ok(())
    }

    fn write(&mut self, alert: &Alert) -> Result<Line, SinkError> {
        let at = self.next;
        self.next = (at + 1) % self.lines.len();
        let slot = &mut self.lines[at];
        if Arc::get_mut(slot).is_none() {
            *slot = Arc::new(Vec::with_capacity(LINE_BYTES));
        }
        if let Some(line) = Arc::get_mut(slot) {
            line.clear();
            serde_json::to_writer(&mut *line, alert).map_err(|error| SinkError::Write {
                name: "a line".into(),
                source: error.into(),
            })?;
            #[cfg(test)]
            super::schema::check(line);
            line.push(b'\n');
        }
        Ok(slot.clone())
    }

    /// Metrics of the run.
    pub fn metrics(&self) -> &Arc<RunMetrics> {
        &self.metrics
    }

    /// The counters of every sink so far.
    pub fn reports(&self) -> Vec<SinkReport> {
        let direct = self.direct.iter().map(|lines| SinkReport {
            received: self.direct_received,
            delivered: self.direct_received,
            ..SinkCounters::default().report(lines.name())
        });
        let handed = self.workers.iter();
        direct
            .chain(handed.map(|sink| sink.shared.counters.report(&sink.name)))
            .collect()
    }

    /// The counters, to be read while the run continues.
    pub(super) fn shared_counters(&self) -> Vec<(String, Arc<SharedSink>)> {
        let handed = self.workers.iter();
        handed
            .map(|sink| (sink.name.clone(), sink.shared.clone()))
            .collect()
    }

    /// Delivers what is queued, for at most `shutdown_timeout_ms`, and ends all threads. What a broker did not
    /// take stays in its outbox for the next run.
    ///
    /// # Errors
    /// A sink had given up; the first is named.
    pub fn close(mut self) -> Result<Vec<SinkReport>, SinkError> {
        let mut reports = self.reports();
        let mut ended = std::mem::take(&mut self.ended);
        reports.extend(ended.iter().map(|(report, _)| report.clone()));
        ended.extend(self.finish());
        let first = reports.len() - ended.len();
        let mut failed = None;
        for (report, (ended, error)) in reports[first..].iter_mut().zip(ended) {
            *report = ended;
            failed = failed.or(error);
        }
        for report in reports.iter().filter(|r| r.total_discarded() > 0) {
            error!("{report}");
        }
        failed.map_or(Ok(reports), Err)
    }

    /// Delivers what is queued, for at most `limit` and `shutdown_timeout_ms`, and ends all threads before
    /// [`SinkFanout::close`] does: for a run that is asked to stop. No alert may be reported after it.
    pub fn deliver(&mut self, limit: Duration) {
        self.shutdown_timeout = self.shutdown_timeout.min(limit);
        let ended = self.finish();
        self.ended.extend(ended);
    }

    fn finish(&mut self) -> Vec<(SinkReport, Option<SinkError>)> {
        let ending: Vec<_> = self
            .workers
            .drain(..)
            .map(|sink| {
                sink.shared.closing.store(true, Relaxed);
                // The thread ends once the ring is empty and no sender is left.
                drop(sink.sender);
                (sink.name, sink.shared, sink.thread)
            })
            .collect();
        let deadline = Instant::now() + self.shutdown_timeout;
        ending
            .into_iter()
            .map(|(name, shared, thread)| {
                while !thread.is_finished() && Instant::now() < deadline {
                    std::thread::sleep(POLL_INTERVAL);
                }
                let ended = thread.is_finished();
                let broken = ended && thread.join().is_err();
                shared.counters.discard_rest();
                let report = shared.counters.report(&name);
                let error = shared.failure().or(broken.then(|| SinkError::Thread {
                    counters: report.to_string(),
                    name,
                }));
                (report, error)
            })
            .collect()
    }
}

impl Drop for SinkFanout {
    fn drop(&mut self) {
        for (_, error) in self.finish() {
            if let Some(error) = error {
                error!("{error}");
            }
        }
    }
}

impl SinkWorker {
    fn send(&self, line: &Line, when_full: WhenFull) -> Result<(), SinkError> {
        let counters = &self.shared.counters;
        counters.received.fetch_add(1, Relaxed);
        let message = SinkMessage::Line(line.clone());
        let gone = match when_full {
            WhenFull::Block => self.sender.send(message).is_err(),
            WhenFull::Drop => match self.sender.try_send(message) {
                Ok(()) => false,
                Err(TrySendError::Full(_)) => {
                    counters.discard(DiscardReason::QueueFull, 1);
                    false
                }
                Err(TrySendError::Disconnected(_)) => true,
            },
        };
        if !gone {
            return Ok(());
        }
        Err(self.shared.failure().unwrap_or_else(|| SinkError::Thread {
            name: self.name.clone(),
            counters: counters.report(&self.name).to_string(),
        }))
    }
}
