//! How long it takes from a signal to the end, whatever is waited for.

use super::SuiteContext;
use super::broker::{Broker, Conduct};
use super::program::{LIMIT, Running};
use super::scene::Scene;
use super::suite::SuiteResult;
use anyhow::ensure;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// What is promised.
const PROMISE: Duration = Duration::from_secs(2);
/// A subcommand without anything to show that it is under way is given so long.
const UNDER_WAY: Duration = Duration::from_millis(2500);

/// What a subcommand waits for.
#[derive(Clone, Copy, Debug)]
enum Waits {
    /// The next frame comes in 50 s.
    NextFrame,
    /// For nothing: frames come fast.
    Busy,
    Source,
    DeadBroker,
    SilentBroker,
    /// A broker that acknowledges nothing.
    BrokerWithoutAcks,
    /// A pipe that nobody reads stands for a disk that does not answer.
    Drawing,
    Record,
    Score,
    Thresholds,
    Profile,
}

const ALL: [Waits; 11] = [
    Waits::NextFrame,
    Waits::Busy,
    Waits::Source,
    Waits::DeadBroker,
    Waits::SilentBroker,
    Waits::BrokerWithoutAcks,
    Waits::Drawing,
    Waits::Record,
    Waits::Score,
    Waits::Thresholds,
    Waits::Profile,
];

const SIGNALS: [(&str, Signal, i32); 3] = [
    ("TERM", Signal::TERM, 15),
    ("INT", Signal::INT, 2),
    ("HUP", Signal::HUP, 1),
];

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    let mut times = Vec::new();
    for waits in ALL {
        for signal in SIGNALS {
            times.push(try_one(context, waits, signal, &mut result)?);
        }
    }
    times.sort_unstable();
    let ms = |time: Duration| time.as_millis();
    result.figures.push(format!(
        "signal to exit: p50 {} ms, p100 {} ms",
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1])
    ));
    Ok(result)
}

fn try_one(
    context: &SuiteContext,
    waits: Waits,
    (name, signal, number): (&str, Signal, i32),
    result: &mut SuiteResult,
) -> anyhow::Result<Duration> {
    let scene = Scene::new()?;
    scene.list("list.txt", 20_000)?;
    let conduct = match waits {
        Waits::SilentBroker => Conduct::Silent,
        _ => Conduct::NoAcks,
    };
    let broker = Broker::start(conduct)?;
    let port = match waits {
        Waits::DeadBroker => 1,
        _ => broker.port(),
    };
    let place = match waits {
        Waits::DeadBroker | Waits::SilentBroker | Waits::BrokerWithoutAcks => {
            format!("mqtt://127.0.0.1:{port}/road")
        }
        _ => "a.jsonl".to_string(),
    };
    context.program.configure(
        &scene,
        &format!("[sink]\nalerts = [\"{place}\"]\n[sink.mqtt]\noutbox_folder = \"outbox\"\n"),
    )?;
    let mut command = command(context, &scene, waits)?;
    let mut run = Running::start(&scene, &mut command)?;
    std::thread::sleep(UNDER_WAY);
    let mut failures = Vec::new();
    if !run.is_running() {
        failures.push(format!("it ended before the signal: {}", run.said()));
    }
    run.send(signal);
    let start = Instant::now();
    let status = run.wait(LIMIT)?;
    let took = start.elapsed();
    if took > PROMISE {
        failures.push(format!("it took {} ms", took.as_millis()));
    }
    // A run ends by itself; what has nothing to finish ends as by the signal; a disk that does not
    // answer is reported.
    let expected = match waits {
        Waits::Drawing => status.code() == Some(1) && run.said().contains("did not answer"),
        Waits::Score | Waits::Thresholds | Waits::Profile | Waits::Record => {
            status.signal() == Some(number) || status.code() == Some(0)
        }
        _ => status.code() == Some(0),
    };
    if !expected {
        failures.push(format!("{status}: {}", run.said()));
    }
    if matches!(waits, Waits::Busy) {
        failures.extend(open_alerts(&scene));
    }
    result.add(&format!("{waits:?}, {name}"), &failures);
    Ok(took)
}

/// Whatever began has ended.
fn open_alerts(scene: &Scene) -> Option<String> {
    let text = std::fs::read_to_string(scene.path("a.jsonl")).unwrap_or_default();
    let with = |event: &str| text.matches(&format!("\"event\":\"{event}\"")).count();
    let (begun, ended) = (with("begin"), with("end"));
    (begun != ended || begun == 0).then(|| format!("{begun} began, {ended} ended"))
}

fn command(context: &SuiteContext, scene: &Scene, waits: Waits) -> anyhow::Result<Command> {
    let program = &context.program;
    let model = program.model().to_string_lossy().into_owned();
    let other = |args: &[&str]| {
        let mut command = Command::new(program.file());
        command.args(args).current_dir(scene.folder());
        command
    };
    let watch = |source: &str, args: &[&str]| {
        let mut command = program.watch(scene, source);
        command.args(args);
        command
    };
    Ok(match waits {
        Waits::NextFrame => watch("pictures:list.txt", &["--rate", "0.02"]),
        Waits::Busy | Waits::DeadBroker | Waits::SilentBroker | Waits::BrokerWithoutAcks => {
            watch("pictures:list.txt", &["--rate", "50"])
        }
        Waits::Source => watch("pictures:gone", &["--wait"]),
        Waits::Drawing => {
            let folder = scene.path("drawn");
            std::fs::create_dir(&folder)?;
            let made = Command::new("mkfifo")
                .arg(folder.join("000000.png"))
                .status()?;
            ensure!(made.success(), "mkfifo failed");
            watch("synthetic:1", &["--rate", "0.02", "--overlays", "drawn"])
        }
        Waits::Record => other(&[
            "record",
            "--source",
            "pictures:list.txt",
            "--rate",
            "1",
            "--realtime",
            "--out",
            "recorded",
        ]),
        Waits::Score => {
            // Enough for longer than it is watched.
            scene.pictures("many")?;
            for number in 0..20_000 {
                let (from, to) = (scene.path("many/00.png"), format!("many/{number:06}.png"));
                std::fs::hard_link(from, scene.path(&to))?;
            }
            other(&[
                "score", "--model", &model, "--images", "many", "--out", "maps",
            ])
        }
        Waits::Thresholds => other(&[
            "thresholds",
            "--model",
            &model,
            "--frames",
            "list.txt",
            "--false-alarms-per-hour",
            "1",
        ]),
        Waits::Profile => other(&[
            "profile",
            "--model",
            &model,
            "--source",
            "pictures:list.txt",
            "--realtime",
            "--rate",
            "1",
        ]),
    })
}
