//! Sinks that write alerts as they come, each on a thread of its own.

use super::counters::Cause;
use super::rotate::Rotating;
use super::socket::Socket;
use super::thread::{Message, Shared};
use super::{SinkError, say};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often a file is looked after while no alert comes.
const LOOK: Duration = Duration::from_secs(1);

/// What a thread writes to.
#[derive(Debug)]
pub(super) enum Outlet {
    Stdout,
    File(Rotating),
    Socket(Socket),
}

impl Outlet {
    /// Standard output.
    ///
    /// # Errors
    /// The process was started without one.
    pub fn stdout() -> Result<Self, SinkError> {
        if !unmask_system::stdout_is_open() {
            return Err(SinkError::NoStdout);
        }
        Ok(Outlet::Stdout)
    }
}

/// Writes what comes until nothing more can come.
pub(super) fn run(outlet: Outlet, from: &Receiver<Message>, shared: &Shared) {
    match outlet {
        Outlet::Stdout => stdout(from, shared),
        Outlet::File(file) => keep_writing(file, from, shared),
        Outlet::Socket(socket) => socket.run(from, shared),
    }
}

/// Ends once whoever read stdout is gone, and does not come back. A full disk may be free again.
fn stdout(from: &Receiver<Message>, shared: &Shared) {
    let mut out = std::io::stdout();
    let mut failing = false;
    for message in from {
        let Message::Line(line) = message else {
            continue;
        };
        let Err(source) = out.write_all(&line).and_then(|()| out.flush()) else {
            shared.counters.deliver();
            failing = false;
            continue;
        };
        shared.counters.lose(Cause::Write, 1);
        let name = "stdout".to_string();
        if source.kind() == std::io::ErrorKind::BrokenPipe {
            return shared.fail(SinkError::Write { name, source });
        }
        if !std::mem::replace(&mut failing, true) {
            say(format_args!(
                "cannot write alerts to stdout: {source}; each is tried and those lost are counted"
            ));
        }
    }
}

/// Goes on after failures: a full disk must not end the watch.
fn keep_writing(mut file: Rotating, from: &Receiver<Message>, shared: &Shared) {
    let mut failing = false;
    loop {
        let line = match from.recv_timeout(LOOK) {
            Ok(Message::Line(line)) => line,
            Ok(Message::Link(_)) => continue,
            Err(RecvTimeoutError::Timeout) => {
                file.look();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match file.write(&line) {
            Ok(()) => {
                shared.counters.deliver();
                failing = false;
            }
            Err(error) => {
                shared.counters.lose(Cause::Write, 1);
                if !std::mem::replace(&mut failing, true) {
                    say(format_args!(
                        "cannot write alerts to {}: {error}; each is tried and those lost are \
                         counted",
                        file.path().display()
                    ));
                }
            }
        }
        if let Some(trouble) = file.take_trouble() {
            say(format_args!("{}: {trouble}", file.path().display()));
        }
    }
    if let Err(error) = file.sync() {
        say(format_args!(
            "{}: the last alerts may not be on the medium: {error}",
            file.path().display()
        ));
    }
}
