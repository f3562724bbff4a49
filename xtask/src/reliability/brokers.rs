//! Brokers that misbehave for a while, and then do not.

use super::SuiteContext;
use super::account::{broker_sink, outbox};
use super::broker::{Broker, Conduct};
use super::program::{LIMIT, Running, unexpected_end};
use super::scene::Scene;
use super::suite::SuiteResult;
use std::sync::Mutex;
use std::time::Duration;

/// Frames of a run, and how many come per second: 16 s in all.
const FRAMES: u64 = 320;
const RATE: &str = "20";
/// How long a broker misbehaves: beyond the keep-alive and half of it again, after which a broker
/// that acknowledges nothing is left.
const BAD: Duration = Duration::from_secs(9);
/// Runs at the same time: they wait most of their time.
const AT_ONCE: usize = 4;

/// What is tried with MQTT 5 and 3.1.1.
const BOTH: [Conduct; 25] = [
    Conduct::Silent,
    Conduct::ClosesAtOnce,
    Conduct::Garbage,
    Conduct::Http,
    Conduct::ClosesAfterConnack,
    Conduct::GarbageAfterConnack,
    Conduct::EndlessLength,
    Conduct::HugeLength,
    Conduct::ConnackByteByByte,
    Conduct::SecondConnack,
    Conduct::NoAcks,
    Conduct::WrongIds,
    Conduct::AcksTwice,
    Conduct::AcksInReverse,
    Conduct::PubrecInstead,
    Conduct::HalfAck,
    Conduct::LateAcks,
    Conduct::NoPings,
    Conduct::ClosesOnPublish,
    Conduct::ClosesAfterAck,
    Conduct::Unsolicited,
    Conduct::EmptyPackets,
    Conduct::PingFlood,
    Conduct::Refuses(3),
    Conduct::Refuses(5),
];

/// What exists in MQTT 5 only. Properties: receive maximum 1, quality of service 0, no retained
/// messages, packets of at most 100 bytes, keep-alive of 1 s, one that is not known.
const ONLY_5: [Conduct; 20] = [
    Conduct::Refuses(0x80),
    Conduct::Refuses(0x85),
    Conduct::Refuses(0x87),
    Conduct::Refuses(0x88),
    Conduct::Refuses(0x97),
    Conduct::Announces(&[0x21, 0, 1]),
    Conduct::Announces(&[0x24, 0]),
    Conduct::Announces(&[0x25, 0]),
    Conduct::Announces(&[0x27, 0, 0, 0, 100]),
    Conduct::Announces(&[0x13, 0, 1]),
    Conduct::Announces(&[0x7f, 1]),
    Conduct::AcksWith(0x10),
    Conduct::AcksWith(0x80),
    Conduct::AcksWith(0x87),
    Conduct::AcksWith(0x97),
    Conduct::AcksWith(0x99),
    Conduct::Disconnects(0x8b),
    Conduct::Disconnects(0x8e),
    Conduct::Disconnects(0x95),
    Conduct::Disconnects(0x97),
];

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let both = ["5", "3.1.1"].map(|version| BOTH.map(|conduct| (version, conduct)));
    let only_5 = ONLY_5.map(|conduct| ("5", conduct));
    let cases: Vec<_> = both.into_iter().flatten().chain(only_5).collect();
    let next = Mutex::new(cases.iter());
    let result = Mutex::new(SuiteResult::default());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    loop {
                        let case = next.lock().ok().and_then(|mut cases| cases.next());
                        let Some((version, conduct)) = case else {
                            return Ok(());
                        };
                        try_one(context, version, *conduct, &result)?;
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a case panicked")))
        })
    })?;
    let mut result = result
        .into_inner()
        .map_err(|_| anyhow::anyhow!("poisoned"))?;
    let conducts = BOTH.len() + ONLY_5.len();
    result.figures.push(format!(
        "{conducts} kinds of misbehaviour, 25 of them with both versions of MQTT"
    ));
    Ok(result)
}

fn try_one(
    context: &SuiteContext,
    version: &str,
    conduct: Conduct,
    result: &Mutex<SuiteResult>,
) -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.list("list.txt", FRAMES)?;
    let broker = Broker::start(conduct)?;
    let settings = format!(
        "[sink]\nshutdown_timeout_ms = 10000\nalerts = [\"mqtt://127.0.0.1:{}/road\"]\n[sink.mqtt]\n\
         outbox_folder = \"outbox\"\nversion = \"{version}\"\nkeep_alive_s = 5\nconnect_timeout_s = 2\n\
         backoff_ms = 100\nbackoff_max_ms = 500\n",
        broker.port()
    );
    context.program.configure(&scene, &settings)?;
    let mut command = context.program.watch(&scene, "pictures:list.txt");
    let mut run = Running::start(&scene, command.args(["--rate", RATE]))?;
    std::thread::sleep(BAD);
    broker.mend();
    let taken_before = broker.taken().len();
    let status = run.wait(LIMIT)?;
    let said = run.said();
    let sink = broker_sink(&run.summary());
    let taken = broker.taken();
    let on_disk = outbox(&scene.path("outbox"));
    let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
    if sink.received == 0 {
        failures.push(format!("no alert was received: {said}"));
    }
    if sink.delivered + sink.buffered + sink.lost != sink.received {
        failures.push(format!("the counters do not add up: {sink:?}"));
    }
    // Segments go as a whole: acknowledged lines may still be on disk.
    if sink.buffered > on_disk.lines {
        failures.push(format!("{} wait, {} on disk", sink.buffered, on_disk.lines));
    }
    if sink.delivered > taken.len() as u64 {
        failures.push(format!("{sink:?}, but the broker took {}", taken.len()));
    }
    let nowhere = sink
        .received
        .saturating_sub(taken.union(&on_disk.whole).count() as u64 + sink.lost);
    if nowhere > 0 {
        failures.push(format!("{nowhere} alerts are nowhere: {sink:?}"));
    }
    // A broker that takes no such alert keeps its connection, and each alert is counted.
    if taken.len() == taken_before && sink.lost == 0 {
        failures.push(format!(
            "nothing came once the broker was good: {sink:?}; {said}"
        ));
    }
    if status.code() != Some(if sink.lost > 0 { 2 } else { 0 }) {
        failures.push(format!("{status}, {} lost", sink.lost));
    }
    if let Ok(mut result) = result.lock() {
        result.add(&format!("{conduct:?} with MQTT {version}"), &failures);
        result.alerts += sink.received;
        result.lost_counted += sink.lost;
        result.lost_uncounted += nowhere;
    }
    Ok(())
}
