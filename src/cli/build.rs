//! `unmask build`.

use super::{ExitOutcome, progress, shutdown};
use crate::build::{
    BuildOutcome, BuildRecipe, DeviceDescription, LoadedRecipe, WorkerEvent, WorkerJob,
    layer_table, library_folder, supervise, worker,
};
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use tracing::{info, warn};
use unmask_engine::plan::{BuildFacts, DeviceKey, PlanError, PlanKey, PlanStore, sha256_hex};
use unmask_tensorrt::{Library, OpenError, Severity};

/// Arguments of `unmask build`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask build --recipe engines/orin.toml
  unmask build --recipe engines/orin.toml --dry-run
  unmask build --recipe engines/orin.toml --dry-run --explain --library ~/tensorrt_rtx_libs

Builds the plan of an ONNX model for the GPU of this machine, in a process of its own, and stores it
with a receipt that this device seals. A plan that is up to date is not built again: its name covers
model, recipe, library, driver, GPU and power mode. A build that is ended at any point leaves the old
plan. `unmask run` does not use plans yet, so that no accuracy or latency of them is checked.

Exit code: 0 the plan is there (or, with --dry-run, the parser accepts the model); 1 it is not.")]
pub struct BuildArgs {
    /// Recipe, TOML: `model = \"model.onnx\"` suffices
    #[arg(long, value_name = "FILE", required_unless_present = "worker")]
    recipe: Option<PathBuf>,

    /// Folder of plans [default: $STATE_DIRECTORY/plans]
    ///
    /// Without $STATE_DIRECTORY: ~/.local/state/unmask/plans.
    #[arg(long, value_name = "DIR")]
    plans: Option<PathBuf>,

    /// Folder of the TensorRT libraries [default: $UNMASK_TENSORRT]
    ///
    /// Where neither is given, the system's loader looks for them.
    #[arg(long, value_name = "DIR")]
    library: Option<PathBuf>,

    /// Report what the library's parser says, and build no plan
    #[arg(long)]
    dry_run: bool,

    /// Print the plan's layers by type, and the bytes they move
    ///
    /// With --dry-run, a plan is built for it and discarded.
    #[arg(long)]
    explain: bool,

    /// Report by the exit code whether a plan is to be built, and build none
    ///
    /// 0: one is to be built; 1: it is up to date, or there is no TensorRT.
    #[arg(long, conflicts_with_all = ["dry_run", "force"], hide_short_help = true)]
    needed: bool,

