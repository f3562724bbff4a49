//! MQTT sink: alerts go to the outbox on disk first, from there to the broker, QoS 1.
//!
//! Two threads: the session owns the outbox and decides what is sent; the link owns the connection
//! and reports to the session what happens on it. After every loss of the connection the link starts
//! again with a clean session, and the session sends everything again that was not acknowledged:
//! the outbox, not the broker's session, is what remembers.

mod fault;
mod link;
mod probe;
pub(super) mod publisher;
mod session;
mod tls;

pub use fault::BrokerFault;

use super::outbox::{AlertOutbox, OutboxLimits};
use super::thread::{SharedSink, SinkMessage, start as start_thread};
use super::{BrokerAddress, MqttSettings, SinkError};
use link::MqttLink;
use session::MqttSession;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread::JoinHandle;
use tracing::error;

/// Starts the two threads for `broker`; the one returned ends when all is done.
pub(super) fn start(
    broker: &BrokerAddress,
    settings: &MqttSettings,
    ring: usize,
    to_courier: &SyncSender<SinkMessage>,
    from: Receiver<SinkMessage>,
    shared: &Arc<SharedSink>,
) -> Result<JoinHandle<()>, SinkError> {
    let folder = match &settings.outbox_folder {
        Some(folder) => folder.clone(),
        None => default_folder()?,
    }
    .join(folder_name(broker));
    let link = MqttLink::new(broker, settings)?;
    let limits = OutboxLimits {
        bytes: settings.outbox_max_bytes,
    };
    let outbox = AlertOutbox::open(&folder, limits)?;
    shared.counters.damaged.store(outbox.damaged(), Relaxed);
    let name = broker.to_string();
    let session = MqttSession::new(name.clone(), outbox, folder, settings, ring, shared.clone());
    let to_courier = to_courier.clone();
    let shared_by_courier = shared.clone();
    start_thread(&name.clone(), shared, from, move |from, shared| {
        let linked = std::thread::Builder::new()
            .name("mqtt".into())
            .spawn(move || link.run(&to_courier, &shared));
        let linked = linked.inspect_err(|error| {
            let fault = format!("no thread can be started for the connection: {error}");
            error!("{name}: {fault}; alerts stay in the outbox");
            shared_by_courier.counters.set_fault(Some(fault));
        });
        session.run(&from, linked.ok());
    })
}

/// Reads the files that connections to `broker` need.
///
/// # Errors
/// The first that cannot be read, or does not hold what it should.
pub fn check_broker_settings(
    broker: &BrokerAddress,
    settings: &MqttSettings,
) -> Result<(), SinkError> {
    MqttLink::new(broker, settings).map(drop)
}

/// Connects to `broker` once, to see whether it would take alerts, and leaves again. Nothing is
/// sent; a sender that is connected with the same client id is left alone.
///
/// # Errors
/// The settings are invalid. What the broker says is the answer: `None` where all is well.
pub fn try_broker(
    broker: &BrokerAddress,
    settings: &MqttSettings,
) -> Result<Option<BrokerFault>, SinkError> {
    Ok(MqttLink::new(broker, settings)?.try_once())
}

/// Where outboxes lie unless the settings say otherwise.
fn default_folder() -> Result<PathBuf, SinkError> {
    unmask_system::state_folder()
        .map(|state| state.join("outbox"))
        .ok_or_else(|| SinkError::Setting {
            key: "sink.mqtt.outbox_folder",
            value: String::new(),
            reason: "no folder for the outbox: neither $STATE_DIRECTORY nor $XDG_STATE_HOME nor \
                     $HOME is set; name one"
                .into(),
        })
}

/// Readable, and different for every address.
fn folder_name(broker: &BrokerAddress) -> String {
    let host: String = broker
        .host
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '_'
            }
        })
        .take(60)
        .collect();
    format!("{host}-{}-{:08x}", broker.port, fingerprint(broker))
}

fn fingerprint(broker: &BrokerAddress) -> u32 {
    crc32fast::hash(broker.to_string().as_bytes())
}

/// Certificates, keys and passwords are smaller, bytes.
const FILE_LIMIT_BYTES: u64 = 16 << 20;

/// Reads a file of a setting.
fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, SinkError> {
    unmask_frame::read_regular_file(path, FILE_LIMIT_BYTES).map_err(|error| SinkError::Setting {
        key,
        value: path.display().to_string(),
        reason: format!("cannot be read: {error}"),
    })
}
