//! `unmask inspect`.

use super::failure::Printed;
use super::{ExitOutcome, model};
use anyhow::Context as _;
use std::path::PathBuf;
use unmask_frame::error_chain;
use unmask_frame::escape_control;
use unmask_graph::cost::{self, BlockCost, NodeCost};
use unmask_graph::export::write_file;
use unmask_graph::lint::{self, LintFinding};
use unmask_graph::surgery::{self, SurgeryReport};
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::memory::memory;
use unmask_onnx::read::{self, ReadLimits};

/// Arguments of `unmask inspect`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  unmask inspect\n  unmask inspect model.onnx\n  unmask inspect model.onnx \
                        --surgery --out lean.onnx\n  unmask inspect model.onnx --strict --json"
)]
pub struct InspectArgs {
    /// ONNX model [default: $UNMASK_MODEL, else the shipped one]
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Report what the exact surgery saves, pass by pass
    #[arg(long)]
    surgery: bool,
    /// Write the changed model here
    #[arg(long, value_name = "FILE", requires = "surgery")]
    out: Option<PathBuf>,
    /// Fail if TensorRT refuses the model or computes it wrongly
    #[arg(long)]
    strict: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<ExitOutcome> {
    let limits = ReadLimits::default();
    let path = &model::path(args.model.as_deref())?;
    let cannot = || format!("cannot inspect {}", path.display());
    let (mut proto, file_hash) = read::open_proto(path, &limits).with_context(cannot)?;
    let findings = lint::lint(&proto);
    let read = read::bring_weights_in(&mut proto, &file_hash, path.parent(), &limits)
        .and_then(|sha256| Ok((OnnxGraph::from_model(&proto, None, &limits)?, sha256)));
    let ((mut graph, facts), sha256) = match read {
        Ok(read) => read,
        Err(error) => {
            // What the lint says is often the reason.
            let error = anyhow::Error::new(error).context(cannot());
            if !args.json {
                print_findings(&findings);
                return Err(error);
            }
            let text = error_chain(error.as_ref());
            let object = serde_json::json!({
                "model": path, "error": text, "exit_code": 1, "findings": findings,
            });
            println!("{object}");
            return Err(Printed(text).into());
        }
    };
    let opset = read::opset(&proto).unwrap_or_default();
    drop(proto);
    let blocks = cost::blocks(&graph);
    let memory = memory(&graph);
    let report = match args.surgery {
        true => Some(surgery::run(&mut graph)?),
        false => None,
    };
    if let Some(out) = &args.out {
        write_file(out, &graph.to_model(&facts).to_bytes())?;
    }
    let bad = findings
        .iter()
        .filter(|f| f.severity != lint::LintSeverity::Risky);
    let bad = bad.count();
    let refused = (args.strict && bad > 0).then(|| {
        format!(
            "TensorRT refuses {} or computes it wrongly: {bad} findings, listed above",
            path.display()
        )
    });
    if args.json {
        let mut summary = serde_json::json!({
            "model": path,
            "sha256": sha256,
            "opset": opset,
            "blocks": blocks,
            "total": total(&blocks),
            "memory": {
                "peak_bytes": memory.peak_bytes,
                "constant_bytes": memory.constant_bytes,
            },
            "findings": findings,
            "surgery": report.as_ref().map(|r| serde_json::json!({
                "passes": r.passes,
                "macs_saved": r.macs_saved(),
                "blocks": cost::blocks(&graph),
            })),
            "out": args.out,
        });
        if let (Some(text), Some(object)) = (&refused, summary.as_object_mut()) {
            object.insert("error".to_owned(), text.as_str().into());
            object.insert("exit_code".to_owned(), 1.into());
        }
        println!("{summary}");
    } else {
        print_blocks(&blocks);
        println!(
            "memory to run: {:.1} MB at most, of which {:.1} MB are constants",
            memory.peak_bytes as f64 / 1e6,
            memory.constant_bytes as f64 / 1e6
        );
        let unknown = total(&blocks).unknown_nodes;
        if unknown > 0 {
            println!("{unknown} nodes are of operators whose multiplications are not counted here");
        }
        if let Some(report) = &report {
            print_report(report);
        }
        print_findings(&findings);
    }
    match refused {
        None => Ok(ExitOutcome::Clean),
        Some(text) => Err(Printed(text).into()),
    }
}

fn total(blocks: &[BlockCost]) -> NodeCost {
    let mut sum = NodeCost::default();
    blocks.iter().for_each(|b| sum.add(b.cost));
    sum
}

fn print_blocks(blocks: &[BlockCost]) {
    let widest = blocks.iter().map(|b| b.name.chars().count()).max();
    let width = widest.unwrap_or(0).max(5);
    println!(
        "{:width$}  {:>6}  {:>12}  {:>10}  {:>6}  {:>10}  precision",
        "block", "nodes", "parameters", "MMAC", "share", "MB moved"
    );
    let all = total(blocks);
    let line = |name: &str, cost: &NodeCost, precision: &str| {
        println!(
            "{name:width$}  {:>6}  {:>12}  {:>10.1}  {:>5.1}%  {:>10.1}  {precision}",
            cost.nodes,
            cost.parameters,
            cost.macs as f64 / 1e6,
            100.0 * cost.macs as f64 / all.macs.max(1) as f64,
            cost.moved_bytes as f64 / 1e6,
        );
    };
    for block in blocks {
        line(&escape_control(&block.name), &block.cost, &block.precision);
    }
    line("total", &all, "");
}

fn print_report(report: &SurgeryReport) {
    println!();
    for done in &report.passes {
        let part =
            |before: u64, after: u64| 100.0 * (before as f64 - after as f64) / before.max(1) as f64;
        println!(
            "{}: {} changes, {:.2}% of the MACs and {:.2}% of the bytes saved",
            done.pass,
            done.changes,
            part(done.before.macs, done.after.macs),
            part(done.before.moved_bytes, done.after.moved_bytes),
        );
    }
    println!("together: {:.2}% of the MACs", 100.0 * report.macs_saved());
}

fn print_findings(findings: &[LintFinding]) {
    for f in findings {
        let op = match f.op.as_str() {
            "" => String::new(),
            op => format!(" ({})", escape_control(op)),
        };
        println!(
            "{}: {}{op}, TensorRT {}: {}",
            f.severity,
            escape_control(&f.place),
            f.versions,
            escape_control(&f.what)
        );
    }
}
