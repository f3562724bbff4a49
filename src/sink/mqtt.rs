//! MQTT: first to the outbox on disk, from there to the broker, QoS 1.
//!
//! Two threads: the courier owns the outbox and decides what is sent; the link owns the connection
//! and tells the courier what happens on it. After every loss of the connection the link starts
//! anew with a clean session, and the courier sends everything again that was not acknowledged:
//! the outbox, not the broker's session, is what remembers.

mod link;
pub(super) mod publisher;
mod tls;

use super::counters::Cause;
use super::outbox::{Limits, Outbox};
use super::thread::{Line, Message, Shared, start as start_thread};
use super::{Broker, MqttSettings, SinkError, say};
use link::{Link, fingerprint};
use publisher::{News, Publisher};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the courier looks whether the run ends.
const LOOK: Duration = Duration::from_millis(50);
/// How long the end of a connection is waited for.
const GOODBYE: Duration = Duration::from_secs(1);
/// Pause between two complaints about the outbox.
const COMPLAIN: Duration = Duration::from_secs(60);

/// Starts the two threads for `broker`; the one returned ends when all is done.
pub(super) fn start(
    broker: &Broker,
    settings: &MqttSettings,
    ring: usize,
    to_courier: &SyncSender<Message>,
    from: Receiver<Message>,
    shared: &Arc<Shared>,
) -> Result<JoinHandle<()>, SinkError> {
    let folder = match &settings.outbox {
        Some(folder) => folder.clone(),
        None => default_folder()?,
    }
    .join(folder_name(broker));
    let link = Link::new(broker, settings)?;
    let limits = Limits {
        bytes: settings.outbox_bytes,
    };
    let outbox = Outbox::open(&folder, limits)?;
    shared.counters.damaged.store(outbox.damaged(), Relaxed);
    let name = broker.to_string();
    let courier = Courier {
        name: name.clone(),
        outbox,
        folder,
        memory: VecDeque::new(),
        memory_limit: ring,
        publisher: None,
        submitted: VecDeque::new(),
        in_flight: HashMap::new(),
        window: usize::from(settings.window.max(1)),
        sync: Duration::from_millis(settings.sync_ms),
        synced: Instant::now(),
        complained: None,
        told_dropped: 0,
        failed: false,
        shared: shared.clone(),
    };
    let to_courier = to_courier.clone();
    start_thread(&name, shared, from, move |from, shared| {
        let linked = std::thread::Builder::new()
            .name("mqtt".into())
            .spawn(move || link.run(&to_courier, &shared));
        courier.run(&from, linked.ok());
    })
}

/// What is on its way to the broker.
#[derive(Debug)]
enum Entry {
    /// A line of the outbox.
    Stored(u64),
    /// A line that the outbox could not take.
    Held(Line),
    /// News of this sender itself.
    Status,
}

struct Courier {
    name: String,
    outbox: Outbox,
    folder: PathBuf,
    /// Lines that the disk refused.
    memory: VecDeque<Line>,
    memory_limit: usize,
    publisher: Option<Publisher>,
    /// Handed to the connection, which has not yet given them a packet id.
    submitted: VecDeque<Entry>,
    in_flight: HashMap<u16, Entry>,
    window: usize,
    sync: Duration,
    synced: Instant,
    complained: Option<Instant>,
    told_dropped: u64,
    /// The last try to connect failed, or the connection was lost.
    failed: bool,
    shared: Arc<Shared>,
}

