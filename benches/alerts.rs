//! What is found and what is falsely reported on the synthetic drive, at several thresholds at once:
//! `cargo bench --bench alerts -- [--seeds 101-120] [--frames 150] [--model FILE]`.
//!
//! The rules are those of `unmask run`; the shipped threshold is marked.

use std::error::Error;
use std::path::PathBuf;
use unmask_alert::{AlertBuilder, AlertDecider, AlertEvaluator, AlertSettings, EngineId};
use unmask_drive::Drive;
use unmask_drive::GroundTruth;
use unmask_engine::{Engine, EngineOptions};
use unmask_frame::{FrameMetadata, MonotonicTime};

/// Objects larger than this must be found, px of the picture.
const LEAST_PX: u32 = 400;
const RATE_HZ: f64 = 10.0;
const PERIOD_NS: u64 = 100_000_000;

struct Args {
    seeds: (u64, u64),
    frames: u64,
    model: PathBuf,
}

fn args() -> Result<Args, Box<dyn Error>> {
    let mut args = Args {
        seeds: (101, 120),
        frames: 150,
        model: "engines/unmask-small.onnx".into(),
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(key) = words.next() {
        let value = words.next().ok_or(format!("{key} needs a value"))?;
        match key.as_str() {
            "--seeds" => {
                let (first, last) = value.split_once('-').ok_or("--seeds is FIRST-LAST")?;
                args.seeds = (first.parse()?, last.parse()?);
            }
            "--frames" => args.frames = value.parse()?,
            "--model" => args.model = value.into(),
            _ => return Err(format!("no option {key}").into()),
        }
    }
    Ok(args)
}

/// Place of the model's own threshold among those tried.
const OWN: usize = 4;

/// Found, to be found, falsely reported.
type Sum = [usize; 3];

fn main() -> Result<(), Box<dyn Error>> {
    let args = args()?;
    let mut engine = Engine::open(&args.model, EngineOptions::default())?;
    let own = engine.model_metadata().threshold.unwrap_or(0.5);
    let road = engine.model_metadata().road.clone();
    let thresholds: Vec<f32> = (-4..=1).map(|i| own + 0.05 * i as f32).collect();
    let mut sums: Vec<Sum> = vec![[0; 3]; thresholds.len()];
    for seed in args.seeds.0..=args.seeds.1 {
        let drive = Drive::new(unmask_drive::DriveSettings {
            seed,
            rate_hz: RATE_HZ,
            ..Default::default()
        })?;
        let mut watches = thresholds
            .iter()
            .map(|&t| Watch::new(t, &road))
            .collect::<Result<Vec<_>, _>>()?;
        for frame in 0..args.frames {
            let scene = drive.scene(frame);
            let scored = engine.score_at_mask_size(&scene.picture, true)?;
            let truth = GroundTruth {
                instances: scene.instances,
                objects: scene.objects,
            };
            for watch in &mut watches {
                watch.step(frame, &scored, &truth);
            }
        }
        for (watch, sum) in watches.iter().zip(&mut sums) {
            let verdict = watch.evaluator.evaluation(RATE_HZ);
            sum[0] += verdict.found;
            sum[1] += verdict.objects.len();
            sum[2] += verdict.false_alerts;
        }
        let [found, objects, false_alerts] = sums[OWN];
        eprintln!("seed {seed}: so far {found} of {objects}, {false_alerts} false");
    }
    let seeds = args.seeds.1.saturating_sub(args.seeds.0) + 1;
    let minutes = (seeds * args.frames) as f64 / RATE_HZ / 60.0;
    println!("{seeds} drives, {minutes:.1} minutes; objects over {LEAST_PX} px");
    println!("threshold  found       false alerts  a minute");
    for (i, (t, [found, objects, false_alerts])) in thresholds.iter().zip(sums).enumerate() {
        let share = 100.0 * found as f64 / objects.max(1) as f64;
        let rate = false_alerts as f64 / minutes;
        let mark = if i == OWN { "  as shipped" } else { "" };
        println!(
            "{t:.2}  {found:>3} of {objects:<3} {share:5.1} %  {false_alerts:>5}  {rate:9.2}{mark}"
        );
    }
    Ok(())
}

/// One threshold with its decisions and what they come to.
struct Watch {
    decider: AlertDecider,
    evaluator: AlertEvaluator,
    author: AlertBuilder,
}

impl Watch {
    fn new(threshold: f32, road: &[usize]) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            decider: AlertDecider::new(AlertSettings::video(threshold), road)?,
            evaluator: AlertEvaluator::new(LEAST_PX),
            author: AlertBuilder::new(EngineId {
                name: "cpu".into(),
                precision: "fp32".into(),
                hash: "".into(),
            }),
        })
    }

    fn step(&mut self, frame: u64, scored: &unmask_score::ScoredFrame, truth: &GroundTruth) {
        let captured = MonotonicTime(frame * PERIOD_NS);
        let metadata = FrameMetadata {
            frame,
            captured,
            age_known: true,
            captured_unix_ns: i128::from(captured.0),
            budget_ns: PERIOD_NS,
            source: "bench".into(),
            name: None,
        };
        let mut events = Vec::new();
        let picture = truth.instances.size();
        self.decider
            .step(scored, picture, metadata.captured_unix_ns, &mut events);
        let alerts: Vec<_> = events
            .iter()
            .map(|(event, track)| self.author.track_alert(*event, track, &metadata, captured))
            .collect();
        self.evaluator.add(frame, truth, &alerts);
    }
}
