//! `unmask doctor`.

use super::ExitOutcome;
use crate::build::library_folder;
use crate::config::RunConfig;
use crate::doctor::{DoctorSettings, Finding, FindingSeverity, examine, worst};
use std::path::PathBuf;

/// Arguments of `unmask doctor`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask doctor
  unmask doctor --config /etc/unmask/unmask.toml --json

Looks at source, cameras, model, TensorRT, GPU, clocks, memory, disk and wall clock, and prints what to
do about every problem. Warnings do not keep the alarm from running.

Exit code: 0 the alarm can run; 1 it cannot, or the configuration is invalid.")]
pub struct DoctorArgs {
    /// TOML configuration of the run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder of the TensorRT libraries [default: $UNMASK_TENSORRT]
    #[arg(long, value_name = "DIR")]
    library: Option<PathBuf>,

    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<ExitOutcome> {
    let config = match &args.config {
        Some(path) => RunConfig::read(path)?,
        None => RunConfig::default(),
    };
    let findings = examine(&DoctorSettings {
        root: "/".into(),
        config,
        library_folder: args.library.clone().or_else(library_folder),
        state_folder: unmask_system::state_folder(),
    });
    let worst = worst(&findings);
    if args.json {
        let answer = serde_json::json!({ "severity": worst, "findings": findings });
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        for finding in &findings {
            print_finding(finding);
        }
    }
    Ok(match worst {
        FindingSeverity::Problem => ExitOutcome::Refused,
        FindingSeverity::Ok | FindingSeverity::Warning => ExitOutcome::Clean,
    })
}

fn print_finding(finding: &Finding) {
    let mark = match finding.severity {
        FindingSeverity::Ok => "ok",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Problem => "PROBLEM",
    };
    println!("{mark:<8} {:<12} {}", finding.part, finding.found);
    if let Some(fix) = &finding.fix {
        println!("{:<21} → {fix}", "");
    }
}
