//! A profile: what was measured, as JSON and as a table.

use crate::budget::{DropReason, FrameStage, LatencyPercentiles};
use crate::health::limits::{limits, title};
use crate::health::power::HostPower;
use crate::runner::FinishedRun;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use unmask_frame::without_bom;

/// Bars of the histogram of ages.
const BINS: usize = 48;

/// Name and version of the form.
const SCHEMA: &str = "unmask.profile/1";

/// A profile. All times in ms, over the measured frames only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ProfileReport {
    pub schema: String,
    pub source: String,
    pub model: String,
    pub engine: EngineFacts,
    pub realtime: bool,
    pub rate_hz: f64,
    /// Frames that arrived after the warm-up: on time, late, of unknown age or dropped.
    pub frames: u64,
    pub on_time: u64,
    pub late: u64,
    /// Frames of which nobody knows when they were captured.
    #[serde(default)]
    pub unknown_age: u64,
    /// By cause.
    pub dropped: BTreeMap<String, u64>,
    /// Late, or dropped because they would have been.
    pub misses: u64,
    pub bad: u64,
    pub warm_up: u64,
    pub budget_ms: f64,
    pub seconds: f64,
    pub frames_per_second: f64,
    /// Mean difference between the ages of one frame and the next.
    pub jitter_ms: f64,
    /// What the very first frame of the run took, from its admission to its alerts, ms.
    #[serde(default)]
    pub first_frame_ms: f64,
    /// What a frame took from its admission to its alerts, without its wait.
    #[serde(default)]
    pub work: LatencyPercentiles,
    /// What of that a frame spent outside the engine: the pipeline's own share.
    #[serde(default)]
    pub outside_engine: LatencyPercentiles,
    /// From capture to the writing of the alerts.
    pub age: LatencyPercentiles,
    pub stages: BTreeMap<String, LatencyPercentiles>,
    /// Share of the time outside the engine.
    pub outside_engine_share: f64,
    /// Upper bound in ms and number of frames.
    pub ages: Vec<(f64, u64)>,
    /// Time of each block of the network, measured apart; null where it was not.
    pub layers: Option<Vec<Layer>>,
    pub before: HostPower,
    /// Over the measured frames: means of clocks and loads, the highest temperatures.
    #[serde(default)]
    pub during: Option<HostPower>,
    pub after: HostPower,
    /// What limits the machine, in words.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// What computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EngineFacts {
    pub name: String,
    pub precision: String,
    pub threads: usize,
    pub hash: String,
    pub input_height: usize,
    pub input_width: usize,
}

/// A block of the network and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Layer {
    /// The block.
    pub name: String,
    /// Median over the passes, ms.
    pub ms: f64,
    /// Of the time of all blocks, 0 to 1.
    pub share: f64,
}

#[cfg(feature = "offline")]
impl From<unmask_graph::layers::LayerTime> for Layer {
    fn from(measured: unmask_graph::layers::LayerTime) -> Self {
        let unmask_graph::layers::LayerTime { name, ms, share } = measured;
        Self { name, ms, share }
    }
}

impl ProfileReport {
    /// The profile of a run that was made.
    pub fn of(
        finished: &FinishedRun,
        before: HostPower,
        during: Option<HostPower>,
        after: HostPower,
    ) -> Self {
        let (summary, metadata) = (finished.summary(), finished.metadata());
        let (realtime, rate_hz) = finished.pacing();
        let ledger = &summary.ledger;
        let dropped =
            DropReason::ALL.map(|cause| (cause.name().to_string(), ledger.dropped(cause)));
        let stages = FrameStage::ALL.map(|stage| (stage.name().to_string(), ledger.stage(stage)));
        let engine = finished.engine();
        Self {
            schema: SCHEMA.into(),
            source: finished.source().to_string(),
            model: finished.model().display().to_string(),
            engine: EngineFacts {
                name: engine.name.into(),
                precision: engine.precision.into(),
                threads: engine.threads,
                hash: metadata.sha256.clone(),
                input_height: metadata.input.h,
                input_width: metadata.input.w,
            },
            realtime,
            rate_hz,
            frames: ledger.frames() + ledger.all_dropped(),
            on_time: ledger.on_time(),
            late: ledger.misses(),
            unknown_age: ledger.unknown_age(),
            dropped: dropped.into_iter().collect(),
            misses: ledger.misses() + ledger.dropped(DropReason::TooLate),
            bad: summary.bad,
            warm_up: finished.warm_up_frames(),
            budget_ms: finished.budget_ms(),
            seconds: summary.took.as_secs_f64(),
            frames_per_second: ledger.frames() as f64 / summary.took.as_secs_f64().max(1e-9),
            jitter_ms: ledger.jitter_ms(),
            first_frame_ms: summary.first_frame.map_or(0.0, |t| t.as_secs_f64() * 1e3),
            work: ledger.work(),
            outside_engine: ledger.outside_engine(),
            age: ledger.age(),
            stages: stages.into_iter().collect(),
            outside_engine_share: ledger.outside_engine_share(),
            ages: ledger.age_histogram(BINS),
            layers: None,
            limits: limits(&before, during.as_ref().unwrap_or(&after)),
            before,
            during,
            after,
        }
    }

