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
    /// The output that holds a vector per query, where there is one.
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

impl ModelNames {
    /// The names of the outputs that are not those of the contract, as `unmask.outputs` holds them;
    /// none where all are.
    pub fn outputs(&self) -> Option<String> {
        let mut named = serde_json::Map::new();
        let mut name = |contract: &str, own: &str| {
            if contract != own {
                named.insert(contract.to_owned(), own.into());
            }
        };
        match &self.logits {
            LogitNames::Mask { class, mask } => {
                name("class_logits", class);
                name("mask_logits", mask);
            }
            LogitNames::Pixel(logits) => name("logits", logits),
            LogitNames::Prepared => return None,
        }
        if let Some(own) = &self.query_embedding {
            name("query_embedding", own);
        }
        (!named.is_empty()).then(|| serde_json::Value::from(named).to_string())
    }
}
