//! Unix datagram socket sink: one datagram per alert.

use super::counters::DiscardReason;
use super::thread::{Line, SharedSink, SinkMessage};
use super::{SinkError, SocketSettings};
use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// Alerts held for a receiver that is not there; the oldest make room.
const PENDING_LIMIT: usize = 4096;

/// Sends to a socket that the receiver makes, whenever it makes it.
#[derive(Debug)]
pub(super) struct AlertSocket {
    path: PathBuf,
    socket: UnixDatagram,
    send_timeout: Duration,
    retry_interval: Duration,
    pending: VecDeque<(Instant, Line)>,
    absent: bool,
}

impl AlertSocket {
    pub fn open(path: &Path, settings: &SocketSettings) -> Result<Self, SinkError> {
        let refuse = |error: io::Error| SinkError::path("cannot send to the socket", path, error);
        // Checked here, since every later failure is only counted.
        std::os::unix::net::SocketAddr::from_pathname(path).map_err(refuse)?;
        let socket = UnixDatagram::unbound().map_err(refuse)?;
        socket.set_nonblocking(true).map_err(refuse)?;
        Ok(Self {
            path: path.to_path_buf(),
            socket,
            send_timeout: Duration::from_millis(settings.send_timeout_ms),
            retry_interval: Duration::from_millis(settings.retry_interval_ms.max(1)),
            pending: VecDeque::new(),
            absent: false,
        })
    }

    pub fn run(mut self, from: &Receiver<SinkMessage>, shared: &SharedSink) {
        let mut open = true;
        while open || !self.pending.is_empty() {
            let got = if self.pending.is_empty() {
                from.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                from.recv_timeout(self.retry_interval)
            };
            match got {
                Ok(SinkMessage::Line(line)) => self.enqueue(line, shared),
                Ok(SinkMessage::Link(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    open = false;
                    if !self.pending.is_empty() {
                        std::thread::sleep(self.retry_interval);
                    }
                }
            }
            self.send(shared);
        }
    }

    fn enqueue(&mut self, line: Line, shared: &SharedSink) {
        if self.pending.len() >= PENDING_LIMIT {
            self.pending.pop_front();
            shared.counters.discard(DiscardReason::NoReceiver, 1);
        }
        self.pending.push_back((Instant::now(), line));
    }

    /// Sends what is held, in order, as far as the receiver takes it.
    fn send(&mut self, shared: &SharedSink) {
        let counters = &shared.counters;
        while let Some((since, line)) = self.pending.front() {
            // A datagram has its own end: no line feed.
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            match self.socket.send_to(text, &self.path) {
                Ok(_) => {
                    counters.count_delivered();
                    if std::mem::take(&mut self.absent) {
                        info!("{}: a receiver is there", self.path.display());
                    }
                }
                Err(error) if is_too_long(&error) => counters.discard(DiscardReason::TooLarge, 1),
                Err(error) => {
                    counters.retries.fetch_add(1, Relaxed);
                    if error.kind() != io::ErrorKind::WouldBlock && !self.absent {
                        self.absent = true;
                        warn!(
                            "{}: no receiver ({error}); alerts wait {} ms for one",
                            self.path.display(),
                            self.send_timeout.as_millis()
                        );
                    }
                    if since.elapsed() < self.send_timeout {
                        return;
                    }
                    counters.discard(DiscardReason::NoReceiver, 1);
                }
            }
            self.pending.pop_front();
        }
    }
}

/// `EMSGSIZE`, which has no stable name.
fn is_too_long(error: &io::Error) -> bool {
    const EMSGSIZE: i32 = 90;
    error.raw_os_error() == Some(EMSGSIZE)
}
