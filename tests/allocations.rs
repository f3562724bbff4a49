//! Allocations per frame outside the engine: none after warm-up.

mod common;

use allocation_counter::measure;
use common::{model, put};
use std::time::Duration;
use unmask::budget::policy::{Admission, DeadlinePolicy};
use unmask::budget::{FrameStage, LatencyStats};
use unmask::pipeline;
use unmask::sink::{JsonLines, SinkFanout};
use unmask::source::{OpenSource, RunPace, SourceUri};
use unmask_alert::{AlertDecider, AlertEvent, AlertSettings, FilterRules};
use unmask_engine::{Engine, EngineOptions};
use unmask_frame::{LabelMap, MonotonicTime, ScoreMap, Size};
use unmask_score::ScoredFrame;

const GRID: Size = Size::new(128, 64);
const PICTURE: Size = Size::new(640, 360);
const FRAMES: u64 = 1000;

/// Noise over a road, and a thing that sways on it.
fn frame(number: u64) -> ScoredFrame {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut score = ScoreMap::filled(GRID, 0.0);
    for cell in score.data_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *cell = (state >> 40) as f32 / (1u64 << 24) as f32 * 0.74;
    }
    let left = 50 + (number % 8) as usize;
    for y in 40..48 {
        score.data_mut()[y * GRID.w + left..][..8].fill(0.95);
    }
    let mut classes = LabelMap::filled(GRID, 1);
    classes.data_mut()[30 * GRID.w..].fill(0);
    ScoredFrame {
        score,
        classes,
        qualified: 0,
    }
}

#[test]
fn a_thousand_frames_allocate_nothing_outside_the_engine() {
    let settings = AlertSettings {
        rules: FilterRules::NONE,
        ..AlertSettings::video(0.75)
    };
    let mut decider = AlertDecider::new(settings, &[0]).unwrap();
    let mut policy = DeadlinePolicy::new(Default::default());
    let mut ledger = LatencyStats::new(Duration::from_millis(100), true);
    let mut events = Vec::with_capacity(256);
    let (mut begun, mut updates) = (0, 0);
    // The frames are made beforehand, as an engine would: its maps are its own.
    let frames: Vec<ScoredFrame> = (0..64).map(frame).collect();
    let mut watch = |number: u64| {
        let scored = &frames[(number % 64) as usize];
        let now = MonotonicTime(number * 33_000_000);
        let deadline = now.after(Duration::from_millis(100));
        let admission = policy.admit(now, deadline);
        assert_ne!(admission, Admission::Drop);
        decider.step(scored, PICTURE, i128::from(now.0), &mut events);
        for (event, _) in events.drain(..) {
            begun += u64::from(event == AlertEvent::Begin);
            updates += u64::from(event == AlertEvent::Update);
        }
        let done = now.after(Duration::from_millis(20));
        policy.finished(admission, now, done, deadline);
        ledger.add(FrameStage::Decide, Duration::from_micros(number));
        ledger.finish_frame(Duration::from_millis(20));
    };
    (0..200).for_each(&mut watch);
    let counted = measure(|| (200..200 + FRAMES).for_each(&mut watch));
    println!("{} allocations in {FRAMES} frames", counted.count_total);
    assert!(updates >= FRAMES, "the object was tracked: {updates}");
    assert_eq!(begun, 1, "one id was made, in the warm-up");
    assert_eq!(counted.count_total, 0);
}

/// The thread that runs the pipeline takes frames from the camera's thread, hands them to the
/// engine's and does all the rest itself.
#[test]
fn the_thread_of_the_pipeline_allocates_only_to_hand_frames_over() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("calm.png"), false);
    let list = folder.path().join("list.txt");
    let mut engine = Engine::open(&model("mask.onnx"), EngineOptions { threads: 1 }).unwrap();
    let mut run = |frames: usize| {
        std::fs::write(&list, "calm.png\n".repeat(frames)).unwrap();
        let camera = OpenSource::open(&SourceUri::Pictures(list.clone()), 10.0).unwrap();
        let settings = pipeline::PipelineSettings {
            source: "test".into(),
            frames: None,
            pace: RunPace::Offline,
            budget: Duration::from_secs(10),
            refine: true,
            decide: AlertSettings::video(0.75),
            warm_up: 0,
            longest: None,
            degrade: None,
            realtime: Default::default(),
            board: Default::default(),
            stop: Default::default(),
        };
        let mut sinks =
            SinkFanout::from(JsonLines::to_writer("nowhere", Box::new(std::io::sink())));
        let mut served = 0;
        let counted = measure(|| {
            let ran = pipeline::run(
                &mut engine,
                camera,
                &settings,
                &mut sinks,
                None,
                &mut |_| {},
            );
            served = ran.unwrap().ledger.frames();
        });
        assert_eq!(served, frames as u64);
        counted.count_total
    };
    let (short, long) = (run(200), run(200 + FRAMES as usize));
    let more = long.saturating_sub(short);
    println!("{more} allocations in {FRAMES} frames to hand them over");
    // The queue to the engine's threads takes a block for some dozens of frames.
    assert!(more <= FRAMES / 16, "{more}");
}