    /// Reads a profile that `--json` wrote.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = unmask_frame::read_regular_text(path, u64::MAX)
            .with_context(|| format!("cannot read the profile {}", path.display()))?;
        let profile: Self = serde_json::from_str(without_bom(&text)).with_context(|| {
            format!(
                "{} is no profile of this version; write one with `unmask profile --json`",
                path.display()
            )
        })?;
        Ok(profile)
    }

    /// The first frame, next to the others.
    pub fn first_frame(&self) -> String {
        let p99_ms = self.work.p99_ms;
        format!(
            "{:.2} ms of work, {:.2} of the p99 of all measured ({p99_ms:.2} ms)",
            self.first_frame_ms,
            self.first_frame_ms / p99_ms.max(1e-9)
        )
    }

    /// The time of all blocks together, ms; next to the engine's it shows what the cutting costs.
    pub fn layers_ms(&self) -> f64 {
        self.layers.iter().flatten().map(|layer| layer.ms).sum()
    }

    /// The stages in the order of a frame's way.
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, LatencyPercentiles)> {
        let named = |stage: FrameStage| (stage.name(), self.stages.get(stage.name()).copied());
        FrameStage::ALL
            .map(named)
            .into_iter()
            .filter_map(|(name, times)| Some((name, times?)))
    }

    /// The host before and after, one line per part.
    pub fn board(&self) -> Vec<(String, String)> {
        let (before, after) = (&self.before, &self.after);
        let mut lines = Vec::new();
        if let Some(model) = &after.model {
            lines.push(("board".to_string(), model.clone()));
        }
        if let Some(mode) = &after.power_mode {
            lines.push(("power mode".to_string(), mode.clone()));
        }
        for zone in &after.temperatures {
            let from = before.temperatures.iter().find(|z| z.name == zone.name);
            let from = from.map_or(String::new(), |z| format!("{:.1} → ", z.temperature_c));
            let near = if zone.is_near_limit() {
                ": close to its limit, the board slows down"
            } else {
                ""
            };
            lines.push((
                zone.name.clone(),
                format!("{from}{:.1} °C{near}", zone.temperature_c),
            ));
        }
        let during = self.during.as_ref().unwrap_or(after);
        for clock in &during.clocks {
            let load = during.loads.iter().find(|load| load.name == clock.name);
            let load = load.map_or(String::new(), |load| {
                format!(", busy {:.0} %", load.percent)
            });
            let text = format!("{:.0} of {:.0} MHz{load}", clock.mhz, clock.max_mhz);
            lines.push((clock.name.clone(), text));
        }
        if let (Some(now), Some(most)) = (after.memory_mib, after.peak_memory_mib) {
            let text = format!("{now:.0} MiB, at most {most:.0} MiB");
            lines.push(("memory".to_string(), text));
        }
        lines.extend(
            self.limits
                .iter()
                .map(|text| ("limit".into(), text.clone())),
        );
        lines
    }

    /// The board, its power mode and what limits it, in one line.
    pub fn machine(&self) -> String {
        let limits = match self.limits.as_slice() {
            [] => "no limit found".to_string(),
            all => all.join("; "),
        };
        format!("{}: {limits}", title(&self.after))
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing into a string cannot fail; the results are dropped for that reason.
        let _ = writeln!(
            out,
            "{} frames of {} ({} of warm-up not counted), {:.1} frames/s on the {}, {}, {} threads",
            self.frames,
            self.source,
            self.warm_up,
            self.frames_per_second,
            self.engine.name,
            self.engine.precision,
            self.engine.threads
        );
        let dropped: Vec<String> = self
            .dropped
            .iter()
            .map(|(cause, count)| format!("{cause} {count}"))
            .collect();
        let _ = writeln!(
            out,
            "budget {} ms: {} on time, {} late, dropped: {}",
            self.budget_ms,
            self.on_time,
            self.late,
            dropped.join(", ")
        );
        if self.unknown_age > 0 {
            let _ = writeln!(
                out,
                "{} frames are of unknown age: the source does not give their capture time",
                self.unknown_age
            );
        }
        let heads = ["p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"];
        let _ = write!(out, "{:<18}", "stage");
        heads.iter().for_each(|head| {
            let _ = write!(out, "{head:>10}");
        });
        out.push('\n');
        let mut line = |name: &str, p: LatencyPercentiles| {
            let _ = writeln!(
                out,
                "{name:<18}{:>10.2}{:>10.2}{:>10.2}{:>10.2}{:>10.2}",
                p.p50_ms, p.p90_ms, p.p99_ms, p.p999_ms, p.max_ms
            );
        };
        self.stages().for_each(|(name, times)| line(name, times));
        line("outside engine", self.outside_engine);
        line("capture to alert", self.age);
        let _ = writeln!(
            out,
            "jitter {:.2} ms; {:.1} % of the time outside the engine",
            self.jitter_ms,
            self.outside_engine_share * 100.0
        );
        let _ = writeln!(out, "{:<18}{}", "first frame", self.first_frame());
        for (name, text) in self.board() {
            let _ = writeln!(out, "{name:<18}{text}");
        }
        if let Some(layers) = &self.layers {
            let widest = layers.iter().map(|layer| layer.name.chars().count()).max();
            let width = widest.unwrap_or(0).max(17) + 1;
            let _ = writeln!(out, "{:<width$}{:>10}{:>9}", "block", "ms", "share");
            for Layer { name, ms, share } in layers {
                let percent = share * 100.0;
                let _ = writeln!(out, "{name:<width$}{ms:>10.2}{percent:>7.1} %");
            }
            let all_ms = self.layers_ms();
            let _ = writeln!(out, "{:<width$}{all_ms:>10.2}", "all, run apart");
        }
        out
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::health::thermal::ThermalZone;

    /// A profile whose engine takes `engine_ms`.
    pub fn profile(engine_ms: f64) -> ProfileReport {
        let times = |ms: f64| LatencyPercentiles {
            p50_ms: ms,
            p90_ms: ms + 1.0,
            p99_ms: ms + 2.0,
            p999_ms: ms + 3.0,
            max_ms: ms + 4.0,
        };
        let zone = |temperature_c| ThermalZone {
            name: "cpu-thermal".into(),
            temperature_c,
            limit_c: Some(97.0),
        };
        let board = |temperature_c| HostPower {
            temperatures: vec![zone(temperature_c)],
            memory_mib: Some(100.0),
            peak_memory_mib: Some(120.0),
            ..HostPower::default()
        };
        let stages = [("engine", engine_ms), ("decide", 0.2)];
        ProfileReport {
            schema: SCHEMA.into(),
            source: "synthetic:1".into(),
            model: "<m>.onnx".into(),
            engine: EngineFacts {
                name: "cpu".into(),
                precision: "fp32".into(),
                threads: 2,
                hash: "ab".into(),
                input_height: 256,
                input_width: 512,
            },
            realtime: true,
            rate_hz: 10.0,
            frames: 10,
            on_time: 6,
            late: 1,
            unknown_age: 0,
            dropped: [("overtaken".to_string(), 1), ("too_late".to_string(), 2)].into(),
            misses: 3,
            bad: 0,
            warm_up: 5,
            budget_ms: 100.0,
            seconds: 1.0,
            frames_per_second: 7.0,
            jitter_ms: 0.5,
            first_frame_ms: 45.0,
            work: times(engine_ms + 1.0),
            outside_engine: times(1.0),
            age: times(engine_ms + 5.0),
            stages: stages.map(|(n, ms)| (n.to_string(), times(ms))).into(),
            outside_engine_share: 0.05,
            ages: vec![(50.0, 6), (120.0, 1)],
            layers: Some(
                [("backbone <stem>", 0.75), ("heads", 0.25)]
                    .map(|(name, share)| Layer {
                        name: name.into(),
                        ms: engine_ms * share,
                        share,
                    })
                    .into(),
            ),
            before: board(50.0),
            during: None,
            limits: vec![],
            after: board(93.0),
        }
    }

    #[test]
    fn a_profile_reads_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        let written = profile(40.0);
        std::fs::write(&path, serde_json::to_string(&written).unwrap()).unwrap();
        assert_eq!(ProfileReport::read(&path).unwrap(), written);
        std::fs::write(&path, "{}").unwrap();
        let error = format!("{:#}", ProfileReport::read(&path).unwrap_err());
        assert!(
            error.contains("p.json") && error.contains("--json"),
            "{error}"
        );
        assert!(ProfileReport::read(&folder.path().join("none")).is_err());
    }

    #[test]
    fn the_table_tells_tails_drops_and_heat() {
        let said = profile(40.0).table();
        for part in [
            "6 on time, 1 late, dropped: overtaken 1, too_late 2",
            "p99.9 ms",
            "engine",
            "capture to alert",
            "50.0 → 93.0 °C: close to its limit",
            "first frame",
            "100 MiB, at most 120 MiB",
            "backbone <stem>        30.00   75.0 %",
            "all, run apart         40.00",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let without = ProfileReport {
            layers: None,
            unknown_age: 4,
            ..profile(40.0)
        };
        let table = without.table();
        assert!(!table.contains("block") && table.contains("4 frames are of unknown age"));
        assert!(!said.contains("unknown age"));
        // In the order of a frame's way, not of the alphabet.
        assert!(said.find("engine ").unwrap() < said.find("decide ").unwrap());
    }
}
