//! Limits of files.

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of the file, and again of all its external data together.
    pub bytes: u64,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Axes of a tensor (TensorRT: 8).
    pub rank: usize,
    /// Elements of a tensor.
    pub elements: usize,
    /// Bytes of constants and of values at once while the graph runs, by
    /// [`memory`](crate::memory::memory).
    pub memory_bytes: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            bytes: 2 << 30,
            nodes: 100_000,
            rank: 8,
            elements: 1 << 31,
            memory_bytes: 8 << 30,
        }
    }
}
