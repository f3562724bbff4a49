//! The connection to a broker: connects, keeps it alive, reconnects with backoff.

use super::fault::{self, BrokerFault, FaultContext};
use super::publisher::{LinkEvent, MqttClient, MqttPublisher, status};
use super::{fingerprint, probe, read, tls};
use crate::sink::thread::{SharedSink, SinkMessage};
use crate::sink::{BrokerAddress, MqttSettings, MqttVersion, SinkError};
use rumqttc::{Transport, v5};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};
use tracing::{error, warn};

#[cfg(test)]
mod tests;

/// Environment variable with the password, where neither address nor settings have one.
const PASSWORD: &str = "UNMASK_MQTT_PASSWORD";
/// A broker that has not answered for so long is not asked again what is wrong.
const ANSWER: Duration = Duration::from_secs(1);
/// A connection that held this long was a good one: the next pause is short again.
const STABLE: Duration = Duration::from_secs(30);
/// How often a pause checks whether the run ends.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How often a connection is asked whether the broker still acknowledges.
const TICK: Duration = Duration::from_millis(250);
/// Connections in a row that the broker closes early before that is called a fault.
const EARLY: u32 = 3;
/// Bytes of a packet besides topic and text, at most.
const PACKET_OVERHEAD: usize = 32;
/// Places in the queue of the connection besides those of the window: news of this sender.
const SPARE: u16 = 4;

enum LinkOptions {
    V3(Box<rumqttc::MqttOptions>, u64),
    V5(Box<v5::MqttOptions>),
}

/// Everything needed to connect, any number of times.
pub(super) struct MqttLink {
    name: String,
    topic: String,
    context: FaultContext,
    port: u16,
    options: LinkOptions,
    max_in_flight: usize,
    /// A broker that acknowledges nothing for so long is left.
    ack_timeout: Duration,
    connect_timeout: Duration,
    backoff: Duration,
    backoff_max: Duration,
}

