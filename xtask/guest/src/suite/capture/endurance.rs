//! Endurance: many repetitions, to find leaks.

use super::faults::plug;
use super::watch::{EventWatch, preset};
use super::{CaseTrial, FoundCamera, VividCamera};
use crate::sys;
use anyhow::{Context, ensure};
use unmask_v4l2::{LossReason, MemoryKind};

/// Resident memory may move by this much: the allocator keeps what it has had. KiB.
const SLACK_KIB: u64 = 512;

pub(super) fn trials() -> Vec<CaseTrial> {
    let mut all = Vec::new();
    for (cycles, long) in [(20, false), (1000, true)] {
        all.push(CaseTrial {
            long,
            ..CaseTrial::new(
                format!("endurance/start-{cycles}"),
                "started, read and stopped, over and over",
                move || start_stop(cycles),
            )
        });
    }
    for (cycles, long) in [(5, false), (200, true)] {
        all.push(CaseTrial {
            long,
            ..CaseTrial::new(
                format!("endurance/replug-{cycles}"),
                "unplugged and plugged in under one capture, over and over",
                move || replug(cycles),
            )
        });
    }
    all
}

/// Files and memory after the first tenth and at the end.
fn many(cycles: u64, mut cycle: impl FnMut(u64) -> anyhow::Result<()>) -> FoundCamera {
    let warm = (cycles / 10).max(3);
    let mut before = None;
    for number in 1..=cycles {
        cycle(number).with_context(|| format!("time {number}"))?;
        if number == warm {
            before = Some(sys::own_size()?);
        }
    }
    let (files, resident) = before.context("too few times to tell")?;
    let (files_now, resident_now) = sys::own_size()?;
    ensure!(
        files_now == files,
        "open files went from {files} to {files_now}"
    );
    ensure!(
        resident_now <= resident + SLACK_KIB,
        "resident memory went from {resident} to {resident_now} KiB"
    );
    Ok(format!(
        "{cycles} times; open files {files} and {files_now}, resident {resident} and \
         {resident_now} KiB after the {warm}th and the last"
    ))
}

fn start_stop(cycles: u64) -> FoundCamera {
    preset()?;
    many(cycles, |number| {
        let kind = [MemoryKind::Mmap, MemoryKind::User, MemoryKind::Shared][number as usize % 3];
        VividCamera::start(kind)?.frame()?;
        Ok(())
    })
}

fn replug(cycles: u64) -> FoundCamera {
    preset()?;
    let mut watch = EventWatch::start()?;
    watch.frames(1)?;
    let found = many(cycles, |number| {
        plug(false)?;
        let reported = watch.until("event", |report| report.count(LossReason::Gone) == number);
        plug(true)?;
        reported?;
        watch.until("recovery", |report| report.recovered == number)?;
        watch.frames(1)?;
        Ok(())
    })?;
    watch.end(Some(LossReason::Gone), cycles)?;
    Ok(found)
}
