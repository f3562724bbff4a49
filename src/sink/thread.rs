//! The thread of a sink: its start, its messages, and the state it shares with its owner.

use super::SinkError;
use super::counters::SinkCounters;
use super::mqtt::publisher::LinkEvent;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// One alert as JSON with a line feed at its end, shared by all sinks.
pub(super) type Line = Arc<Vec<u8>>;

/// What a sink's thread is sent.
#[derive(Debug)]
pub(super) enum SinkMessage {
    /// An alert.
    Line(Line),
    /// News of the connection to a broker.
    Link(LinkEvent),
}

/// What a sink's thread and its owner both see.
#[derive(Debug, Default)]
pub(super) struct SharedSink {
    pub counters: SinkCounters,
    /// No more alerts will come: deliver what is there and end.
    pub closing: AtomicBool,
    /// Why the thread gave up.
    pub failed: Mutex<Option<SinkError>>,
}

impl SharedSink {
    pub fn fail(&self, error: SinkError) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub fn failure(&self) -> Option<SinkError> {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Starts a sink's thread.
pub(super) fn start(
    name: &str,
    shared: &Arc<SharedSink>,
    from: Receiver<SinkMessage>,
    work: impl FnOnce(Receiver<SinkMessage>, Arc<SharedSink>) + Send + 'static,
) -> Result<JoinHandle<()>, SinkError> {
    let shared = shared.clone();
    std::thread::Builder::new()
        .name("sink".into())
        .spawn(move || work(from, shared))
        .map_err(|source| SinkError::Write {
            name: name.to_string(),
            source,
        })
}
