//! Sinks that write alerts as they come, each on a thread of its own.

use super::counters::Cause;
use super::fan::{Line, Shared};
use super::rotate::Rotating;
use super::socket::Socket;
use super::{Settings, SinkError, Target, say};
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;

/// What a thread writes to.
#[derive(Debug)]
pub(super) enum Outlet {
    Stdout,
    File(Rotating),
    Socket(Socket),
}

impl Outlet {
    pub fn open(target: &Target, settings: &Settings) -> Result<Self, SinkError> {
        match target {
            Target::File(path) => Rotating::open(path, &settings.file).map(Outlet::File),
            Target::Socket(path) => Socket::open(path, &settings.socket).map(Outlet::Socket),
            Target::Stdout => Ok(Outlet::Stdout),
        }
    }
}

/// Writes what comes until nothing more can come.
pub(super) fn run(outlet: Outlet, from: &Receiver<Line>, shared: &Shared) {
    match outlet {
        Outlet::Stdout => stdout(from, shared),
        Outlet::File(file) => keep_writing(file, from, shared),
        Outlet::Socket(socket) => socket.run(from, shared),
    }
}

/// Ends with the first failure: whoever read stdout is gone, and does not come back.
fn stdout(from: &Receiver<Line>, shared: &Shared) {
    let mut out = std::io::stdout();
    for line in from {
        if let Err(source) = out.write_all(&line).and_then(|()| out.flush()) {
            shared.counters.lose(Cause::Write, 1);
            return shared.fail(SinkError::Write {
                name: "stdout".into(),
                source,
            });
        }
        shared.counters.delivered.fetch_add(1, Relaxed);
    }
}

/// Goes on after failures: a full disk must not end the watch.
fn keep_writing(mut file: Rotating, from: &Receiver<Line>, shared: &Shared) {
    let mut failing = false;
    for line in from {
        match file.write(&line) {
            Ok(()) => {
                shared.counters.delivered.fetch_add(1, Relaxed);
                failing = false;
            }
            Err(error) => {
                shared.counters.lose(Cause::Write, 1);
                if !failing {
                    say(format_args!(
                        "cannot write alerts to {}: {error}; each is tried and those lost are \
                         counted",
                        file.path().display()
                    ));
                }
                failing = true;
            }
        }
    }
}
