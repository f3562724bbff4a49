//! Sinks that write alerts as they come, each on a thread of its own.

use super::counters::Cause;
use super::rotate::Rotating;
use super::socket::Socket;
use super::thread::{Line, Message, Shared};
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
            // Brokers have a thread of their own kind.
            Target::Stdout | Target::Mqtt(_) => Ok(Outlet::Stdout),
        }
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

fn lines(from: &Receiver<Message>) -> impl Iterator<Item = Line> {
    from.iter().filter_map(|message| match message {
        Message::Line(line) => Some(line),
        Message::Link(_) => None,
    })
}

/// Ends with the first failure: whoever read stdout is gone, and does not come back.
fn stdout(from: &Receiver<Message>, shared: &Shared) {
    let mut out = std::io::stdout();
    for line in lines(from) {
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
fn keep_writing(mut file: Rotating, from: &Receiver<Message>, shared: &Shared) {
    let mut failing = false;
    for line in lines(from) {
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