impl Courier {
    fn run(mut self, from: &Receiver<Message>, link: Option<JoinHandle<()>>) {
        self.publish_counters();
        loop {
            match from.recv_timeout(LOOK) {
                Ok(message) => {
                    self.handle(message);
                    // All that is there, before the disk and the network get their turn.
                    for message in from.try_iter() {
                        self.handle(message);
                    }
                }
                // The link holds a sender, so the ring is only empty, never cut off.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if self.shared.closing.load(Relaxed) && self.is_done() {
                        break;
                    }
                }
            }
            self.send();
            self.keep();
            self.publish_counters();
        }
        self.flush();
        self.publish_counters();
        if let Some(publisher) = self.publisher.take() {
            publisher.leave();
            // A goodbye that does not get through is what the last will is for.
            let until = Instant::now() + GOODBYE;
            while link.as_ref().is_some_and(|link| !link.is_finished()) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// Whether nothing is left that could be delivered now. Once a try to connect has failed
    /// nothing can be: the outbox keeps it for the next run.
    fn is_done(&self) -> bool {
        let empty = self.outbox.waiting() == 0 && self.memory.is_empty();
        empty || (self.publisher.is_none() && self.failed)
    }

    fn handle(&mut self, message: Message) {
        let counters = &self.shared.counters;
        match message {
            Message::Line(line) => self.store(line),
            Message::Link(News::Up(publisher)) => {
                counters.connections.fetch_add(1, Relaxed);
                counters.connected.store(true, Relaxed);
                if publisher.arrive() {
                    self.submitted.push_back(Entry::Status);
                }
                self.publisher = Some(publisher);
                self.failed = false;
            }
            Message::Link(News::Sent(id)) => {
                if let Some(entry) = self.submitted.pop_front() {
                    self.in_flight.insert(id, entry);
                }
            }
            Message::Link(News::Acked(id)) => match self.in_flight.remove(&id) {
                Some(Entry::Stored(number)) => {
                    counters.delivered.fetch_add(1, Relaxed);
                    self.outbox.ack(number);
                }
                Some(Entry::Held(_)) => {
                    counters.delivered.fetch_add(1, Relaxed);
                }
                Some(Entry::Status) | None => {}
            },
            Message::Link(News::Down) => self.lose_connection(),
        }
    }

    fn store(&mut self, line: Line) {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        match self.outbox.push(text) {
            Ok(_) => {
                self.shared.counters.stored.fetch_add(1, Relaxed);
            }
            Err(error) => {
                self.complain(&error);
                if self.memory.len() >= self.memory_limit {
                    self.memory.pop_front();
                    self.shared.counters.lose(Cause::OutboxWrite, 1);
                }
                self.memory.push_back(line);
            }
        }
    }

    fn lose_connection(&mut self) {
        self.publisher = None;
        self.failed = true;
        self.shared.counters.connected.store(false, Relaxed);
        let again = self.submitted.drain(..);
        let mut again: Vec<Entry> = again
            .chain(self.in_flight.drain().map(|(_, entry)| entry))
            .collect();
        let tries = again.iter().filter(|e| !matches!(e, Entry::Status)).count();
        self.shared
            .counters
            .retries
            .fetch_add(tries as u64, Relaxed);
        for entry in again.drain(..) {
            if let Entry::Held(line) = entry {
                self.memory.push_front(line);
            }
        }
        self.outbox.rewind();
    }

    /// Hands lines to the connection, as many as may be on their way.
    fn send(&mut self) {
        let Some(publisher) = &self.publisher else {
            return;
        };
        while self.submitted.len() + self.in_flight.len() < self.window {
            let (entry, text) = match self.outbox.take() {
                Ok(Some(pending)) => (Entry::Stored(pending.number), pending.text),
                Ok(None) => match self.memory.pop_front() {
                    Some(line) => {
                        let text = line.strip_suffix(b"\n").unwrap_or(&line).to_vec();
                        (Entry::Held(line), text)
                    }
                    None => return,
                },
                Err(error) => return self.complain(&error),
            };
            if publisher.publish(text) {
                self.submitted.push_back(entry);
            } else {
                // The connection is gone; news of that is on its way, and all is sent again.
                self.submitted.push_back(entry);
                return;
            }
        }
    }

    /// Writes down what was acknowledged, and flushes where it is time.
    fn keep(&mut self) {
        if let Err(error) = self.outbox.save() {
            self.complain(&error);
        }
        if self.outbox.is_unsynced() && self.synced.elapsed() >= self.sync {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.synced = Instant::now();
        if let Err(error) = self.outbox.save().and_then(|()| self.outbox.sync()) {
            self.complain(&error);
        }
    }

    fn complain(&mut self, error: &std::io::Error) {
        if self.complained.is_none_or(|at| at.elapsed() > COMPLAIN) {
            self.complained = Some(Instant::now());
            say(format_args!(
                "{}: the outbox {} cannot be used: {error}; alerts are held in memory meanwhile",
                self.name,
                self.folder.display()
            ));
        }
    }

    fn publish_counters(&mut self) {
        let counters = &self.shared.counters;
        let dropped = self.outbox.dropped();
        counters.lose(Cause::OutboxFull, dropped - self.told_dropped);
        self.told_dropped = dropped;
        let waiting = self.outbox.waiting() + self.memory.len() as u64;
        counters.waiting.store(waiting, Relaxed);
    }
}

/// Where outboxes lie unless the settings say otherwise.
fn default_folder() -> Result<PathBuf, SinkError> {
    let folder = |key: &str| {
        std::env::var_os(key)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    // systemd may name several, with colons between them.
    let first = |all: PathBuf| {
        let text = all.to_string_lossy();
        PathBuf::from(text.split(':').next().unwrap_or_default())
    };
    folder("STATE_DIRECTORY")
        .map(first)
        .or_else(|| folder("XDG_STATE_HOME").map(|home| home.join("unmask")))
        .or_else(|| folder("HOME").map(|home| home.join(".local/state/unmask")))
        .map(|state| state.join("outbox"))
        .ok_or_else(|| SinkError::Setting {
            key: "sink.mqtt.outbox",
            value: String::new(),
            reason: "no folder for the outbox: neither $STATE_DIRECTORY nor $XDG_STATE_HOME nor \
                     $HOME is set; name one"
                .into(),
        })
}

/// Readable, and different for every address.
fn folder_name(broker: &Broker) -> String {
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
