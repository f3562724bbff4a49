//! The connection to a broker: made, kept, made again after a pause.

use super::publisher::{Client, News, Publisher, status};
use super::tls;
use crate::sink::thread::{Message, Shared};
use crate::sink::{Broker, MqttSettings, MqttVersion, SinkError, say};
use rumqttc::{Transport, v5};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Environment variable with the password, where neither address nor settings have one.
const PASSWORD: &str = "UNMASK_MQTT_PASSWORD";
/// A connection that held this long was a good one: the next pause is short again.
const GOOD: Duration = Duration::from_secs(30);
/// How often a pause looks whether the run ends.
const LOOK: Duration = Duration::from_millis(50);
/// Places in the connection's queue beside those of the window: news of this sender.
const SPARE: u16 = 4;

enum Options {
    V3(Box<rumqttc::MqttOptions>, u64),
    V5(Box<v5::MqttOptions>),
}

/// Everything needed to connect, any number of times.
pub(super) struct Link {
    name: String,
    topic: String,
    options: Options,
    window: usize,
    backoff: Duration,
    backoff_max: Duration,
}

impl Link {
    pub fn new(broker: &Broker, settings: &MqttSettings) -> Result<Self, SinkError> {
        let name = broker.to_string();
        let transport = match broker.tls {
            true => Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(tls::configure(
                &name, settings,
            )?)),
            false => Transport::tcp(),
        };
        let made = || format!("unmask-{}-{:08x}", host_name(), fingerprint(broker));
        let id = settings.client_id.clone().unwrap_or_else(made);
        let login = login(broker, settings)?;
        // The library wants an IPv6 address as it stands before a port.
        let host = match broker.host.contains(':') {
            true => format!("[{}]", broker.host),
            false => broker.host.clone(),
        };
        let keep_alive = Duration::from_secs(u64::from(settings.keep_alive_s.max(5)));
        let window = settings.window.max(1);
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
                Options::V3(Box::new(options), settings.connect_timeout_s.max(1))
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
                Options::V5(Box::new(options))
            }
        };
        let backoff = Duration::from_millis(settings.backoff_ms.max(10));
        Ok(Self {
            name,
            topic: broker.topic.clone(),
            options,
            window: usize::from(window),
            backoff,
            backoff_max: Duration::from_millis(settings.backoff_max_ms).max(backoff),
        })
    }

    /// Connects again and again until the run ends.
    pub fn run(&self, to: &SyncSender<Message>, shared: &Shared) {
        let closing = || shared.closing.load(Relaxed);
        let mut pause = self.backoff;
        let mut complained = false;
        while !closing() {
            let (up, reason) = self.connect(to);
            // At the end of a run, too: the courier stops waiting for what cannot come.
            if to.send(Message::Link(News::Down)).is_err() || closing() {
                return;
            }
            if up.is_some_and(|since| since.elapsed() >= GOOD) {
                pause = self.backoff;
            }
            // Once for every loss, not once for every try.
            if up.is_some() || !complained {
                complained = true;
                say(format_args!(
                    "{}: {reason}; alerts wait in the outbox, next try in {} ms",
                    self.name,
                    pause.as_millis()
                ));
            }
            let until = Instant::now() + pause;
            while Instant::now() < until && !closing() {
                std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
            }
            pause = (pause * 2).min(self.backoff_max);
        }
    }

    /// One connection from its beginning to its end: when it came up, and why it ended.
    fn connect(&self, to: &SyncSender<Message>) -> (Option<Instant>, String) {
        let queue = self.window + usize::from(SPARE);
        let mut up = None;
        let reason = match &self.options {
            Options::V3(options, timeout) => {
                let (client, mut connection) = rumqttc::Client::new((**options).clone(), queue);
                connection
                    .eventloop
                    .network_options
                    .set_connection_timeout(*timeout);
                let mut client = Some(Client::V3(client));
                loop {
                    let step = match connection.recv() {
                        Ok(Ok(event)) => read_v3(&event),
                        Ok(Err(error)) => break error.to_string(),
                        Err(_) => break "ended".into(),
                    };
                    if let Err(reason) = self.step(step, &mut client, &mut up, to) {
                        break reason;
                    }
                }
            }
            Options::V5(options) => {
                let (client, mut connection) = v5::Client::new((**options).clone(), queue);
                let mut client = Some(Client::V5(client));
                loop {
                    let step = match connection.recv() {
                        Ok(Ok(event)) => read_v5(&event),
                        Ok(Err(error)) => break error.to_string(),
                        Err(_) => break "ended".into(),
                    };
                    if let Err(reason) = self.step(step, &mut client, &mut up, to) {
                        break reason;
                    }
                }
            }
        };
        (up, reason)
    }

    fn step(
        &self,
        step: Step,
        client: &mut Option<Client>,
        up: &mut Option<Instant>,
        to: &SyncSender<Message>,
    ) -> Result<(), String> {
        let news = match step {
            Step::Nothing => return Ok(()),
            Step::Broken(reason) => return Err(reason),
            Step::Up => match client.take() {
                Some(client) => {
                    *up = Some(Instant::now());
                    News::Up(Publisher {
                        client,
                        topic: self.topic.clone(),
                    })
                }
                // The library connected again by itself: what it would send is not known.
                None => return Err("the connection was lost".into()),
            },
            Step::Sent(id) => News::Sent(id),
            Step::Acked(id) => News::Acked(id),
        };
        to.send(Message::Link(news))
            .map_err(|_| "the run ended".into())
    }
}

