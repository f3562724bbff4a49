//! From mask logits to an anomaly map, and from a map to components.

pub mod components;
pub mod npy;
