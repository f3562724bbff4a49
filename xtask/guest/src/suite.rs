//! The cases, in the order in which they run.

mod capture;
mod line;
mod product;
mod service;

use crate::serial::report;
use crate::sys;
use board_guest::{CaseResult, GuestPlan, ReportLine};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a case found, in words.
type FoundCamera = anyhow::Result<String>;

/// One thing that is tried.
pub struct CaseTrial {
    /// `group/case`.
    name: String,
    /// What is done, in words.
    fault: String,
    /// Left out of the fast suite.
    long: bool,
    run: Box<dyn Fn() -> FoundCamera>,
}

impl CaseTrial {
    fn new(name: impl Into<String>, fault: &str, run: impl Fn() -> FoundCamera + 'static) -> Self {
        Self {
            name: name.into(),
            fault: fault.to_string(),
            long: false,
            run: Box::new(run),
        }
    }
}

/// The cases of the bare board.
pub fn trials() -> Vec<CaseTrial> {
    let mut trials = line::trials();
    trials.extend(capture::trials());
    trials.extend(product::trials());
    trials
}

/// The cases of the service, under systemd.
pub fn service_trials() -> Vec<CaseTrial> {
    service::trials()
}

/// What cases of the service start under a unit.
pub use service::{probe, probe_rules};

/// Runs what the plan wants, and tells of each case as it ends.
pub fn run(plan: &GuestPlan, trials: Vec<CaseTrial>) {
    for trial in trials {
        let wanted = plan
            .only
            .as_ref()
            .is_none_or(|text| trial.name.contains(text));
        if !wanted || (plan.fast && trial.long) {
            continue;
        }
        report(&ReportLine::Begin {
            name: trial.name.clone(),
        });
        let from = sys::monotonic_s();
        let found = catch_unwind(AssertUnwindSafe(&trial.run))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the case panicked")));
        let (outcome, passed) = match found {
            Ok(outcome) => (outcome, true),
            Err(error) => (format!("{error:#}"), false),
        };
        report(&ReportLine::Case(CaseResult {
            name: trial.name,
            fault: trial.fault,
            outcome,
            passed,
            seconds: sys::monotonic_s() - from,
        }));
    }
}