/// What one event of the library means here.
enum Step {
    Nothing,
    Up,
    Sent(u16),
    Acked(u16),
    Broken(String),
}

fn read_v3(event: &rumqttc::Event) -> Step {
    use rumqttc::{Event, Packet};
    match event {
        Event::Incoming(Packet::ConnAck(_)) => Step::Up,
        Event::Incoming(Packet::PubAck(ack)) => Step::Acked(ack.pkid),
        Event::Outgoing(outgoing) => read_outgoing(outgoing),
        Event::Incoming(_) => Step::Nothing,
    }
}

fn read_v5(event: &v5::Event) -> Step {
    use v5::mqttbytes::v5::{Packet, PubAckReason};
    match event {
        v5::Event::Incoming(Packet::ConnAck(_)) => Step::Up,
        v5::Event::Incoming(Packet::PubAck(ack)) => match &ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Step::Acked(ack.pkid),
            // Kept and tried again after a pause: quotas pass, and rights can be given.
            reason => Step::Broken(format!("the broker refuses an alert: {reason:?}")),
        },
        v5::Event::Incoming(Packet::Disconnect(bye)) => {
            Step::Broken(format!("the broker ended it: {:?}", bye.reason_code))
        }
        v5::Event::Outgoing(outgoing) => read_outgoing(outgoing),
        v5::Event::Incoming(_) => Step::Nothing,
    }
}

fn read_outgoing(outgoing: &rumqttc::Outgoing) -> Step {
    use rumqttc::Outgoing;
    match outgoing {
        Outgoing::Publish(id) => Step::Sent(*id),
        // The broker acknowledged out of order and the ids ran into each other: begin anew.
        Outgoing::AwaitAck(_) => Step::Broken("the broker acknowledges out of order".into()),
        _ => Step::Nothing,
    }
}

/// A number that tells brokers' addresses apart.
pub(super) fn fingerprint(broker: &Broker) -> u32 {
    crc32fast::hash(broker.to_string().as_bytes())
}

/// User and password; the address comes first.
fn login(broker: &Broker, settings: &MqttSettings) -> Result<Option<(String, String)>, SinkError> {
    let Some(user) = broker.user.clone().or_else(|| settings.user.clone()) else {
        return Ok(None);
    };
    let password = match (&broker.password, &settings.password_file) {
        (Some(password), _) => password.clone(),
        (None, Some(path)) => {
            let bytes = tls::read("sink.mqtt.password_file", path)?;
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
