//! Counters of one sink.

use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Why an alert was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiscardReason {
    /// The queue of the sink was full: the sink is slower than alerts arrive.
    QueueFull,
    /// Nobody listened at the socket within the send timeout.
    NoReceiver,
    /// The file or stdout could not be written.
    WriteFailed,
    /// It does not fit into one datagram.
    TooLarge,
    /// The outbox was full: the oldest alerts made room.
    OutboxFull,
    /// The outbox could not be written, and the broker was away for too long.
    OutboxWriteFailed,
    /// Someone else removed it from the outbox, or changed it there.
    OutboxDamaged,
    /// The broker never takes it: it is too large, or not what the broker accepts.
    Refused,
    /// The run ended before the sink had processed it.
    ShutdownTimeout,
}

impl DiscardReason {
    /// All reasons.
    pub const ALL: [DiscardReason; 9] = [
        DiscardReason::QueueFull,
        DiscardReason::NoReceiver,
        DiscardReason::WriteFailed,
        DiscardReason::TooLarge,
        DiscardReason::OutboxFull,
        DiscardReason::OutboxWriteFailed,
        DiscardReason::OutboxDamaged,
        DiscardReason::Refused,
        DiscardReason::ShutdownTimeout,
    ];

    /// Its name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            DiscardReason::QueueFull => "queue_full",
            DiscardReason::NoReceiver => "no_receiver",
            DiscardReason::WriteFailed => "write_failed",
            DiscardReason::TooLarge => "too_large",
            DiscardReason::OutboxFull => "outbox_full",
            DiscardReason::OutboxWriteFailed => "outbox_write_failed",
            DiscardReason::OutboxDamaged => "outbox_damaged",
            DiscardReason::Refused => "refused",
            DiscardReason::ShutdownTimeout => "shutdown_timeout",
        }
    }
}

/// The counters of one sink; read from any thread.
#[derive(Debug, Default)]
pub struct SinkCounters {
    /// Alerts handed to the sink.
    pub(super) received: AtomicU64,
    /// Alerts on their own disk (MQTT only): these survive the end of the process.
    pub(super) stored: AtomicU64,
    /// Alerts delivered.
    pub(super) delivered: AtomicU64,
    /// Attempts that failed and were repeated.
    pub(super) retries: AtomicU64,
    /// Connections made (MQTT only).
    pub(super) connections: AtomicU64,
    /// Whether the other end is there (MQTT only).
    pub(super) connected: AtomicBool,
    /// Alerts in the outbox on disk, not yet acknowledged (MQTT only).
    pub(super) buffered: AtomicU64,
    /// Alerts that only memory holds, since the outbox cannot be written (MQTT only).
    pub(super) in_memory: AtomicU64,
    /// Alerts of this run that are delivered, stored, or lost: what is not was not processed.
    settled: AtomicU64,
    /// What keeps the broker from taking alerts, and that waiting does not fix (MQTT only).
    fault: Mutex<Option<String>>,
    /// Damaged lines found in the outbox when it was opened (MQTT only).
    pub(super) damaged: AtomicU64,
    discarded: [AtomicU64; DiscardReason::ALL.len()],
}

impl SinkCounters {
    /// Counts alerts that were stored or delivered before.
    pub(super) fn discard_stored(&self, reason: DiscardReason, alerts: u64) {
        self.discarded[reason as usize].fetch_add(alerts, Relaxed);
    }

    /// Counts alerts that were handed to the sink and are lost.
    pub(super) fn discard(&self, reason: DiscardReason, alerts: u64) {
        self.discard_stored(reason, alerts);
        self.settled.fetch_add(alerts, Relaxed);
    }

    /// An alert of this run is stored.
    pub(super) fn count_stored(&self) {
        self.stored.fetch_add(1, Relaxed);
        self.settled.fetch_add(1, Relaxed);
    }

    /// The other end has an alert that was not stored before.
    pub(super) fn count_delivered(&self) {
        self.delivered.fetch_add(1, Relaxed);
        self.settled.fetch_add(1, Relaxed);
    }

    /// Counts what was handed over and not processed as lost: the run does not wait any longer.
    pub(super) fn discard_rest(&self) {
        let received = self.received.load(Relaxed);
        let rest = received.saturating_sub(self.settled.load(Relaxed));
        self.discard(DiscardReason::ShutdownTimeout, rest);
    }

    pub(super) fn set_fault(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Alerts lost for `reason`.
    pub fn discarded(&self, reason: DiscardReason) -> u64 {
        self.discarded[reason as usize].load(Relaxed)
    }

    /// All counters, as they are now.
    pub fn report(&self, name: &str) -> SinkReport {
        SinkReport {
            name: name.to_string(),
            received: self.received.load(Relaxed),
            stored: self.stored.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            retries: self.retries.load(Relaxed),
            connections: self.connections.load(Relaxed),
            connected: self.connected.load(Relaxed),
            buffered: self.buffered.load(Relaxed),
            in_memory: self.in_memory.load(Relaxed),
            fault: self
                .fault
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            damaged: self.damaged.load(Relaxed),
            discarded: DiscardReason::ALL
                .iter()
                .map(|&reason| (reason.name(), self.discarded(reason)))
                .filter(|(_, alerts)| *alerts > 0)
                .collect(),
        }
    }
}

/// A sink's counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinkReport {
    /// The sink.
    pub name: String,
    /// Alerts handed to it.
    pub received: u64,
    /// Alerts on disk in the outbox (MQTT only).
    pub stored: u64,
    /// Alerts delivered; with MQTT those of earlier runs, too.
    pub delivered: u64,
    /// Attempts that failed and were repeated.
    pub retries: u64,
    /// Connections made (MQTT only).
    pub connections: u64,
    /// Whether the broker is connected (MQTT only).
    pub connected: bool,
    /// Alerts in the outbox on disk, not yet acknowledged and whole, for a later run (MQTT only).
    pub buffered: u64,
    /// Alerts that only memory holds (MQTT only): lost where the run ends first.
    pub in_memory: u64,
    /// Damaged lines found in the outbox when it was opened (MQTT only).
    pub damaged: u64,
    /// What keeps the broker from taking alerts, and that waiting does not fix (MQTT only).
    pub fault: Option<String>,
    /// Alerts lost, by reason; causes without losses are left out.
    pub discarded: std::collections::BTreeMap<&'static str, u64>,
}

impl SinkReport {
    /// Alerts lost for any reason.
    pub fn total_discarded(&self) -> u64 {
        self.discarded.values().sum()
    }
}

impl std::fmt::Display for SinkReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} of {} delivered",
            self.name, self.delivered, self.received
        )?;
        if self.buffered > 0 {
            write!(f, ", {} wait in the outbox", self.buffered)?;
        }
        if self.in_memory > 0 {
            write!(f, ", {} only in memory", self.in_memory)?;
        }
        for (reason, alerts) in &self.discarded {
            write!(f, ", {alerts} discarded ({reason})")?;
        }
        if let Some(fault) = &self.fault {
            write!(f, "; needs a fix: {fault}")?;
        }
        Ok(())
    }
}