impl MqttLink {
    pub fn new(broker: &BrokerAddress, settings: &MqttSettings) -> Result<Self, SinkError> {
        let name = broker.to_string();
        let transport = match broker.tls {
            true => Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(tls::configure(
                &name, settings,
            )?)),
            false => Transport::tcp(),
        };
        let made = || format!("unmask-{}-{:08x}", host_name(), fingerprint(broker));
        let id = settings.client_id.clone().unwrap_or_else(made);
        let context = FaultContext {
            host: broker.host.clone(),
            client_id: id.clone(),
            tls: broker.tls,
        };
        let login = login(broker, settings)?;
        // The library wants an IPv6 address as it stands before a port.
        let host = match broker.host.contains(':') {
            true => format!("[{}]", broker.host),
            false => broker.host.clone(),
        };
        let keep_alive = Duration::from_secs(u64::from(settings.keep_alive_s.max(5)));
        let window = settings.max_in_flight.max(1);
        let options = match settings.version {
            MqttVersion::V3 => {
                let mut options = rumqttc::MqttOptions::new(id, host, broker.port);
                options
                    .set_transport(transport)
                    .set_keep_alive(keep_alive)
                    .set_clean_session(true)
                    .set_inflight(window.saturating_add(SPARE))
                    .set_max_packet_size(64 << 10, 128 << 10)
                    .set_last_will(rumqttc::LastWill::new(
                        status(&broker.topic),
                        "offline",
                        rumqttc::QoS::AtLeastOnce,
                        true,
                    ));
                if let Some((user, password)) = login {
                    options.set_credentials(user, password);
                }
                LinkOptions::V3(Box::new(options), settings.connect_timeout_s.max(1))
            }
            MqttVersion::V5 => {
                let mut options = v5::MqttOptions::new(id, host, broker.port);
                options
                    .set_transport(transport)
                    .set_keep_alive(keep_alive)
                    .set_clean_start(true)
                    .set_connection_timeout(settings.connect_timeout_s.max(1))
                    .set_last_will(v5::mqttbytes::v5::LastWill::new(
                        status(&broker.topic),
                        "offline",
                        v5::mqttbytes::QoS::AtLeastOnce,
                        true,
                        None,
                    ));
                options.set_outgoing_inflight_upper_limit(window.saturating_add(SPARE));
                if let Some((user, password)) = login {
                    options.set_credentials(user, password);
                }
                LinkOptions::V5(Box::new(options))
            }
        };
        let backoff = Duration::from_millis(settings.backoff_ms.max(10));
        Ok(Self {
            name,
            topic: broker.topic.clone(),
            context,
            port: broker.port,
            options,
            max_in_flight: usize::from(window),
            ack_timeout: keep_alive * 3 / 2,
            connect_timeout: Duration::from_secs(settings.connect_timeout_s.max(1)),
            backoff,
            backoff_max: Duration::from_millis(settings.backoff_max_ms).max(backoff),
        })
    }

    /// Connects again and again until the run ends; at least once, however short the run is.
    pub fn run(&self, to: &SyncSender<SinkMessage>, shared: &SharedSink) {
        let closing = || shared.closing.load(Relaxed);
        let mut pause = self.backoff;
        let mut early = 0;
        let mut last_fault: Option<String> = None;
        loop {
            let start = Instant::now();
            let (up, mut fault) = self.connect_safely(to);
            // At the end of a run, too: the session stops waiting for what cannot come.
            let down = || to.send(SinkMessage::Link(LinkEvent::Down)).is_ok();
            // A broker that was there is reported at once. What keeps one from being there is found
            // out first: a run that ends with the news would end without a word about it. Of one
            // that does not answer there is nothing to find out.
            let reported = up.is_some() || (!fault.permanent && start.elapsed() > ANSWER);
            if reported && (!down() || closing()) {
                return;
            }
            match &up {
                Some(up) if up.since.elapsed() >= STABLE => {
                    (pause, early) = (self.backoff, 0);
                    last_fault = None;
                }
                Some(_) if fault.closed => early += 1,
                Some(_) => {}
                None => fault = self.explain(fault),
            }
            if early >= EARLY && !fault.permanent {
                fault = fault::closed_early(&self.context, early);
            }
            shared
                .counters
                .set_fault(fault.permanent.then(|| fault.text.clone()));
            // Once for every loss, not once for every try; and not again what was reported.
            let lost = up.as_ref().is_some_and(|up| up.acknowledged);
            // There is no next try of what waiting fixes where the run ends.
            let worth_reporting = fault.permanent || !closing();
            if worth_reporting && (lost || last_fault.as_deref() != Some(&fault.text)) {
                self.report(&fault, pause);
            }
            last_fault = Some(fault.text);
            if !reported && (!down() || closing()) {
                return;
            }
            let until = Instant::now() + pause;
            while Instant::now() < until && !closing() {
                std::thread::sleep(
                    POLL_INTERVAL.min(until.saturating_duration_since(Instant::now())),
                );
            }
            if closing() {
                return;
            }
            pause = (pause * 2).min(self.backoff_max);
        }
    }

    fn report(&self, fault: &BrokerFault, pause: Duration) {
        match fault.permanent {
            true => error!(
                "{}: {fault}. Waiting does not fix this; alerts are kept in the outbox, and it is \
                 tried again every {} s",
                self.name,
                self.backoff_max.as_secs_f64()
            ),
            false => warn!(
                "{}: {fault}; alerts wait in the outbox, next try in {} ms",
                self.name,
                pause.as_millis()
            ),
        }
    }

    /// Connects once and leaves again; what kept it from that.
    pub fn try_once(mut self) -> Option<BrokerFault> {
        // Under an id of its own: the one in use would be thrown out.
        let id = format!("{}-check", self.context.client_id);
        match &mut self.options {
            LinkOptions::V3(options, _) => **options = without_will_v3(options, id),
            LinkOptions::V5(options) => **options = without_will_v5(options, id),
        }
        // The receiver is gone: the first news ends the connection.
        let (to, _) = std::sync::mpsc::sync_channel(1);
        match self.connect_safely(&to) {
            (Some(_), fault) => fault.permanent.then_some(fault),
            (None, fault) => Some(self.explain(fault)),
        }
    }

    /// A connection that did not come about: TLS and plain may have been mixed up.
    fn explain(&self, fault: BrokerFault) -> BrokerFault {
        if fault.permanent {
            return fault;
        }
        let (host, port) = (&self.context.host, self.port);
        probe::mixed_up(host, port, self.context.tls, self.connect_timeout).unwrap_or(fault)
    }

    /// As [`MqttLink::connect`]; a panic inside the client library is a lost connection, too.
    fn connect_safely(&self, to: &SyncSender<SinkMessage>) -> (Option<Up>, BrokerFault) {
        if let Err(error) = probe::descriptors() {
            return (None, fault::no_descriptors(&error));
        }
        catch_unwind(AssertUnwindSafe(|| self.connect(to))).unwrap_or_else(|_| {
            let text = "the MQTT client panicked (see above); it is restarted";
            (None, BrokerFault::outage(text))
        })
    }

    /// One connection from its beginning to its end: when it came up, and why it ended.
    fn connect(&self, to: &SyncSender<SinkMessage>) -> (Option<Up>, BrokerFault) {
        let queue = self.max_in_flight + usize::from(SPARE);
        let mut up = None;
        let ended = || BrokerFault::outage("the connection ended");
        let fault = match &self.options {
            LinkOptions::V3(options, timeout) => {
                let (client, mut connection) = rumqttc::Client::new((**options).clone(), queue);
                connection
                    .eventloop
                    .network_options
                    .set_connection_timeout(*timeout);
                let mut client = Some(MqttClient::V3(client));
                loop {
                    // Until the broker has answered, a try must not be cut short.
                    let event = match &up {
                        None => connection.recv().map_err(|_| true),
                        Some(_) => connection
                            .recv_timeout(TICK)
                            .map_err(|e| e == rumqttc::RecvTimeoutError::Disconnected),
                    };
                    let step = match event {
                        Ok(Ok(event)) => read_v3(&event),
                        Ok(Err(error)) => break fault::read_v3(&error, &self.context),
                        Err(true) => break ended(),
                        Err(false) => LinkStep::Nothing,
                    };
                    if let Err(fault) = self.step(step, &mut client, &mut up, to) {
                        break fault;
                    }
                }
            }
            LinkOptions::V5(options) => {
                let (client, mut connection) = v5::Client::new((**options).clone(), queue);
                let mut client = Some(MqttClient::V5(client));
                loop {
                    let event = match &up {
                        None => connection.recv().map_err(|_| true),
                        Some(_) => connection
                            .recv_timeout(TICK)
                            .map_err(|e| e == v5::RecvTimeoutError::Disconnected),
                    };
                    let step = match event {
                        Ok(Ok(event)) => read_v5(&event, &self.context),
                        Ok(Err(error)) => break fault::read_v5(&error, &self.context),
                        Err(true) => break ended(),
                        Err(false) => LinkStep::Nothing,
                    };
                    if let Err(fault) = self.step(step, &mut client, &mut up, to) {
                        break fault;
                    }
                }
            }
        };
        (up, fault)
    }

    fn step(
        &self,
        step: LinkStep,
        client: &mut Option<MqttClient>,
        up: &mut Option<Up>,
        to: &SyncSender<SinkMessage>,
    ) -> Result<(), BrokerFault> {
        let news = match step {
            LinkStep::Nothing => None,
            LinkStep::Broken(fault) => return Err(fault),
            LinkStep::Up { packet_bytes } => match client.take() {
                Some(client) => {
                    *up = Some(Up::now());
                    let head = PACKET_OVERHEAD + self.topic.len();
                    Some(LinkEvent::Up(MqttPublisher {
                        client,
                        topic: self.topic.clone(),
                        limit: packet_bytes.map(|bytes| bytes.saturating_sub(head)),
                    }))
                }
                // The library connected again by itself: what it would send is not known.
                None => return Err(BrokerFault::closed("the connection was lost")),
            },
            LinkStep::Sent(id) => Some(LinkEvent::Sent(id)),
            LinkStep::Acked(id) => Some(LinkEvent::Acked(id)),
            LinkStep::Refused(id, reason) => Some(LinkEvent::Refused(id, reason)),
        };
        if let Some(up) = up {
            up.observe(news.as_ref(), self.ack_timeout)?;
        }
        match news {
            Some(news) => to
                .send(SinkMessage::Link(news))
                .map_err(|_| BrokerFault::outage("the run ended")),
            None => Ok(()),
        }
    }
}

