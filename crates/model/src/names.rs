//! Names of a model's inputs and outputs.

/// Input of a prepared graph: the bytes of a camera frame.
pub const FRAME: &str = "frame";
/// Output of a prepared graph: anomaly score per cell, float32 `[1, h, w]`.
pub const ANOMALY: &str = "anomaly";
/// Output of a prepared graph: best known class per cell.
pub const CLASSES: &str = "classes";
/// Optional output: one vector per query.
pub const QUERY_EMBEDDING: &str = "query_embedding";

/// What a model calls its inputs and outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelNames {
    /// The input.
    pub input: String,
    /// The outputs that are scored.
    pub logits: LogitNames,
    /// The output that holds a vector a query, where there is one.
    pub query_embedding: Option<String>,
}

/// What a model calls the outputs that are scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogitNames {
    /// Of a mask-classification network.
    Mask {
        /// Class logits.
        class: String,
        /// Mask logits.
        mask: String,
    },
    /// Of a per-pixel network.
    Pixel(String),
    /// A prepared graph: nothing is left to score.
    Prepared,
}
