//! The session between a disk that fails and a broker that comes and goes.

use super::*;
use crate::sink::disk::faults::{Faults, Plan, folder};
use crate::sink::disk::{DiskOperation, SinkDisk};
use crate::sink::outbox::OutboxLimits;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver as Texts, channel};

struct World {
    folder: tempfile::TempDir,
    faults: Arc<Faults>,
    shared: Arc<SharedSink>,
    session: MqttSession,
    broker: Option<Texts<Vec<u8>>>,
    next_id: u16,
    reported: u64,
    delivered: BTreeSet<u64>,
}

/// Text of alert `number`.
fn text(number: u64, bytes: usize) -> Vec<u8> {
    format!("{number:06}{}", ".".repeat(bytes)).into_bytes()
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.get(..6)?).ok()?.parse().ok()
}

impl World {
    fn new(limits: OutboxLimits, ring: usize) -> Self {
        let folder = folder();
        let (disk, faults) = SinkDisk::failing(Plan::NONE);
        let outbox = AlertOutbox::open_on(disk, folder.path(), limits).unwrap();
        let shared = Arc::<SharedSink>::default();
        let settings = MqttSettings {
            max_in_flight: 4,
            ..MqttSettings::default()
        };
        let path = folder.path().to_path_buf();
        let session =
            MqttSession::new("test".into(), outbox, path, &settings, ring, shared.clone());
        Self {
            folder,
            faults,
            shared,
            session,
            broker: None,
            next_id: 0,
            reported: 0,
            delivered: BTreeSet::new(),
        }
    }

    fn tell(&mut self, bytes: usize) {
        self.shared.counters.received.fetch_add(1, Relaxed);
        let mut line = text(self.reported, bytes);
        line.push(b'\n');
        self.reported += 1;
        self.session.handle(SinkMessage::Line(Arc::new(line)));
        self.session.work();
    }

    fn up(&mut self, limit: Option<usize>) {
        let (to, texts) = channel();
        let publisher = MqttPublisher::test(to, limit);
        self.session
            .handle(SinkMessage::Link(LinkEvent::Up(publisher)));
        self.broker = Some(texts);
        self.session.work();
    }

    fn down(&mut self) {
        self.broker = None;
        self.session.handle(SinkMessage::Link(LinkEvent::Down));
    }

    /// Answers what was sent, as long as `takes` holds; returns whether it held.
    fn answer(&mut self, takes: impl Fn(&[u8]) -> bool) -> bool {
        while let Some(Ok(text)) = self.broker.as_ref().map(Texts::try_recv) {
            self.next_id = self.next_id % 1000 + 1;
            let id = self.next_id;
            self.session.handle(SinkMessage::Link(LinkEvent::Sent(id)));
            if !takes(&text) {
                return false;
            }
            self.session.handle(SinkMessage::Link(LinkEvent::Acked(id)));
            self.delivered.extend(number(&text));
            self.session.work();
        }
        true
    }

    /// Ends the run; every alert is on disk, delivered, or lost and counted.
    fn finish(mut self, what: &dyn std::fmt::Debug) -> crate::sink::SinkReport {
        self.session.finish();
        let report = self.shared.counters.report("test");
        let on_disk = on_disk(self.folder.path());
        let known: BTreeSet<u64> = on_disk.union(&self.delivered).copied().collect();
        let missing = self.reported - known.len() as u64;
        assert!(
            missing <= report.total_discarded(),
            "{missing}: {report} {what:?}"
        );
        assert_eq!(report.delivered, self.delivered.len() as u64, "{what:?}");
        let both = report.delivered + report.total_discarded();
        assert!(both <= self.reported, "{report} {what:?}");
        assert_eq!(report.in_memory, 0, "{what:?}");
        let waiting = on_disk.difference(&self.delivered).count() as u64;
        assert!(report.buffered <= waiting, "{report}: {waiting} {what:?}");
        report
    }
}

fn on_disk(folder: &Path) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "log") {
            let bytes = std::fs::read(path).unwrap();
            for line in bytes.split_inclusive(|&b| b == b'\n') {
                let whole = line.strip_suffix(b"\n");
                let text = whole.and_then(|l| l.splitn(3, |&b| b == b' ').nth(2));
                found.extend(text.and_then(number));
            }
        }
    }
    found
}

const ROOM: OutboxLimits = OutboxLimits { bytes: 1 << 20 };

