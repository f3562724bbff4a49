//! Sinks of alerts, and telemetry of a run.
//!
//! ```text
//!            ┌─ queue ─ thread ─► stdout | file (rotated) | Unix datagram socket
//! Sinks ─────┤
//! (publish)  └─ queue ─ thread ─► outbox on disk ─► MQTT 5 | 3.1.1 over TCP or TLS
//! ```
//! [`SinkFanout::publish`] writes an alert once, as one line of JSON, into a line that was used before, and
//! hands it to every sink's ring. It never waits for a disk or a network; a full ring is counted.
//! Next to the alerts: [`MetricsExporter`] (Prometheus), [`ServiceNotifier`] (systemd), [`EvidenceSink`] (the frames
//! behind alerts, a bounded ring on disk) and [`StatusPanel`] (the overlay on a framebuffer).
//! `docs/sinks.md` has every setting, what is promised, and what happens when things fail.

mod counters;
mod disk;
mod error;
mod evidence;
mod fanout;
mod json_lines;
mod metrics;
mod mqtt;
mod notify;
mod outbox;
mod panel;
mod prometheus;
mod rotate;
#[cfg(test)]
mod schema;
mod settings;
mod sink_uri;
mod socket;
mod thread;
mod writer;

pub use counters::{DiscardReason, SinkCounters, SinkReport};
pub use error::SinkError;
pub use evidence::EvidenceSink;
pub use fanout::SinkFanout;
pub use json_lines::JsonLines;
pub use metrics::RunMetrics;
pub use mqtt::{BrokerFault, check_broker_settings, try_broker};
pub use notify::ServiceNotifier;
pub use outbox::{AlertOutbox, OutboxLimits, PendingAlert};
pub use panel::{DisplayFormat, PanelGeometry, StatusPanel};
pub use prometheus::MetricsExporter;
pub use settings::{
    EvidenceSettings, FileSettings, MqttSettings, MqttVersion, SinkSettings, SocketSettings,
};
pub(crate) use sink_uri::without_password;
pub use sink_uri::{BrokerAddress, SinkUri, SinkUriError};
pub use unmask_frame::WhenFull;

#[cfg(test)]
pub(crate) mod tests;
