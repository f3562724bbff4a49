//! `unmask-train`: trains a network by a recipe.
#![forbid(unsafe_code)]

use burn::tensor::Device;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use unmask_train::recipe::TrainingRecipe;
use unmask_train::trainer::{self, DataFolders, Ending, RunManner};

/// Trains a network by a recipe: closed set, then contrastive with pasted outliers.
///
/// Example: unmask-train --recipe engines/unmask-small.toml --data data --out runs/small
#[derive(Parser, Debug)]
#[command(name = "unmask-train", version)]
struct TrainArgs {
    /// The recipe (TOML).
    #[arg(long)]
    recipe: PathBuf,
    /// The folder that the recipe's data paths are relative to.
    #[arg(long)]
    data: PathBuf,
    /// Checkpoints and log go here.
    #[arg(long)]
    out: PathBuf,
    /// Go on from the state in --out.
    #[arg(long)]
    resume: bool,
    /// Start from this model instead of from nothing.
    #[arg(long)]
    init: Option<PathBuf>,
    /// Start the backbone from public ImageNet weights (PyTorch's .pth, see docs/training.md).
    #[arg(long, value_name = "FILE")]
    backbone: Option<PathBuf>,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t = BackendName::Flex)]
    backend: BackendName,
    /// Save a state every so many steps.
    #[arg(long, default_value_t = 200)]
    save_every: u64,
    /// Stop after so many steps: the state is saved, and its path printed instead of the model's.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
}

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BackendName {
    /// CPU, pure Rust.
    Flex,
    /// CPU through LibTorch (feature `libtorch`).
    Libtorch,
    /// NVIDIA GPU (feature `cuda`).
    Cuda,
}

fn device(backend: BackendName) -> anyhow::Result<Device> {
    match backend {
        BackendName::Flex => Ok(Device::flex()),
        #[cfg(feature = "libtorch")]
        BackendName::Libtorch => Ok(Device::libtorch()),
        #[cfg(feature = "cuda")]
        BackendName::Cuda => Ok(Device::cuda(0)),
        #[allow(unreachable_patterns)]
        other => {
            let name = format!("{other:?}").to_lowercase();
            anyhow::bail!("this build has no {name} backend: build with --features {name}")
        }
    }
}

fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let recipe = TrainingRecipe::read(&args.recipe)?;
    let manner = RunManner {
        resume: args.resume,
        init: args.init.clone(),
        backbone: args.backbone.clone(),
        save_every: args.save_every.max(1),
        stop_after: args.stop_after,
        loader_threads: 1,
        gpu: args.backend == BackendName::Cuda,
    };
    let folders = DataFolders {
        data: args.data.clone(),
        out: args.out.clone(),
    };
    match trainer::run(&recipe, &folders, &manner, &device(args.backend)?)? {
        Ending::Finished { model } => println!("{}", model.display()),
        Ending::Stopped { state } => {
            println!("{}", state.display());
            eprintln!(
                "unmask-train: stopped before the end, so there is no model of the last step; go on \
                 with --resume"
            );
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&TrainArgs::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "unmask-train: {}",
                unmask_frame::error_chain(error.as_ref())
            );
            ExitCode::FAILURE
        }
    }
}
