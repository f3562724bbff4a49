//! Every frame that arrives ends exactly once, whatever the load and the settings.

use super::SuiteContext;
use super::account::file_sink;
use super::program::{LIMIT, Running, unexpected_end};
use super::scene::{PICTURES, Scene};
use super::suite::SuiteResult;
use std::fs;

const RUNS: u64 = 30;
const FRAMES: u64 = 320;

/// Numbers from a seed (splitmix64): the same cases on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    let mut dice = Dice(12);
    let [mut arrived, mut served, mut dropped, mut bad] = [0; 4];
    for number in 0..RUNS {
        let scene = Scene::new()?;
        let speed = [1, 10, 40, 200][dice.roll(4) as usize];
        // Of a recording that comes as fast as it was taken only a part is waited for.
        let frames = if speed == 1 { 40 } else { FRAMES };
        scene.recording("drive", frames, speed)?;
        let damaged = dice.roll(4);
        for _ in 0..damaged {
            let picture = scene.path(&format!("drive/{:02}.png", dice.roll(PICTURES)));
            let length = fs::metadata(&picture)?.len();
            let file = fs::OpenOptions::new().write(true).open(&picture)?;
            file.set_len(dice.roll(length))?;
        }
        let ladder = match dice.roll(2) {
            0 => "",
            _ => "[ladder]\nwindow = 8\n[[ladder.steps]]\nname = \"half\"\nevery = 2\n",
        };
        let budget_ms = [1, 20, 60_000][dice.roll(3) as usize];
        let settings = format!("[sink]\nalerts = [\"a.jsonl\"]\n{ladder}");
        context.program.configure(&scene, &settings)?;
        let mut command = context.program.watch(&scene, "recording:drive");
        command.args(["--budget-ms", &budget_ms.to_string()]);
        let mut run = Running::start(&scene, &mut command)?;
        let status = run.wait(LIMIT)?;
        let (said, summary) = (run.said(), run.summary());
        let count = |key: &str| summary[key].as_u64().unwrap_or(0);
        let parts = ["frames", "dropped_frames", "bad_frames"].map(count);
        let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
        if parts.iter().sum::<u64>() != frames {
            failures.push(format!("{frames} frames, {parts:?}: {said}"));
        }
        let sink = file_sink(&summary);
        if sink.received != count("alerts") || sink.delivered + sink.lost != sink.received {
            failures.push(format!("{} alerts, {sink:?}", count("alerts")));
        }
        if (parts[2] > 0) != (status.code() == Some(2)) {
            failures.push(format!("{status} with {} bad frames", parts[2]));
        }
        let case = format!(
            "run {number}: {speed} times as fast, budget {budget_ms} ms, {damaged} damaged pictures"
        );
        result.add(&case, &failures);
        result.alerts += sink.received;
        arrived += frames;
        served += parts[0];
        dropped += parts[1];
        bad += parts[2];
    }
    result.figures.push(format!(
        "{arrived} frames arrived = {served} served + {dropped} dropped + {bad} bad"
    ));
    Ok(result)
}
