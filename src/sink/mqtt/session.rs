//! MQTT session: moves alerts from the outbox to the connection, and tracks acknowledgements.

use super::publisher::LinkEvent;
use super::publisher::MqttPublisher;
use crate::sink::MqttSettings;
use crate::sink::counters::DiscardReason;
use crate::sink::outbox::AlertOutbox;
use crate::sink::thread::{Line, SharedSink, SinkMessage};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use suspect::{SUSPECT, Suspect};
use tracing::{error, info, warn};

mod suspect;
#[cfg(test)]
mod tests;

/// How often the session checks whether the run ends.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How often it checks whether the outbox is still there.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long the end of a connection is waited for.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// Tries to read a line of the outbox before those behind it get their turn.
const READ_RETRIES: u32 = 20;

/// What is on its way to the broker.
#[derive(Debug)]
enum OutboxEntry {
    /// A line of the outbox, and its length.
    Stored(u64, usize),
    /// A line that the outbox could not take.
    Held(HeldAlert),
    /// News of this sender itself.
    Status,
}

/// A line that only memory holds.
#[derive(Clone, Debug)]
struct HeldAlert {
    /// In the order of arrival.
    number: u64,
    line: Line,
}

pub(super) struct MqttSession {
    name: String,
    outbox: AlertOutbox,
    folder: PathBuf,
    /// Lines that the disk refused.
    memory: VecDeque<HeldAlert>,
    memory_limit: usize,
    memory_next: u64,
    publisher: Option<MqttPublisher>,
    /// Handed to the connection, which has not yet given them a packet id.
    submitted: VecDeque<OutboxEntry>,
    in_flight: HashMap<u16, OutboxEntry>,
    max_in_flight: usize,
    fsync_interval: Duration,
    synced: Instant,
    checked: Instant,
    /// The outbox does not work; it was reported.
    failing: bool,
    failed_reads: u32,
    suspect: Option<Suspect>,
    /// The longest alert that the broker took, bytes.
    longest_accepted: usize,
    /// The broker acknowledged something on this connection.
    acknowledged: bool,
    counted_dropped: u64,
    counted_damaged: u64,
    /// The last try to connect failed, or the connection was lost.
    failed: bool,
    shared: Arc<SharedSink>,
}

impl MqttSession {
    pub fn new(
        name: String,
        outbox: AlertOutbox,
        folder: PathBuf,
        settings: &MqttSettings,
        memory_limit: usize,
        shared: Arc<SharedSink>,
    ) -> Self {
        Self {
            name,
            outbox,
            folder,
            memory: VecDeque::new(),
            memory_limit,
            memory_next: 0,
            publisher: None,
            submitted: VecDeque::new(),
            in_flight: HashMap::new(),
            max_in_flight: usize::from(settings.max_in_flight.max(1)),
            fsync_interval: Duration::from_millis(settings.fsync_interval_ms),
            synced: Instant::now(),
            checked: Instant::now(),
            failing: false,
            failed_reads: 0,
            suspect: None,
            longest_accepted: 0,
            acknowledged: false,
            counted_dropped: 0,
            counted_damaged: 0,
            failed: false,
            shared,
        }
    }

