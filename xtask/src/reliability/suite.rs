//! What a suite came to.

/// What a suite came to.
#[derive(Debug, Default)]
pub struct SuiteResult {
    /// Cases that were tried.
    pub tried: u64,
    /// Alerts that the program handed to its sinks, where the suite counts them.
    pub alerts: u64,
    /// Alerts lost and counted by the program itself.
    pub lost_counted: u64,
    /// Alerts that are nowhere and were not counted.
    pub lost_uncounted: u64,
    /// What was measured, in words.
    pub figures: Vec<String>,
    /// Cases that did not hold, and why.
    pub failures: Vec<String>,
    /// Cases that could not be tried here, and what is missing.
    pub skipped: Vec<String>,
}

impl SuiteResult {
    /// Notes a case: held where `failures` is empty.
    pub fn add(&mut self, case: &str, failures: &[String]) {
        self.tried += 1;
        if !failures.is_empty() {
            self.failures
                .push(format!("{case}: {}", failures.join("; ")));
        }
    }

    /// Cases that held.
    pub fn held(&self) -> u64 {
        self.tried - self.failures.len() as u64
    }
}
