//! Where alerts go, and what the outside sees of a run.
//!
//! ```text
//!            ┌─ ring ─ thread ─► stdout | file (rotated) | Unix datagram socket
//! Sinks ─────┤
//! (tell)     └─ ring ─ thread ─► outbox on disk ─► MQTT 5 | 3.1.1 over TCP or TLS
//! ```
//! [`Sinks::tell`] writes an alert once, as one line of JSON, into a line that was used before, and
//! hands it to every sink's ring. It never waits for a disk or a network; a full ring is counted.
//! Beside the alerts: [`Exporter`] (Prometheus), [`Notifier`] (systemd), [`Evidence`] (the frames
//! behind alerts, a bounded ring on disk) and [`Panel`] (the overlay on a framebuffer).
//! `docs/sinks.md` has every setting, what is promised, and what happens when things fail.

mod counters;
mod disk;
mod error;
mod evidence;
mod fan;
mod gauges;
mod json_lines;
mod mqtt;
mod notify;
mod outbox;
mod outlet;
mod panel;
mod prometheus;
mod rotate;
#[cfg(test)]
mod schema;
mod settings;
mod socket;
mod target;
mod thread;

pub use counters::{Cause, Counters, Report};
pub use error::SinkError;
pub use evidence::Evidence;
pub use fan::Sinks;
pub use gauges::Gauges;
pub use json_lines::JsonLines;
pub use mqtt::{BrokerFault, check_broker_settings, try_broker};
pub use notify::Notifier;
pub use outbox::{Limits as OutboxLimits, Outbox, Pending};
pub use panel::{Display, Geometry, Panel};
pub use prometheus::Exporter;
pub use settings::{
    EvidenceSettings, FileSettings, MqttSettings, MqttVersion, Settings, SocketSettings,
};
pub(crate) use target::without_password;
pub use target::{Broker, Target, TargetError};
pub use unmask_frame::WhenFull;

/// Says something about a sink on stderr: changes of state only, never once a frame.
fn say(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let text = text.to_string();
    let line = unmask_frame::escape_control(&text);
    // A log that cannot be written must not end a sink's thread.
    let _ = writeln!(std::io::stderr(), "unmask: {line}");
}

#[cfg(test)]
pub(crate) mod tests;
