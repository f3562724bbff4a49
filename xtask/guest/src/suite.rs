//! The cases, in the order in which they run.

mod floor;
mod line;
mod product;

use crate::serial::tell;
use crate::sys;
use board_guest::{Case, Line, Plan};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a case found, in words.
type Found = anyhow::Result<String>;

/// One thing that is tried.
struct Trial {
    /// `group/case`.
    name: String,
    /// What is done, in words.
    fault: String,
    /// Left out of the fast suite.
    long: bool,
    run: Box<dyn Fn() -> Found>,
}

impl Trial {
    fn new(name: impl Into<String>, fault: &str, run: impl Fn() -> Found + 'static) -> Self {
        Self {
            name: name.into(),
            fault: fault.to_string(),
            long: false,
            run: Box::new(run),
        }
    }
}

/// Runs what the plan wants, and tells of each case as it ends.
pub fn run(plan: &Plan) {
    let mut trials = line::trials();
    trials.extend(floor::trials());
    trials.extend(product::trials());
    for trial in trials {
        let wanted = plan
            .only
            .as_ref()
            .is_none_or(|text| trial.name.contains(text));
        if !wanted || (plan.fast && trial.long) {
            continue;
        }
        tell(&Line::Begin {
            name: trial.name.clone(),
        });
        let from = sys::monotonic_s();
        let found = catch_unwind(AssertUnwindSafe(&trial.run))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the case panicked")));
        let (outcome, passed) = match found {
            Ok(outcome) => (outcome, true),
            Err(error) => (format!("{error:#}"), false),
        };
        tell(&Line::Case(Case {
            name: trial.name,
            fault: trial.fault,
            outcome,
            passed,
            seconds: sys::monotonic_s() - from,
        }));
    }
}
