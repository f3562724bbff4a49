//! How a subcommand ended.

/// How a subcommand that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitOutcome {
    /// Everything was done.
    Clean,
    /// The run ended, but some inputs were bad; they were counted and named on stderr.
    SomeBadInputs,
    /// It was done, and its answer is no: a check that found a problem.
    Refused,
    /// A signal ended it before its work was done.
    Stopped,
}
