//! What the build process does: it opens NVIDIA's libraries, parses, builds, and writes the plan.
//!
//! The libraries may take all memory, print, or end the process. Here they end nothing but the build.

use super::{BuiltPlan, WorkerEvent, WorkerJob};
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use unmask_frame::error_chain;
use unmask_tensorrt::layers::{LayerLog, PlanSummary};
use unmask_tensorrt::{
    BuildError, BuildProgress, Builder, BuilderConfig, ConfigError, Library, MemoryPool, Network,
    Product, ProfilingVerbosity, Severity,
};

/// A longer file is no ONNX model.
pub const MODEL_LIMIT_BYTES: u64 = 2 << 30;

/// Where events go: the pipe to the supervisor.
type EventSink = Arc<Mutex<dyn Write + Send>>;

/// Reads a [`WorkerJob`] as one line of `input`, does it, and writes [`WorkerEvent`]s to `output`.
/// Returns whether the job was done.
pub fn run(input: &mut dyn BufRead, output: impl Write + Send + 'static) -> bool {
    let sink: EventSink = Arc::new(Mutex::new(output));
    let mut line = String::new();
    let done = input
        .read_line(&mut line)
        .map_err(|error| format!("cannot read the job: {error}"))
        .and_then(|_| {
            serde_json::from_str::<WorkerJob>(&line)
                .map_err(|error| format!("the job is not one of this version: {error}"))
        })
        .and_then(|job| limit_process(&job).map(|()| job))
        .and_then(|job| perform(&job, &sink));
    if let Err(reason) = &done {
        let reason = reason.clone();
        send(&sink, &WorkerEvent::Failed { reason });
    }
    done.is_ok()
}

/// Limits memory, and ends this process with the one that supervises it.
fn limit_process(job: &WorkerJob) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("cannot follow the supervising process: {error}"))?;
    let Some(mib) = job.recipe.process_memory_mib else {
        return Ok(());
    };
    // Not the address space: CUDA reserves far more of it than it uses.
    let limit = Rlimit {
        current: Some(mib << 20),
        maximum: Some(mib << 20),
    };
    setrlimit(Resource::Data, limit)
        .map_err(|error| format!("cannot limit memory to {mib} MiB: {error}"))
}

fn send(sink: &EventSink, event: &WorkerEvent) {
    let Ok(mut line) = serde_json::to_vec(event) else {
        return;
    };
    line.push(b'\n');
    let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
    // A supervisor that is gone has no use for events; this process ends with it.
    let _ = sink.write_all(&line).and_then(|()| sink.flush());
}

fn perform(job: &WorkerJob, sink: &EventSink) -> Result<(), String> {
    let model = unmask_frame::read_regular_file(&job.model, MODEL_LIMIT_BYTES)
        .map_err(|error| format!("cannot read the model {}: {error}", job.model.display()))?;
    let log = LayerLog::new(|_: Severity, _: &str| {});
    let library =
        Library::find(job.library_folder.as_deref(), log.clone()).map_err(|e| error_chain(&e))?;
    send(
        sink,
        &WorkerEvent::Library {
            name: library.version().to_string(),
        },
    );
    let builder = library.builder().map_err(|e| error_chain(&e))?;
    let mut network = builder.network().map_err(|e| error_chain(&e))?;
    let parsed = network.parse_onnx(&model, Some(&job.model));
    warn(sink, &log);
    parsed.map_err(|error| match error.node_errors() {
        [] => format!("{}: {}", job.model.display(), error_chain(&error)),
        errors => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            format!(
                "{} refuses the model {} ({}): {}",
                library.version(),
                job.model.display(),
                match errors.len() {
                    1 => "1 error".to_string(),
                    count => format!("{count} errors"),
                },
                lines.join("; ")
            )
        }
    })?;
    let layers = network.layer_count();
    send(sink, &WorkerEvent::Parsed { layers });
    if job.parse_only {
        return Ok(());
    }
    let built = match build(job, &builder, &network, &log, sink, None) {
        // The library names the size that would have sufficed: once with that.
        Err(BuildError::OutOfMemory {
            needed_bytes: Some(needed),
            ..
        }) => {
            let text = format!("out of workspace; building again with {} MiB", mib(needed));
            send(sink, &WorkerEvent::Warning { text });
            build(job, &builder, &network, &log, sink, Some(needed))
        }
        other => other,
    };
    let built = built.map_err(|error| match error {
        BuildError::OutOfMemory { needed_bytes, .. } => format!(
            "the build ran out of workspace{}; raise workspace_mib in the recipe, or build on a \
             board with more memory",
            needed_bytes.map_or(String::new(), |bytes| format!(
                ": it needs {} MiB",
                mib(bytes)
            ))
        ),
        other => error_chain(&other),
    })?;
    send(sink, &WorkerEvent::Built(built));
    Ok(())
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

