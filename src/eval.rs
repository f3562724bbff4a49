//! Benchmark metrics: pixel and component, from score maps and labels.
