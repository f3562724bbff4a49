//! The synthetic drive: a deterministic renderer of road scenes with exact masks.