/// A connection that the broker accepted.
struct Up {
    since: Instant,
    /// Sent and not acknowledged, and since when.
    sent: HashMap<u16, Instant>,
    /// The broker acknowledged something.
    acknowledged: bool,
}

impl Up {
    fn now() -> Self {
        Self {
            since: Instant::now(),
            sent: HashMap::new(),
            acknowledged: false,
        }
    }

    /// Records what happened; fails where the broker has acknowledged nothing for too long.
    fn observe(&mut self, news: Option<&LinkEvent>, patience: Duration) -> Result<(), BrokerFault> {
        match news {
            Some(LinkEvent::Sent(id)) => {
                self.sent.insert(*id, Instant::now());
            }
            Some(LinkEvent::Acked(id) | LinkEvent::Refused(id, _)) => {
                self.sent.remove(id);
                self.acknowledged = true;
            }
            Some(LinkEvent::Up(_) | LinkEvent::Down) | None => {}
        }
        let waited = self.sent.values().map(Instant::elapsed).max();
        match waited.filter(|waited| *waited > patience) {
            None => Ok(()),
            Some(waited) => Err(BrokerFault::outage(format!(
                "the broker answers, but has not acknowledged an alert for {} s; look at its log \
                 (disk, memory, plug-ins). The connection is made again",
                waited.as_secs()
            ))),
        }
    }
}

