//! Sensitivity to INT8 by block: AuPRC and FPR95 of anomalies.
//!
//! [`measure_sensitivity`] measures the float32 model, then each block in INT8 alone, then all together; while
//! that costs more than allowed, the block that costs most goes back to higher precision.

mod bench;
mod plot;
mod report;

pub use bench::BlockMetrics;
pub use report::{BlockDecision, SensitivityReport, SensitivityRow};

use super::calibrate::{Calibration, TensorProbe};
use super::quantize::{
    BlockSet, QuantizeError, QuantizeGraph, QuantizePlan, QuantizedLayer, RestPrecision,
    add_outputs, rewrite,
};
use bench::EvaluationBench;
use rten_tensor::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use unmask_eval::LabelRules;
use unmask_frame::read_picture;
use unmask_model::ModelMetadata;
use unmask_onnx::messages::ModelProto;

/// Pictures whose values are compared for the signal-to-noise ratio of a block.
const SQNR_PICTURES: usize = 2;

/// How to judge.
#[derive(Clone, Debug)]
pub struct SensitivityOptions {
    /// AuPRC that INT8 may cost, absolute.
    pub max_drop: f64,
    /// Precision of what is not INT8.
    pub rest: RestPrecision,
    /// Blocks that stay out of INT8 whatever they cost.
    pub keep: BTreeSet<String>,
    /// Meaning of the label values.
    pub rules: LabelRules,
    /// Apply mask refinement.
    pub refine: bool,
    /// Threads to compute with; 0 = all that this process may use.
    pub threads: usize,
}

/// Finds the blocks of `net` that INT8 does not hurt. `model` is the file of `net`: metadata that lie
/// next to it are used. `dataset` has the layout of `unmask eval --dataset`. `progress` receives what
/// is measured next, how many measurements are done and how many there will be at least.
///
/// # Errors
/// A data set that cannot be used; what [`rewrite`] and the engine refuse.
pub fn measure_sensitivity(
    net: &QuantizeGraph,
    calibration: &Calibration,
    model: &Path,
    metadata: &ModelMetadata,
    dataset: &Path,
    options: &SensitivityOptions,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<SensitivityReport, QuantizeError> {
    let plan = QuantizePlan::new(net);
    let blocks = plan.blocks();
    let mut total = blocks.len() + 2;
    let mut done = 0;
    let mut tell = |what: &str, total: usize| {
        progress(what, done, total);
        done += 1;
    };
    let write = |blocks: &BlockSet| -> Result<ModelProto, QuantizeError> {
        Ok(rewrite(net, &plan, blocks, Some(calibration), options.rest)?.model)
    };

    tell("float32", total);
    let original = net.model_with(net.graph().clone());
    let mut bench = EvaluationBench::open(model, dataset, options)?;
    let float = bench.measure(&original)?;
    let mut rows = Vec::with_capacity(blocks.len());
    for &(block, macs) in &blocks {
        tell(block, total);
        let alone = write(&BlockSet::Only([block.to_owned()].into()))?;
        let metrics = bench.measure(&alone)?;
        let layers: Vec<&QuantizedLayer> =
            plan.layers.iter().filter(|l| l.block == block).collect();
        let kept = options.keep.contains(block);
        rows.push(SensitivityRow {
            block: block.to_owned(),
            layers: layers.len(),
            mac_share: macs as f64 / plan.macs.max(1) as f64,
            sqnr_db: sqnr_db(net, alone, &layers, metadata, &bench, options.threads)?,
            auprc_drop: float.auprc - metrics.auprc,
            fpr95_rise: metrics.fpr95 - float.fpr95,
            decision: if kept {
                BlockDecision::Asked
            } else {
                BlockDecision::Int8
            },
        });
    }
    tell("all blocks", total);
    let mut out = options.keep.clone();
    let all = bench.measure(&write(&BlockSet::AllBut(out.clone()))?)?;
    let mut chosen = all;
    while float.auprc - chosen.auprc > options.max_drop {
        let left = rows
            .iter_mut()
            .filter(|r| r.decision == BlockDecision::Int8);
        let Some(worst) = left.max_by(|a, b| a.auprc_drop.total_cmp(&b.auprc_drop)) else {
            break;
        };
        worst.decision = BlockDecision::Costly;
        out.insert(worst.block.clone());
        total += 1;
        tell(&format!("all but {}", worst.block), total);
        chosen = bench.measure(&write(&BlockSet::AllBut(out.clone()))?)?;
    }
    Ok(SensitivityReport {
        graph_sha256: net.hash().to_owned(),
        dataset: dataset.to_owned(),
        images: bench.images(),
        skipped: bench.skipped().to_vec(),
        method: calibration.method,
        rest: options.rest,
        max_drop: options.max_drop,
        float,
        all,
        chosen,
        out,
        rows,
    })
}

/// The worst signal-to-noise ratio of the block's layers when it alone is INT8, dB.
fn sqnr_db(
    net: &QuantizeGraph,
    mut alone: ModelProto,
    layers: &[&QuantizedLayer],
    metadata: &ModelMetadata,
    bench: &EvaluationBench,
    threads: usize,
) -> Result<Option<f64>, QuantizeError> {
    let names: Vec<&str> = layers.iter().map(|l| l.output.as_str()).collect();
    if let Some(graph) = &mut alone.graph {
        add_outputs(graph, names.iter().copied(), |name| {
            net.tensor_type(name).cloned()
        });
    }
    let bytes = net.with_outputs(names.iter().copied());
    let mut clean = TensorProbe::open(bytes, &names, metadata, threads)?;
    let mut noisy = TensorProbe::open(alone.to_bytes(), &names, metadata, threads)?;
    let mut sums = vec![(0f64, 0f64); names.len()];
    for path in bench.pictures().take(SQNR_PICTURES) {
        let picture = read_picture(path).map_err(|what| QuantizeError::Frame {
            frame: path.to_owned(),
            what,
        })?;
        let want = clean.run(&picture, |values| values)?;
        let have = noisy.run(&picture, |values| values)?;
        for ((signal, noise), (want, have)) in sums.iter_mut().zip(want.iter().zip(&have)) {
            for (&w, &h) in want.iter().zip(have.iter()) {
                *signal += f64::from(w).powi(2);
                *noise += (f64::from(w) - f64::from(h)).powi(2);
            }
        }
    }
    let each = sums.iter().filter(|(s, n)| *s > 0.0 && *n > 0.0);
    Ok(each.map(|(s, n)| 10.0 * (s / n).log10()).reduce(f64::min))
}
