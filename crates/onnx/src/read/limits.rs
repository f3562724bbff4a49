//! How large a file may be, and what it may ask for.

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file, and again of all its external data together.
    pub bytes: u64,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Axes of a tensor (TensorRT: 8).
    pub rank: usize,
    /// Elements of a tensor.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 2 << 30,
            nodes: 100_000,
            rank: 8,
            elements: 1 << 31,
        }
    }
}
