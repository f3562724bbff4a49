//! Histories of an outbox on a disk that fails, against a model: what was put in is on disk,
//! delivered, or counted as lost, and never both delivered and lost.

use super::*;
use crate::sink::disk::faults::{Faults, folder};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Push(u16),
    Take,
    /// Acknowledges one of those taken out.
    Ack(usize),
    Rewind,
    Save,
    Sync,
    Check,
    /// The process ends and a new run begins.
    Restart,
    /// The process ended in the middle of a write: the last file ends with a piece of a line.
    Tear,
    /// Someone removes a file of the outbox, or all of it.
    Remove(usize),
    /// From here on the disk fails so.
    Fail(Plan),
}

/// What is known from outside.
struct World {
    _base: tempfile::TempDir,
    folder: PathBuf,
    disk: SinkDisk,
    faults: Arc<Faults>,
    outbox: Option<AlertOutbox>,
    limits: OutboxLimits,
    next: u64,
    /// Put in without an error.
    stored: BTreeSet<u64>,
    delivered: BTreeSet<u64>,
    /// Taken out in this run: number in the outbox and content.
    taken: BTreeMap<u64, u64>,
    /// Counted as lost by earlier runs.
    lost: u64,
}

impl World {
    fn new(limits: OutboxLimits) -> Self {
        let base = folder();
        let (disk, faults) = SinkDisk::failing(Plan::NONE);
        let mut world = Self {
            folder: base.path().join("outbox"),
            _base: base,
            disk,
            faults,
            outbox: None,
            limits,
            next: 0,
            stored: BTreeSet::new(),
            delivered: BTreeSet::new(),
            taken: BTreeMap::new(),
            lost: 0,
        };
        world.restart();
        world
    }

    fn restart(&mut self) {
        if let Some(mut outbox) = self.outbox.take() {
            outbox.rewind();
            let _ = outbox.check();
            outbox.give_up_missing();
            self.lost += outbox.dropped() + outbox.removed_by_others();
        }
        self.taken.clear();
        // A run that cannot open its outbox ends before the first alert.
        self.outbox = AlertOutbox::open_on(self.disk.clone(), &self.folder, self.limits).ok();
        let Some(outbox) = &self.outbox else { return };
        // What was acknowledged and not written down comes again: at least once.
        let on_disk = self.on_disk();
        for entry in &outbox.entries {
            self.delivered.remove(&on_disk[&entry.number]);
        }
    }

    /// Contents of the whole lines on disk, with their numbers.
    fn on_disk(&self) -> BTreeMap<u64, u64> {
        let mut found = BTreeMap::new();
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return found;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "log") {
                for line in std::fs::read(&path)
                    .unwrap()
                    .split_inclusive(|&b| b == b'\n')
                {
                    if let Some((number, text)) = parse(line) {
                        let content = std::str::from_utf8(text).unwrap();
                        let content = content.trim_end_matches('.').parse().unwrap();
                        found.insert(number, content);
                    }
                }
            }
        }
        found
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Restart => return self.restart(),
            Step::Fail(plan) => return self.faults.set(*plan),
            Step::Remove(which) => {
                // Of what goes while no run is there to see it it cannot be known.
                if self.outbox.is_none() {
                    return;
                }
                let mut files: Vec<PathBuf> = std::fs::read_dir(&self.folder)
                    .map(|entries| entries.map(|e| e.unwrap().path()).collect())
                    .unwrap_or_default();
                files.sort();
                match files.get(which % (files.len() + 1)) {
                    Some(file) => drop(std::fs::remove_file(file)),
                    None => drop(std::fs::remove_dir_all(&self.folder)),
                }
                return;
            }
            Step::Tear => {
                self.restart();
                let last = segment::numbers(&self.folder)
                    .ok()
                    .and_then(|n| n.last().copied());
                let Some(last) = last else { return };
                let path = self.folder.join(name(last));
                let mut text = std::fs::read(&path).unwrap();
                let next = self.outbox.as_ref().map_or(0, |outbox| outbox.next);
                text.extend_from_slice(format!("{next} 1234abcd torn").as_bytes());
                // The run that is open does not write to it: it is of an earlier one.
                std::fs::write(&path, text).unwrap();
                return self.restart();
            }
            _ => {}
        }
        let Some(outbox) = &mut self.outbox else {
            return;
        };
        match step {
            Step::Push(bytes) => {
                let content = self.next;
                self.next += 1;
                let text = format!("{content}{}", ".".repeat(usize::from(*bytes)));
                if outbox.push(text.as_bytes()).is_ok() {
                    self.stored.insert(content);
                }
            }
            Step::Take => {
                if let Ok(Some(pending)) = outbox.take() {
                    let text = String::from_utf8(pending.text).unwrap();
                    let content = text.trim_end_matches('.').parse().unwrap();
                    self.taken.insert(pending.number, content);
                }
            }
            Step::Ack(which) => {
                let at = which % self.taken.len().max(1);
                if let Some((&number, &content)) = self.taken.iter().nth(at) {
                    self.taken.remove(&number);
                    if outbox.ack(number) {
                        self.delivered.insert(content);
                    }
                }
            }
            Step::Rewind => {
                outbox.rewind();
                self.taken.clear();
            }
            Step::Save => drop(outbox.save()),
            Step::Sync => drop(outbox.sync()),
            Step::Check => drop(outbox.check()),
            _ => {}
        }
    }

    /// Holds after every step in which nobody's hands are between outbox and disk.
    fn check(&self, history: &[Step]) {
        let Some(outbox) = &self.outbox else { return };
        let on_disk = self.on_disk();
        for entry in &outbox.entries {
            if matches!(entry.state, OutboxState::Buffered | OutboxState::Taken) {
                assert!(
                    on_disk.contains_key(&entry.number),
                    "{entry:?} of {history:?}"
                );
            }
        }
        let live = |e: &&Entry| matches!(e.state, OutboxState::Buffered | OutboxState::Taken);
        let waiting = outbox.entries.iter().filter(live).count() as u64;
        assert_eq!(outbox.buffered(), waiting, "{history:?}");
        let there: BTreeSet<u64> = on_disk.into_values().collect();
        let missing = self
            .stored
            .iter()
            .filter(|c| !there.contains(c) && !self.delivered.contains(c))
            .count() as u64;
        let gone = outbox.entries.iter();
        let gone = gone.filter(|e| matches!(e.state, OutboxState::TakenAndLost(_)));
        let lost = self.lost + outbox.dropped() + outbox.removed_by_others() + gone.count() as u64;
        assert!(
            missing <= lost,
            "{missing} missing, {lost} lost: {history:?}"
        );
        // Lost and delivered are apart: together they are not more than what was stored.
        let known = self.delivered.len() as u64 + lost;
        let stored = self.stored.len() as u64;
        assert!(known <= stored, "{known} of {stored}: {history:?}");
    }

    /// The disk works again; everything that is left comes out, once.
    fn finish(mut self, history: &[Step]) -> u64 {
        self.faults.set(Plan::NONE);
        self.restart();
        let outbox = self.outbox.as_mut().unwrap();
        let waiting = outbox.buffered();
        let mut out = BTreeSet::new();
        while let Some(pending) = outbox.take().unwrap() {
            let text = String::from_utf8(pending.text).unwrap();
            assert!(out.insert(text.trim_end_matches('.').parse::<u64>().unwrap()));
        }
        assert_eq!(out.len() as u64, waiting, "{history:?}");
        let lost = self.lost + outbox.dropped() + outbox.removed_by_others();
        out.extend(&self.delivered);
        let missing = self.stored.difference(&out).count() as u64;
        assert!(
            missing <= lost,
            "{missing} missing, {lost} lost: {history:?}"
        );
        missing
    }
}