fn without_will_v3(options: &rumqttc::MqttOptions, id: String) -> rumqttc::MqttOptions {
    let (host, port) = options.broker_address();
    let mut plain = rumqttc::MqttOptions::new(id, host, port);
    plain
        .set_transport(options.transport())
        .set_keep_alive(options.keep_alive())
        .set_clean_session(true);
    if let Some(login) = options.credentials() {
        plain.set_credentials(login.username, login.password);
    }
    plain
}

fn without_will_v5(options: &v5::MqttOptions, id: String) -> v5::MqttOptions {
    let (host, port) = options.broker_address();
    let mut plain = v5::MqttOptions::new(id, host, port);
    plain
        .set_transport(options.transport())
        .set_keep_alive(options.keep_alive())
        .set_connection_timeout(options.connection_timeout())
        .set_clean_start(true);
    if let Some(login) = options.credentials() {
        plain.set_credentials(login.username, login.password);
    }
    plain
}

/// What one event of the library means here.
enum LinkStep {
    Nothing,
    Up { packet_bytes: Option<usize> },
    Sent(u16),
    Acked(u16),
    Refused(u16, String),
    Broken(BrokerFault),
}

fn read_v3(event: &rumqttc::Event) -> LinkStep {
    use rumqttc::{Event, Packet};
    match event {
        Event::Incoming(Packet::ConnAck(_)) => LinkStep::Up { packet_bytes: None },
        Event::Incoming(Packet::PubAck(ack)) => LinkStep::Acked(ack.pkid),
        Event::Outgoing(outgoing) => read_outgoing(outgoing),
        Event::Incoming(_) => LinkStep::Nothing,
    }
}

fn read_v5(event: &v5::Event, context: &FaultContext) -> LinkStep {
    use v5::mqttbytes::v5::{Packet, PubAckReason};
    match event {
        v5::Event::Incoming(Packet::ConnAck(answer)) => {
            let limits = answer.properties.as_ref();
            if limits.and_then(|l| l.max_qos) == Some(0) {
                return LinkStep::Broken(fault::no_qos_1());
            }
            let bytes = limits.and_then(|l| l.max_packet_size);
            LinkStep::Up {
                packet_bytes: bytes.map(|bytes| bytes as usize),
            }
        }
        v5::Event::Incoming(Packet::PubAck(ack)) => match &ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => {
                LinkStep::Acked(ack.pkid)
            }
            PubAckReason::PayloadFormatInvalid => {
                LinkStep::Refused(ack.pkid, "its form is not what the broker accepts".into())
            }
            // Kept and tried again after a pause: quotas pass, and rights can be given.
            reason => LinkStep::Broken(fault::refused(*reason)),
        },
        v5::Event::Incoming(Packet::Disconnect(bye)) => {
            LinkStep::Broken(fault::disconnected(bye.reason_code, None, context))
        }
        v5::Event::Outgoing(outgoing) => read_outgoing(outgoing),
        v5::Event::Incoming(_) => LinkStep::Nothing,
    }
}

fn read_outgoing(outgoing: &rumqttc::Outgoing) -> LinkStep {
    use rumqttc::Outgoing;
    match outgoing {
        Outgoing::Publish(id) => LinkStep::Sent(*id),
        // The broker acknowledged out of order and the ids ran into each other: start again.
        Outgoing::AwaitAck(_) => {
            LinkStep::Broken(BrokerFault::outage("the broker acknowledges out of order"))
        }
        _ => LinkStep::Nothing,
    }
}

/// User and password; the address comes first.
fn login(
    broker: &BrokerAddress,
    settings: &MqttSettings,
) -> Result<Option<(String, String)>, SinkError> {
    let Some(user) = broker.user.clone().or_else(|| settings.user.clone()) else {
        return Ok(None);
    };
    let password = match (&broker.password, &settings.password_file) {
        (Some(password), _) => password.clone(),
        (None, Some(path)) => {
            let bytes = read("sink.mqtt.password_file", path)?;
            let text = String::from_utf8_lossy(&bytes);
            text.lines().next().unwrap_or_default().to_string()
        }
        (None, None) => std::env::var(PASSWORD).unwrap_or_default(),
    };
    Ok(Some((user, password)))
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_string())
        .unwrap_or_default()
}