#[test]
fn what_only_memory_holds_is_written_as_soon_as_the_disk_works() {
    let mut world = World::new(ROOM, 100);
    world.tell(10);
    world.faults.set(Plan {
        of: Some(DiskOperation::Write),
        first: 1,
        length: u64::MAX / 2,
    });
    for _ in 0..5 {
        world.tell(10);
    }
    let report = world.shared.counters.report("test");
    assert_eq!(
        (report.stored, report.buffered, report.in_memory),
        (1, 1, 5)
    );
    world.faults.set(Plan::NONE);
    world.session.work();
    let report = world.shared.counters.report("test");
    assert_eq!(
        (report.stored, report.buffered, report.in_memory),
        (6, 6, 0)
    );
    // In order.
    world.up(None);
    assert!(world.answer(|_| true));
    assert_eq!(world.delivered, (0..6).collect());
    assert_eq!(world.finish(&()).buffered, 0);
}

#[test]
fn what_the_disk_never_took_is_counted_when_the_run_ends() {
    let mut world = World::new(ROOM, 3);
    world.faults.set(Plan {
        of: Some(DiskOperation::Write),
        first: 1,
        length: u64::MAX / 2,
    });
    for _ in 0..5 {
        world.tell(10);
    }
    // One is on its way when the connection ends: not acknowledged is not delivered.
    world.up(None);
    world.answer(|_| false);
    let report = world.finish(&());
    assert_eq!((report.stored, report.buffered), (0, 0));
    assert_eq!(report.discarded["outbox_write_failed"], 5);
}

#[test]
fn an_alert_larger_than_the_broker_takes_holds_nothing_up() {
    // A broker that says so.
    let mut world = World::new(ROOM, 10);
    for bytes in [10, 500, 10] {
        world.tell(bytes);
    }
    world.up(Some(100));
    assert!(world.answer(|_| true));
    assert_eq!(world.delivered, [0, 2].into());
    let report = world.finish(&());
    assert_eq!((report.discarded["refused"], report.buffered), (1, 0));
    // One that only ends the connection.
    let mut world = World::new(ROOM, 10);
    for bytes in [500, 10, 10, 20] {
        world.tell(bytes);
    }
    for _ in 0..6 {
        world.up(None);
        let takes = |text: &[u8]| text.len() < 100;
        while world.broker.is_some() {
            if world.answer(takes) {
                break;
            }
            world.down();
        }
    }
    assert_eq!(world.delivered, [1, 2, 3].into());
    let report = world.finish(&());
    assert_eq!((report.discarded["refused"], report.buffered), (1, 0));
}

#[test]
fn a_broker_that_ends_every_connection_costs_no_alert() {
    let mut world = World::new(ROOM, 10);
    for bytes in [10, 20, 30] {
        world.tell(bytes);
    }
    for _ in 0..30 {
        world.up(None);
        // The status is taken, no alert is.
        world.answer(|text| text == b"online");
        world.down();
    }
    let report = world.finish(&());
    assert_eq!((report.total_discarded(), report.buffered), (0, 3));
}

#[test]
fn every_fault_of_the_disk_adds_up_whatever_the_broker_does() {
    let (mut tried, mut failed, mut lost) = (0, 0, 0);
    for of in [
        DiskOperation::Open,
        DiskOperation::Write,
        DiskOperation::Sync,
        DiskOperation::Rename,
        DiskOperation::Remove,
        DiskOperation::Truncate,
        DiskOperation::Read,
    ] {
        for length in [1, 30] {
            for (period, room) in [(7, 1 << 20), (13, 8 << 10), (1000, 8 << 10)] {
                for first in 1.. {
                    let plan = Plan {
                        of: Some(of),
                        first,
                        length,
                    };
                    let mut world = World::new(OutboxLimits { bytes: room }, 8);
                    world.faults.set(plan);
                    for i in 0..24 {
                        world.tell(400);
                        match i % period {
                            2 => world.up(None),
                            // Some are on their way.
                            5 => {
                                world.answer(|text| number(text).is_none_or(|n| n % 5 != 3));
                                world.down();
                            }
                            _ if i % 3 == 0 && !world.answer(|text| text.last() != Some(&b'!')) => {
                                world.down();
                            }
                            _ => {}
                        }
                        if i % 4 == 0 {
                            world.session.flush();
                            world.session.check_outbox();
                        }
                    }
                    let faults = world.faults.failed();
                    lost += world.finish(&(plan, period, room)).total_discarded();
                    if faults == 0 {
                        break;
                    }
                    tried += 1;
                    failed += faults;
                }
            }
        }
    }
    assert!(tried >= 420, "{tried}");
    println!("\n{tried} tried, {tried} held, {lost} lost: {failed} faults under a session");
}