fn run(history: &[Step], limits: OutboxLimits) -> u64 {
    let mut world = World::new(limits);
    let mut touched = false;
    for step in history {
        world.step(step);
        // Until the outbox has looked, it cannot know what someone did.
        touched |= matches!(step, Step::Remove(_));
        if matches!(step, Step::Check) {
            world.faults.set(Plan::NONE);
            world.step(&Step::Check);
            touched = false;
        }
        if !touched {
            world.check(history);
        }
    }
    world.finish(history)
}

fn operations() -> impl Strategy<Value = Option<DiskOperation>> {
    prop_oneof![
        Just(None),
        Just(Some(DiskOperation::Open)),
        Just(Some(DiskOperation::Write)),
        Just(Some(DiskOperation::Sync)),
        Just(Some(DiskOperation::Rename)),
        Just(Some(DiskOperation::Remove)),
        Just(Some(DiskOperation::Truncate)),
        Just(Some(DiskOperation::Read)),
    ]
}

fn steps(hands: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3000u16).prop_map(Step::Push),
        6 => Just(Step::Take),
        4 => (0..8usize).prop_map(Step::Ack),
        1 => Just(Step::Rewind),
        2 => Just(Step::Save),
        1 => Just(Step::Sync),
        1 => Just(Step::Check),
        1 => Just(Step::Restart),
        1 => Just(Step::Tear),
        1 => (0..8usize).prop_map(move |which| match hands {
            true => Step::Remove(which),
            false => Step::Check,
        }),
        2 => (operations(), 1..6u64, 1..6u64).prop_map(|(of, first, length)| {
            Step::Fail(Plan { of, first, length })
        }),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_history_on_a_failing_disk_adds_up(history in steps(false)) {
        run(&history, OutboxLimits { bytes: 32 << 10 });
    }

    #[test]
    fn nothing_is_lost_where_there_is_room_and_nobody_touches_it(history in steps(false)) {
        prop_assert_eq!(run(&history, LARGE), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_somebody_removes_is_put_back_or_counted(history in steps(true)) {
        run(&history, OutboxLimits { bytes: 32 << 10 });
    }
}

/// A run of alerts with acknowledgements between, on a disk that fails once or several times.
#[test]
fn each_operation_that_fails_is_survived() {
    let history: Vec<Step> = (0..40)
        .flat_map(|i| {
            let push = Step::Push(700);
            match i % 4 {
                0 => vec![push, Step::Take, Step::Save],
                1 => vec![push, Step::Ack(0), Step::Save],
                2 => vec![push, Step::Sync],
                _ => vec![push],
            }
        })
        .collect();
    let (mut tried, mut failed) = (0, 0);
    for of in [
        DiskOperation::Open,
        DiskOperation::Write,
        DiskOperation::Sync,
        DiskOperation::Rename,
        DiskOperation::Remove,
        DiskOperation::Truncate,
        DiskOperation::Read,
    ] {
        for length in [1, 2, 7] {
            for first in 1.. {
                let plan = Plan {
                    of: Some(of),
                    first,
                    length,
                };
                let mut all = vec![Step::Fail(plan)];
                all.extend(history.iter().cloned());
                let mut world = World::new(OutboxLimits { bytes: 12 << 10 });
                for step in &all {
                    world.step(step);
                    world.check(&all);
                }
                let faults = world.faults.failed();
                world.finish(&all);
                if faults == 0 {
                    break;
                }
                tried += 1;
                failed += faults;
            }
        }
    }
    assert!(tried >= 420, "{tried}");
    println!("\n{tried} tried, {tried} held, 0 lost: {failed} faults under an outbox");
}