    /// Build even if the plan is up to date
    #[arg(long)]
    force: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    /// Be the process that builds
    #[arg(long, hide = true, exclusive = true)]
    worker: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct BuildReport {
    model: String,
    library: String,
    dry_run: bool,
    built: bool,
    network_layers: usize,
    plan: Option<String>,
    plan_bytes: Option<u64>,
    build_time_s: Option<f64>,
    kernels: Option<u64>,
    moved_bytes: Option<u64>,
    constant_bytes: Option<u64>,
    layers: std::collections::BTreeMap<String, u32>,
    warnings: Vec<String>,
    key: Option<PlanKey>,
}

impl BuildArgs {
    /// Whether this process is the one that builds.
    pub fn is_worker(&self) -> bool {
        self.worker
    }
}

/// The process that builds.
pub(super) fn work() -> ExitCode {
    match worker::run(&mut std::io::stdin().lock(), std::io::stdout()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

pub(super) fn run(args: &BuildArgs) -> anyhow::Result<ExitOutcome> {
    let path = args.recipe.as_deref().context("no recipe given")?;
    let loaded = BuildRecipe::read(path)?;
    let model = unmask_frame::read_regular_file(&loaded.model, worker::MODEL_LIMIT_BYTES)
        .with_context(|| format!("cannot read the model {}", loaded.model.display()))?;
    let model_sha256 = sha256_hex(&model);
    drop(model);
    let folder = args.library.clone().or_else(library_folder);
    let library = match Library::find(folder.as_deref(), |_: Severity, _: &str| {}) {
        Err(OpenError::NotFound { .. }) if args.needed => {
            info!("there is no TensorRT here: nothing can be built");
            return Ok(ExitOutcome::Refused);
        }
        found => found?,
    };
    let job = WorkerJob {
        recipe: loaded.recipe.clone(),
        model: loaded.model.clone(),
        library_folder: folder,
        plan_file: None,
        timing_cache: None,
        parse_only: args.dry_run && !args.explain,
        describe_layers: true,
    };
    if args.dry_run {
        let outcome = build(&job, None)?;
        return report(args, &loaded, outcome, None);
    }
    let device = DeviceDescription::of(Path::new("/"))?;
    let key = device.plan_key(&loaded, &model_sha256, library.version());
    let plans = match &args.plans {
        Some(folder) => folder.clone(),
        None => unmask_system::state_folder()
            .map(|state| state.join("plans"))
            .context("no folder for plans: give one with --plans DIR, or set $HOME")?,
    };
    std::fs::create_dir_all(&plans)
        .with_context(|| format!("cannot create the folder {}", plans.display()))?;
    let device_key = DeviceKey::open_or_create(&plans.join("device.key"))?;
    let store = PlanStore::new(&plans, device_key);
    let loaded_plan = store.load(&key);
    if args.needed {
        return Ok(match loaded_plan {
            Ok(_) => ExitOutcome::Refused,
            Err(_) => ExitOutcome::Clean,
        });
    }
    match loaded_plan {
        Ok(plan) if !args.force => {
            eprintln!(
                "{} is up to date",
                plans.join(&plan.receipt.plan_file).display()
            );
            let outcome = BuildOutcome {
                library: key.library.clone(),
                ..BuildOutcome::default()
            };
            return report(args, &loaded, outcome, Some((&plans, &plan.receipt)));
        }
        Ok(_) => {}
        Err(PlanError::Absent { changes, .. }) if changes.is_empty() => {}
        Err(PlanError::Absent { changes, .. }) => {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            info!("building a new plan: {}", changes.join(", "));
        }
        // What is damaged or foreign is replaced.
        Err(error) => warn!("{error}"),
    }
    let plan_file = tempfile::Builder::new()
        .prefix(".build-")
        .tempfile_in(&plans)
        .with_context(|| format!("cannot write to {}", plans.display()))?;
    let job = WorkerJob {
        plan_file: Some(plan_file.path().to_path_buf()),
        timing_cache: Some(plans.join("timing.cache")),
        ..job
    };
    let outcome = build(&job, store.last_build_time_s())?;
    let built = outcome.built.clone().context("no plan was built")?;
    let plan = std::fs::read(plan_file.path()).context("cannot read the new plan")?;
    if plan.is_empty() {
        bail!("the library wrote an empty plan");
    }
    let receipt = store.store(
        &key,
        &plan,
        BuildFacts {
            built_at: jiff::Timestamp::now().to_string(),
            build_time_s: built.seconds,
            warnings: outcome.warnings.clone(),
            layers: built.layers.clone(),
            gates: Vec::new(),
        },
    )?;
    report(args, &loaded, outcome, Some((&plans, &receipt)))
}

/// Runs the build process, with its phases and the time as progress.
fn build(job: &WorkerJob, estimate_s: Option<f64>) -> anyhow::Result<BuildOutcome> {
    let program = std::env::current_exe().context("cannot find this program's file")?;
    let mut command = Command::new(program);
    command.args(["build", "--worker"]);
    let bar = progress::start(None, "building");
    bar.enable_steady_tick(Duration::from_millis(200));
    if let Some(seconds) = estimate_s {
        bar.set_message(format!("building (last time {seconds:.0} s)"));
    }
    let stop = shutdown::on_request();
    let outcome = supervise(command, job, &stop, &mut |event| show(event, &bar));
    bar.finish_and_clear();
    Ok(outcome?)
}

fn show(event: &WorkerEvent, bar: &ProgressBar) {
    match event {
        WorkerEvent::Library { name } => info!("{name}"),
        WorkerEvent::Parsed { layers } => {
            info!("the parser accepts the model: {layers} layers");
        }
        WorkerEvent::Phase { name } => {
            info!("phase: {name}");
            bar.set_message(format!("building: {name}"));
        }
        WorkerEvent::Warning { text } => warn!("{text}"),
        WorkerEvent::Built(built) => {
            info!(
                "built in {:.1} s: {} bytes",
                built.seconds, built.plan_bytes
            );
        }
        // The error is reported once, at the end.
        WorkerEvent::Failed { .. } => {}
    }
}

fn report(
    args: &BuildArgs,
    loaded: &LoadedRecipe,
    outcome: BuildOutcome,
    stored: Option<(&Path, &unmask_engine::plan::Receipt)>,
) -> anyhow::Result<ExitOutcome> {
    let built = outcome.built.as_ref();
    let plan = stored.map(|(folder, receipt)| folder.join(&receipt.plan_file));
    if args.json {
        let report = BuildReport {
            model: loaded.model.display().to_string(),
            library: outcome.library.clone(),
            dry_run: args.dry_run,
            built: built.is_some(),
            network_layers: outcome.network_layers,
            plan: plan.map(|plan| plan.display().to_string()),
            plan_bytes: stored
                .map(|(_, receipt)| receipt.plan_bytes)
                .or(built.map(|built| built.plan_bytes)),
            build_time_s: built.map(|built| built.seconds),
            kernels: built.map(|built| built.kernels),
            moved_bytes: built.map(|built| built.moved_bytes),
            constant_bytes: built.map(|built| built.constant_bytes),
            layers: built.map(|built| built.layers.clone()).unwrap_or_default(),
            warnings: outcome.warnings.clone(),
            key: stored.map(|(_, receipt)| receipt.key.clone()),
        };
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(ExitOutcome::Clean);
    }
    if let Some(built) = built.filter(|_| args.explain) {
        print_table(&layer_table(built));
    }
    match plan {
        Some(plan) => println!("{}", plan.display()),
        None => println!(
            "{} accepts {}: {} layers",
            outcome.library,
            loaded.model.display(),
            outcome.network_layers
        ),
    }
    Ok(ExitOutcome::Clean)
}

fn print_table(table: &str) {
    for line in table.lines() {
        println!("{line}");
    }
}