/// Builds, and writes the plan and the timing cache.
fn build(
    job: &WorkerJob,
    builder: &Builder,
    network: &Network<'_>,
    log: &LayerLog,
    sink: &EventSink,
    workspace_bytes: Option<u64>,
) -> Result<BuiltPlan, BuildError> {
    let recipe = &job.recipe;
    let mut config = builder.config()?;
    config.set_optimization_level(recipe.optimization_level)?;
    let workspace = workspace_bytes.or(recipe.workspace_mib.map(|mib| mib << 20));
    if let Some(bytes) = workspace {
        config.set_memory_limit(MemoryPool::Workspace, bytes)?;
    }
    if let Some(core) = recipe.dla_core {
        config.set_dla_core(core)?;
    }
    let is_rtx = builder.library().version().product == Product::TensorRtRtx;
    if is_rtx || !recipe.compute_capabilities.is_empty() {
        config.set_compute_capabilities(&capabilities(&recipe.compute_capabilities)?)?;
    }
    if job.describe_layers {
        config.set_profiling_verbosity(ProfilingVerbosity::Detailed)?;
    }
    let cache = job.timing_cache.as_deref().filter(|_| !is_rtx);
    if let Some(file) = cache {
        read_timing_cache(&mut config, file, sink)?;
    }
    let phases = sink.clone();
    config.set_progress(move |progress| {
        // The library counts steps for the first tenth of a build; the clock gives the rest.
        if let BuildProgress::Started {
            phase,
            parent: None,
            ..
        } = progress
        {
            let name = phase.to_string();
            send(&phases, &WorkerEvent::Phase { name });
        }
        std::ops::ControlFlow::Continue(())
    });
    let start = Instant::now();
    let plan = builder.build(network, &config)?;
    let seconds = start.elapsed().as_secs_f64();
    warn(sink, log);
    let layers = log.take_layers().unwrap_or_else(|error| {
        let text = format!("the layers are not described: {error}");
        send(sink, &WorkerEvent::Warning { text });
        Vec::new()
    });
    let summary = PlanSummary::of(&layers);
    if let Some(file) = &job.plan_file {
        write(file, &plan)?;
    }
    if let (Some(file), Some(timings)) = (cache, config.timing_cache()) {
        // Without it the next build takes longer, and nothing else.
        let new = file.with_extension("new");
        let _ = write(&new, &timings).map(|()| std::fs::rename(&new, file));
    }
    let kinds = summary.operations.iter();
    Ok(BuiltPlan {
        plan_bytes: plan.len() as u64,
        seconds,
        layers: kinds
            .map(|((operation, input, output), count)| {
                let count = u32::try_from(*count).unwrap_or(u32::MAX);
                (format!("{operation:?} {input} -> {output}"), count)
            })
            .collect(),
        kernels: summary.kernel_count as u64,
        moved_bytes: summary.moved_bytes(),
        constant_bytes: summary.constant_bytes,
    })
}

/// The GPUs that a recipe names; this machine's where it names none.
fn capabilities(given: &[u32]) -> Result<Vec<u32>, BuildError> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    let devices = unmask_tensorrt::Driver::devices();
    // Without a driver there is no GPU to build for, which the library's own check reports.
    let devices = devices.unwrap_or_default();
    Ok(devices
        .iter()
        .map(|gpu| gpu.compute_capability)
        .take(1)
        .collect())
}

fn read_timing_cache(
    config: &mut BuilderConfig<'_>,
    file: &Path,
    sink: &EventSink,
) -> Result<(), BuildError> {
    let bytes = std::fs::read(file).unwrap_or_default();
    match config.set_timing_cache(&bytes) {
        Err(ConfigError::TimingCache) if !bytes.is_empty() => {
            let text = format!(
                "the timing cache {} is of another version or GPU; a new one is made",
                file.display()
            );
            send(sink, &WorkerEvent::Warning { text });
            Ok(config.set_timing_cache(&[])?)
        }
        other => Ok(other?),
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    std::fs::write(file, bytes).map_err(|error| BuildError::Refused {
        messages: vec![format!("cannot write {}: {error}", file.display())],
    })
}

/// Passes the library's warnings and errors on.
fn warn(sink: &EventSink, log: &LayerLog) {
    for (_, text) in log.take_complaints() {
        send(sink, &WorkerEvent::Warning { text });
    }
}
