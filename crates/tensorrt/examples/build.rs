//! Builds a plan of an ONNX model and says what the builder made of it.
//!
//! `cargo run -p unmask-tensorrt --example build -- MODEL.onnx [FOLDER_OF_THE_LIBRARIES [86,120]]`

use std::path::{Path, PathBuf};
use unmask_tensorrt::layers::{LayerLog, PlanSummary};
use unmask_tensorrt::{Library, Product, ProfilingVerbosity, Severity};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = PathBuf::from(arguments.next().ok_or("no model given")?);
    let folder = arguments.next().map(PathBuf::from);
    let capabilities = arguments.next().unwrap_or_else(|| "86".to_owned());
    let capabilities = capabilities
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<u32>, _>>()?;

    let log = LayerLog::new(|severity: Severity, text: &str| {
        if severity <= Severity::Warning {
            eprintln!("{severity}: {text}");
        }
    });
    let library = Library::find(folder.as_deref(), log.clone())?;
    println!("{}", library.version());
    let builder = library.builder()?;
    let mut network = builder.network()?;
    network.parse_onnx(&std::fs::read(&model)?, Some(Path::new(&model)))?;
    let mut config = builder.config()?;
    config.set_profiling_verbosity(ProfilingVerbosity::Detailed)?;
    if library.version().product == Product::TensorRtRtx {
        config.set_compute_capabilities(&capabilities)?;
    }
    let start = std::time::Instant::now();
    let plan = builder.build(&network, &config)?;
    println!(
        "{} layers, plan of {} bytes in {:.1?}",
        network.layer_count(),
        plan.len(),
        start.elapsed()
    );
    let summary = PlanSummary::of(&log.take_layers()?);
    println!(
        "{} kernels, {:.2} MB read and written, {:.2} MB of constants",
        summary.kernel_count,
        summary.moved_bytes() as f64 / 1e6,
        summary.constant_bytes as f64 / 1e6
    );
    for ((operation, input, output), count) in &summary.operations {
        println!("{count:5} {operation:?} {input} -> {output}");
    }
    Ok(())
}