    pub fn run(mut self, from: &Receiver<SinkMessage>, link: Option<JoinHandle<()>>) {
        self.publish_counters();
        // Without a connection there is nothing to wait for at the end.
        self.failed = link.is_none();
        loop {
            match from.recv_timeout(POLL_INTERVAL) {
                Ok(message) => {
                    self.handle(message);
                    // All that is there, before the disk and the network get their turn.
                    for message in from.try_iter() {
                        self.handle(message);
                    }
                }
                // The run and the connection have ended: nobody is left to wait for.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    if self.shared.closing.load(Relaxed) && self.is_finished() {
                        break;
                    }
                }
            }
            self.work();
        }
        let publisher = self.publisher.take();
        self.finish();
        if let Some(publisher) = publisher {
            publisher.disconnect();
            // A goodbye that does not get through is what the last will is for.
            let until = Instant::now() + GOODBYE_TIMEOUT;
            while link.as_ref().is_some_and(|link| !link.is_finished()) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// What there is to do between messages.
    fn work(&mut self) {
        self.store_memory();
        self.send();
        self.save();
        self.publish_counters();
    }

    /// At the end: what is on no disk and was not acknowledged is lost.
    fn finish(&mut self) {
        self.on_disconnect();
        self.check_outbox();
        self.store_memory();
        self.flush();
        self.outbox.give_up_missing();
        let rest = std::mem::take(&mut self.memory);
        self.shared
            .counters
            .discard(DiscardReason::OutboxWriteFailed, rest.len() as u64);
        self.publish_counters();
    }

    /// Whether nothing is left that could be delivered now. Once a try to connect has failed
    /// nothing can be: the outbox keeps it for the next run.
    fn is_finished(&self) -> bool {
        let none = self.outbox.buffered() == 0 && self.memory.is_empty();
        let mut in_flight = self.submitted.iter().chain(self.in_flight.values());
        let held = in_flight.any(|entry| matches!(entry, OutboxEntry::Held(_)));
        (none && !held) || (self.publisher.is_none() && self.failed)
    }

    fn handle(&mut self, message: SinkMessage) {
        let counters = &self.shared.counters;
        match message {
            SinkMessage::Line(line) => self.store(line),
            SinkMessage::Link(LinkEvent::Up(publisher)) => {
                counters.connections.fetch_add(1, Relaxed);
                counters.connected.store(true, Relaxed);
                counters.set_fault(None);
                if publisher.announce_online() {
                    self.submitted.push_back(OutboxEntry::Status);
                }
                self.publisher = Some(publisher);
                self.acknowledged = false;
                self.failed = false;
            }
            SinkMessage::Link(LinkEvent::Sent(id)) => {
                if let Some(entry) = self.submitted.pop_front() {
                    self.in_flight.insert(id, entry);
                }
            }
            SinkMessage::Link(LinkEvent::Acked(id)) => {
                if let Some(entry) = self.in_flight.remove(&id) {
                    self.acknowledge(entry);
                }
            }
            SinkMessage::Link(LinkEvent::Refused(id, reason)) => {
                if let Some(entry) = self.in_flight.remove(&id) {
                    self.refuse(entry, &reason);
                }
            }
            SinkMessage::Link(LinkEvent::Down) => {
                self.suspect_oldest();
                self.on_disconnect();
            }
        }
    }

    fn acknowledge(&mut self, entry: OutboxEntry) {
        let counters = &self.shared.counters;
        self.acknowledged = true;
        match entry {
            OutboxEntry::Stored(number, bytes) => {
                if self.outbox.ack(number) {
                    counters.delivered.fetch_add(1, Relaxed);
                }
                self.longest_accepted = self.longest_accepted.max(bytes);
                match self.suspect {
                    Some(suspect) if suspect.number == number => self.suspect = None,
                    _ => self.check_suspect(),
                }
            }
            OutboxEntry::Held(_) => counters.count_delivered(),
            OutboxEntry::Status => {}
        }
    }

    /// The broker says that it never takes this one.
    fn refuse(&mut self, entry: OutboxEntry, reason: &str) {
        let counters = &self.shared.counters;
        match entry {
            OutboxEntry::Stored(number, _) => {
                if self.outbox.discard(number) {
                    counters.discard_stored(DiscardReason::Refused, 1);
                }
            }
            OutboxEntry::Held(_) => counters.discard(DiscardReason::Refused, 1),
            OutboxEntry::Status => return,
        }
        if counters.discarded(DiscardReason::Refused) == 1 {
            error!(
                "{}: the broker refuses an alert: {reason}; it is lost, and those like it are counted",
                self.name
            )
        }
    }

    fn store(&mut self, line: Line) {
        let text = text_of(&line);
        if !AlertOutbox::fits(text) {
            return self.shared.counters.discard(DiscardReason::TooLarge, 1);
        }
        // In order: not past those that wait for the disk.
        if self.memory.is_empty() {
            match self.outbox.push(text) {
                Ok(_) => return self.shared.counters.count_stored(),
                Err(error) => self.report_error(&error),
            }
        }
        if self.memory.len() >= self.memory_limit {
            self.memory.pop_front();
            self.shared
                .counters
                .discard(DiscardReason::OutboxWriteFailed, 1);
        }
        let number = self.memory_next;
        self.memory_next += 1;
        self.memory.push_back(HeldAlert { number, line });
    }

    /// Writes what only memory holds, as far as the disk takes it.
    fn store_memory(&mut self) {
        let had = self.memory.len();
        while let Some(held) = self.memory.front() {
            if let Err(error) = self.outbox.push(text_of(&held.line)) {
                self.report_error(&error);
                break;
            }
            self.memory.pop_front();
            self.shared.counters.count_stored();
        }
        if had > 0 && self.memory.is_empty() {
            self.failing = false;
            info!(
                "{}: the outbox can be written again; {had} alerts that memory held are on disk",
                self.name
            );
        }
    }

    fn on_disconnect(&mut self) {
        self.publisher = None;
        self.failed = true;
        self.shared.counters.connected.store(false, Relaxed);
        let again = self.submitted.drain(..);
        let again = again.chain(self.in_flight.drain().map(|(_, entry)| entry));
        let mut tries = 0;
        for entry in again {
            tries += u64::from(!matches!(entry, OutboxEntry::Status));
            if let OutboxEntry::Held(held) = entry {
                self.memory.push_front(held);
            }
        }
        self.memory
            .make_contiguous()
            .sort_unstable_by_key(|held| held.number);
        self.shared.counters.retries.fetch_add(tries, Relaxed);
        self.outbox.rewind();
    }

    /// Hands lines to the connection, as many as may be on their way.
    fn send(&mut self) {
        while let Some(publisher) = &self.publisher
            && self.submitted.len() + self.in_flight.len() < self.max_in_flight()
        {
            if let Some(suspect) = self.suspect.filter(|s| s.ends > SUSPECT)
                && self.outbox.next_number() == Some(suspect.number)
            {
                self.outbox.skip();
            }
            let (entry, text) = match self.outbox.take() {
                Ok(Some(pending)) => {
                    self.failed_reads = 0;
                    let entry = OutboxEntry::Stored(pending.number, pending.text.len());
                    (entry, pending.text)
                }
                Ok(None) => match self.memory.pop_front() {
                    Some(held) => {
                        let text = text_of(&held.line).to_vec();
                        (OutboxEntry::Held(held), text)
                    }
                    None => return,
                },
                Err(error) => {
                    self.failed_reads += 1;
                    if self.failed_reads > READ_RETRIES {
                        self.failed_reads = 0;
                        self.outbox.skip();
                    }
                    return self.report_error(&error);
                }
            };
            if let Some(limit) = publisher.limit()
                && text.len() > limit
            {
                let reason = format!(
                    "it has {} bytes and the broker takes {limit}; raise the broker's limit \
                     (mosquitto: max_packet_size)",
                    text.len()
                );
                self.refuse(entry, &reason);
                continue;
            }
            let handed = publisher.publish(text);
            self.submitted.push_back(entry);
            if !handed {
                // The connection is gone; news of that is on its way, and all is sent again.
                return;
            }
        }
    }

    /// Writes down what was acknowledged, flushes where it is time, and looks after the outbox.
    fn save(&mut self) {
        if let Err(error) = self.outbox.save() {
            self.report_error(&error);
        }
        if self.outbox.is_unsynced() && self.synced.elapsed() >= self.fsync_interval {
            self.flush();
        }
        if self.checked.elapsed() >= CHECK_INTERVAL {
            self.check_outbox();
        }
    }

    fn check_outbox(&mut self) {
        self.checked = Instant::now();
        match self.outbox.check() {
            Ok(None) => {
                if self.memory.is_empty() {
                    self.failing = false;
                }
            }
            Ok(Some(what)) => warn!(
                "{}: the outbox {}: {what}",
                self.name,
                self.folder.display()
            ),
            Err(error) => self.report_error(&error),
        }
    }

    fn flush(&mut self) {
        self.synced = Instant::now();
        if let Err(error) = self.outbox.save().and_then(|()| self.outbox.sync()) {
            self.report_error(&error);
        }
    }

    /// Once for every time that the outbox stops working.
    fn report_error(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            error!(
                "{}: the outbox {} cannot be used: {error}; alerts are held in memory until it can",
                self.name,
                self.folder.display()
            );
        }
    }

    fn publish_counters(&mut self) {
        let counters = &self.shared.counters;
        let (dropped, vanished) = (self.outbox.dropped(), self.outbox.removed_by_others());
        counters.discard_stored(DiscardReason::OutboxFull, dropped - self.counted_dropped);
        counters.discard_stored(
            DiscardReason::OutboxDamaged,
            vanished - self.counted_damaged,
        );
        (self.counted_dropped, self.counted_damaged) = (dropped, vanished);
        let in_flight = self.submitted.iter().chain(self.in_flight.values());
        let held = in_flight
            .filter(|e| matches!(e, OutboxEntry::Held(_)))
            .count();
        let held = (self.memory.len() + held) as u64;
        counters.in_memory.store(held, Relaxed);
        counters.buffered.store(self.outbox.buffered(), Relaxed);
    }
}

fn text_of(line: &Line) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}
