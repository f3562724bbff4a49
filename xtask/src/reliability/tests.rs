//! Suites that are tests of the program: they run there, and what they print is added up here.
//!
//! A test says `N tried, M held, K lost` at the start of a line; what follows a colon is a figure.

use super::SuiteContext;
use super::suite::SuiteResult;
use crate::process::{ProcessRunner, last_lines};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(3600);

/// Faults of the disk on the n-th operation, and the models of outbox and session.
pub fn inject(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let filters = ["sink::rotate", "sink::outbox", "sink::mqtt"];
    run(context, &[&["--lib"]], &filters)
}

/// Ids and evidence of boards whose clocks start equal.
pub fn ids(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    run(context, &[&["--lib"]], &["clock::", "sink::evidence"])
}

/// Certificates, logins, last will.
pub fn tls(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    run(
        context,
        &[&["--test", "broker_faults", "--test", "mqtt"]],
        &[],
    )
}

/// The metrics endpoint with slow clients.
pub fn metrics(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    run(context, &[&["--lib"]], &["sink::prometheus"])
}

/// stdout and stderr that are absent, full or without a reader; files that are none.
pub fn streams(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    run(
        context,
        &[&["--test", "stdout", "--test", "special_files"]],
        &[],
    )
}

/// Changed files of every reader.
pub fn fuzz(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    run(
        context,
        &[&["--test", "changed_files", "--test", "readers"]],
        &[],
    )
}

/// Runs the tests of each of `targets` whose names contain one of `filters`.
fn run(
    context: &SuiteContext,
    targets: &[&[&str]],
    filters: &[&str],
) -> anyhow::Result<SuiteResult> {
    let runner = ProcessRunner::new()?;
    let mut result = SuiteResult::default();
    for target in targets {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&context.repository)
            .args(["test", "--package", "unmask"])
            .args(*target)
            .args(["--", "--nocapture", "--test-threads", "1"])
            .args(filters);
        let output = runner.run(&mut cargo, LIMIT)?;
        add(&mut result, &output.stdout);
        let lines = output.stdout.lines().chain(output.stderr.lines());
        let skipped = lines.filter_map(|line| line.strip_prefix("skipped "));
        result.skipped.extend(skipped.map(str::to_string));
        if !output.status.success() {
            result.tried += 1;
            let said = last_lines(&(output.stdout + &output.stderr), 12);
            result.failures.push(format!("{target:?}: {said}"));
        }
    }
    Ok(result)
}

/// Adds what tests print of themselves; a test that prints nothing is one case.
fn add(result: &mut SuiteResult, stdout: &str) {
    let mut cases = 0;
    for line in stdout.lines() {
        if let Some(passed) = line.strip_prefix("test result: ") {
            let words: Vec<&str> = passed.split_whitespace().collect();
            // `test result: ok. 12 passed; 0 failed; …`
            cases += words
                .get(1)
                .and_then(|count| count.parse().ok())
                .unwrap_or(0);
            continue;
        }
        // The runner may have written the test's name at the start of the line.
        let text = line.rsplit_once(" ... ").map_or(line, |(_, text)| text);
        if let Some((tried, lost, figure)) = figures(text) {
            result.tried += tried;
            result.lost_counted += lost;
            result.figures.extend(figure.map(str::to_string));
        }
    }
    result.tried += cases;
    if cases > 0 {
        result.figures.push(format!("{cases} tests"));
    }
}

/// `N tried, N held, K lost: FIGURE`.
fn figures(line: &str) -> Option<(u64, u64, Option<&str>)> {
    let (counts, figure) = match line.split_once(": ") {
        Some((counts, figure)) => (counts, Some(figure)),
        None => (line, None),
    };
    let mut counts = counts.split(", ");
    let mut next = |word: &str| counts.next()?.strip_suffix(word)?.parse::<u64>().ok();
    let (tried, held, lost) = (next(" tried")?, next(" held")?, next(" lost")?);
    // A test that did not hold has failed.
    (tried == held).then_some((tried, lost, figure))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn figures_of_tests_are_added() {
        let stdout = "running 2 tests\ntest a::b ... 420 tried, 420 held, 7 lost: 9 faults\nok\n\
                      test a::c ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";
        let mut result = SuiteResult::default();
        add(&mut result, stdout);
        assert_eq!((result.tried, result.lost_counted), (422, 7));
        assert_eq!(result.figures, ["9 faults", "2 tests"]);
        assert_eq!(figures("3 frames were served: well"), None);
    }
}
