//! The latency ledger: histograms a stage, misses against the budget.
