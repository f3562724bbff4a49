//! Sink writers for stdout, files and sockets, each on a thread of its own.

use super::SinkError;
use super::counters::DiscardReason;
use super::rotate::RotatingFile;
use super::socket::AlertSocket;
use super::thread::{SharedSink, SinkMessage};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tracing::{error, warn};

/// How often a file is looked after while no alert comes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What a thread writes to.
#[derive(Debug)]
pub(super) enum SinkWriter {
    Stdout,
    File(RotatingFile),
    Socket(AlertSocket),
}

impl SinkWriter {
    /// Standard output.
    ///
    /// # Errors
    /// The process was started without one.
    pub fn stdout() -> Result<Self, SinkError> {
        if !unmask_system::stdout_is_open() {
            return Err(SinkError::NoStdout);
        }
        Ok(SinkWriter::Stdout)
    }
}

/// Writes what comes until nothing more can come.
pub(super) fn run(writer: SinkWriter, from: &Receiver<SinkMessage>, shared: &SharedSink) {
    match writer {
        SinkWriter::Stdout => stdout(from, shared),
        SinkWriter::File(file) => write_file(file, from, shared),
        SinkWriter::Socket(socket) => socket.run(from, shared),
    }
}

/// Ends once whoever read stdout is gone, and does not come back. A full disk may be free again.
fn stdout(from: &Receiver<SinkMessage>, shared: &SharedSink) {
    let mut out = std::io::stdout();
    let mut failing = false;
    for message in from {
        let SinkMessage::Line(line) = message else {
            continue;
        };
        let Err(source) = out.write_all(&line).and_then(|()| out.flush()) else {
            shared.counters.count_delivered();
            failing = false;
            continue;
        };
        shared.counters.discard(DiscardReason::WriteFailed, 1);
        let name = "stdout".to_string();
        if source.kind() == std::io::ErrorKind::BrokenPipe {
            return shared.fail(SinkError::Write { name, source });
        }
        if !std::mem::replace(&mut failing, true) {
            error!(
                "cannot write alerts to stdout: {source}; each is tried and those lost are counted"
            );
        }
    }
}

/// Goes on after failures: a full disk must not end the watch.
fn write_file(mut file: RotatingFile, from: &Receiver<SinkMessage>, shared: &SharedSink) {
    let mut failing = false;
    loop {
        let line = match from.recv_timeout(CHECK_INTERVAL) {
            Ok(SinkMessage::Line(line)) => line,
            Ok(SinkMessage::Link(_)) => continue,
            Err(RecvTimeoutError::Timeout) => {
                file.check();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match file.write(&line) {
            Ok(()) => {
                shared.counters.count_delivered();
                failing = false;
            }
            Err(error) => {
                shared.counters.discard(DiscardReason::WriteFailed, 1);
                if !std::mem::replace(&mut failing, true) {
                    error!(
                        "cannot write alerts to {}: {error}; each is tried and those lost are \
                         counted",
                        file.path().display()
                    );
                }
            }
        }
        if let Some(trouble) = file.take_problem() {
            warn!("{}: {trouble}", file.path().display());
        }
    }
    if let Err(error) = file.sync() {
        error!(
            "{}: the last alerts may not be on the medium: {error}",
            file.path().display()
        );
    }
}
