//! What became of the alerts of one sink.

use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Why an alert was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The sink's ring was full: the sink is slower than the alerts come.
    RingFull,
    /// Nobody listened at the socket for as long as an alert is held.
    NoReceiver,
    /// The file or stdout refused it.
    Write,
    /// It does not fit into one datagram.
    TooLong,
    /// The outbox was full: the oldest alerts made room.
    OutboxFull,
    /// The outbox could not be written, and the broker was away for too long.
    OutboxWrite,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 6] = [
        Cause::RingFull,
        Cause::NoReceiver,
        Cause::Write,
        Cause::TooLong,
        Cause::OutboxFull,
        Cause::OutboxWrite,
    ];

    /// Its name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Cause::RingFull => "ring_full",
            Cause::NoReceiver => "no_receiver",
            Cause::Write => "write",
            Cause::TooLong => "too_long",
            Cause::OutboxFull => "outbox_full",
            Cause::OutboxWrite => "outbox_write",
        }
    }
}

/// The counters of one sink; read from any thread.
#[derive(Debug, Default)]
pub struct Counters {
    /// Alerts handed to the sink.
    pub(super) told: AtomicU64,
    /// Alerts on their own disk (MQTT only): these survive the end of the process.
    pub(super) stored: AtomicU64,
    /// Alerts that the other end has.
    pub(super) delivered: AtomicU64,
    /// Tries that failed and were made again.
    pub(super) retries: AtomicU64,
    /// Connections made (MQTT only).
    pub(super) connections: AtomicU64,
    /// Whether the other end is there (MQTT only).
    pub(super) connected: AtomicBool,
    /// Alerts that wait in the outbox (MQTT only).
    pub(super) waiting: AtomicU64,
    /// Damaged lines found in the outbox when it was opened (MQTT only).
    pub(super) damaged: AtomicU64,
    lost: [AtomicU64; Cause::ALL.len()],
}

impl Counters {
    pub(super) fn lose(&self, cause: Cause, alerts: u64) {
        self.lost[cause as usize].fetch_add(alerts, Relaxed);
    }

    /// Alerts lost for `cause`.
    pub fn lost(&self, cause: Cause) -> u64 {
        self.lost[cause as usize].load(Relaxed)
    }

    /// All counters, as they are now.
    pub fn report(&self, name: &str) -> Report {
        Report {
            name: name.to_string(),
            told: self.told.load(Relaxed),
            stored: self.stored.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            retries: self.retries.load(Relaxed),
            connections: self.connections.load(Relaxed),
            connected: self.connected.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            lost: Cause::ALL
                .iter()
                .map(|&cause| (cause.name(), self.lost(cause)))
                .filter(|(_, alerts)| *alerts > 0)
                .collect(),
        }
    }
}

/// A sink's counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The sink.
    pub name: String,
    /// Alerts handed to it.
    pub told: u64,
    /// Alerts on disk in the outbox (MQTT only).
    pub stored: u64,
    /// Alerts that the other end has; with MQTT those of earlier runs, too.
    pub delivered: u64,
    /// Tries that failed and were made again.
    pub retries: u64,
    /// Connections made (MQTT only).
    pub connections: u64,
    /// Whether the broker is connected (MQTT only).
    pub connected: bool,
    /// Alerts that wait in the outbox for a later run (MQTT only).
    pub waiting: u64,
    /// Damaged lines found in the outbox when it was opened (MQTT only).
    pub damaged: u64,
    /// Alerts lost, by cause; causes without losses are left out.
    pub lost: std::collections::BTreeMap<&'static str, u64>,
}

impl Report {
    /// Alerts lost for any cause.
    pub fn lost_in_all(&self) -> u64 {
        self.lost.values().sum()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} of {} delivered",
            self.name, self.delivered, self.told
        )?;
        if self.waiting > 0 {
            write!(f, ", {} wait in the outbox", self.waiting)?;
        }
        for (cause, alerts) in &self.lost {
            write!(f, ", {alerts} lost ({cause})")?;
        }
        Ok(())
    }
}
