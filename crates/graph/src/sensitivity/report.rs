//! Sensitivity report, as a table and as JSON.

use super::bench::BlockMetrics;
use crate::calibrate::RangeMethod;
use crate::quantize::RestPrecision;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What becomes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockDecision {
    /// It becomes INT8.
    Int8,
    /// It costs too much and keeps the higher precision.
    Costly,
    /// It keeps the higher precision because the user asked for it.
    Asked,
}

/// A block and what INT8 does to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SensitivityRow {
    /// Its name.
    pub block: String,
    /// Layers in it that can be INT8.
    pub layers: usize,
    /// Their part of the graph's MACs, fraction.
    pub mac_share: f64,
    /// Signal to noise of its worst layer when it alone is INT8, dB; none without noise.
    pub sqnr_db: Option<f64>,
    /// AuPRC that it costs when it alone is INT8, absolute.
    pub auprc_drop: f64,
    /// FPR95 that it adds when it alone is INT8, absolute.
    pub fpr95_rise: f64,
    /// What becomes of it.
    pub decision: BlockDecision,
}

/// What INT8 costs a model, and which blocks get it.
#[derive(Clone, Debug, Serialize)]
pub struct SensitivityReport {
    /// SHA-256 of the float32 graph.
    pub graph_sha256: String,
    /// The data set.
    pub dataset: PathBuf,
    /// Pictures measured.
    pub images: usize,
    /// Pictures left out, and why.
    pub skipped: Vec<String>,
    /// How ranges were chosen.
    pub method: RangeMethod,
    /// Precision of what is not INT8.
    #[serde(serialize_with = "rest_name")]
    pub rest: RestPrecision,
    /// AuPRC that INT8 may cost, absolute.
    pub max_drop: f64,
    /// The float32 model.
    pub float: BlockMetrics,
    /// All blocks in INT8, but those that the user kept out.
    pub all: BlockMetrics,
    /// The blocks of the decision in INT8.
    pub chosen: BlockMetrics,
    /// Blocks that keep the higher precision.
    pub out: BTreeSet<String>,
    /// Every block, in running order.
    pub rows: Vec<SensitivityRow>,
}

// The shape that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn rest_name<S: Serializer>(rest: &RestPrecision, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(rest.name())
}

impl SensitivityReport {
    /// AuPRC that the decision costs, absolute.
    pub fn drop(&self) -> f64 {
        self.float.auprc - self.chosen.auprc
    }

    /// Whether the decision costs no more than allowed.
    pub fn is_met(&self) -> bool {
        self.drop() <= self.max_drop
    }

    /// Part of the graph's MACs that becomes INT8, fraction.
    pub fn int8_mac_share(&self) -> f64 {
        let rows = self
            .rows
            .iter()
            .filter(|r| r.decision == BlockDecision::Int8);
        // A sum of nothing is −0, which reads badly.
        rows.map(|r| r.mac_share).sum::<f64>() + 0.0
    }

    /// The result as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::from("# INT8, judged by the task\n\n");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "Data set `{}`, {} pictures; ranges by {}; graph `{}`.\n\n\
             Allowed drop of AuPRC: {:.4}. The decision drops {:.4}: {}.\n\n\
             | model | AuPRC | FPR95 |\n|---|---:|---:|",
            self.dataset
                .file_name()
                .unwrap_or_default()
                .to_string_lossy(),
            self.images,
            self.method,
            self.graph_sha256.get(..12).unwrap_or_default(),
            self.max_drop,
            self.drop(),
            if self.is_met() { "met" } else { "not met" },
        );
        let measured = [("float32", self.float), ("all blocks INT8", self.all)];
        for (name, m) in measured.into_iter().chain([("decision", self.chosen)]) {
            let _ = writeln!(text, "| {name} | {:.4} | {:.4} |", m.auprc, m.fpr95);
        }
        text += "\n| block | layers | MACs | SQNR, dB | AuPRC drop | FPR95 rise | decision |\n\
                 |---|---:|---:|---:|---:|---:|---|\n";
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {} | {:.1} % | {} | {:+.4} | {:+.4} | {} |",
                row.block,
                row.layers,
                100.0 * row.mac_share,
                row.sqnr_db.map_or("–".into(), |db| format!("{db:.1}")),
                row.auprc_drop,
                row.fpr95_rise,
                self.describe(row.decision),
            );
        }
        for left_out in &self.skipped {
            let _ = writeln!(text, "\nLeft out: {left_out}");
        }
        text
    }

    /// A decision in words.
    pub(super) fn describe(&self, decision: BlockDecision) -> String {
        match decision {
            BlockDecision::Int8 => "INT8".to_owned(),
            BlockDecision::Costly => self.rest.name().to_owned(),
            BlockDecision::Asked => format!("{} (asked)", self.rest.name()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::sensitivity) fn example() -> SensitivityReport {
        let row = |block: &str, drop, decision| SensitivityRow {
            block: block.into(),
            layers: 2,
            mac_share: 0.25,
            sqnr_db: Some(31.25),
            auprc_drop: drop,
            fpr95_rise: -0.001,
            decision,
        };
        let metrics = |auprc| BlockMetrics { auprc, fpr95: 0.3 };
        SensitivityReport {
            graph_sha256: "ab".repeat(32),
            dataset: "data/road_anomaly".into(),
            images: 60,
            skipped: vec!["x: the file is empty".into()],
            method: RangeMethod::Entropy,
            rest: RestPrecision::Fp16,
            max_drop: 0.01,
            float: metrics(0.5),
            all: metrics(0.45),
            chosen: metrics(0.495),
            out: ["b".to_owned(), "c".to_owned()].into(),
            rows: vec![
                row("a", -0.002, BlockDecision::Int8),
                row("b", 0.04, BlockDecision::Costly),
                row("c", 0.0, BlockDecision::Asked),
            ],
        }
    }

    #[test]
    fn the_table_says_what_was_measured_and_decided() {
        let verdict = example();
        assert!(verdict.is_met());
        assert!((verdict.int8_mac_share() - 0.25).abs() < 1e-12);
        let text = verdict.to_markdown();
        for said in [
            "`road_anomaly`, 60 pictures",
            "drops 0.0050: met",
            "| all blocks INT8 | 0.4500 | 0.3000 |",
            "| a | 2 | 25.0 % | 31.2 | -0.0020 | -0.0010 | INT8 |",
            "| +0.0400 | -0.0010 | FP16 |",
            "FP16 (asked)",
            "Left out: x: the file is empty",
        ] {
            assert!(text.contains(said), "{said} is not in {text}");
        }
        let json: serde_json::Value = serde_json::to_value(&verdict).unwrap();
        assert_eq!(json["rows"][1]["decision"], "costly");
        assert_eq!(json["rest"], "FP16");
    }

    #[test]
    fn a_drop_beyond_what_is_allowed_is_not_met() {
        let mut verdict = example();
        verdict.chosen.auprc = 0.4;
        assert!(!verdict.is_met());
        assert!(verdict.to_markdown().contains("drops 0.1000: not met"));
    }
}
