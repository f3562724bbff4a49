//! The scores that `--score` names.

use clap::ValueEnum;
use unmask_engine::{Engine, EngineError};
use unmask_score::{MaskScore, PixelScore};

/// How a network's outputs become an anomaly score. Formulas and sources: `docs/eval.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ScoreKind {
    /// Mask models: sum over the queries, as in the paper
    Sum,
    /// Mask models: the sum, 1 at most
    Capped,
    /// Mask models: the surest query alone
    Max,
    /// Mask models: at least one query is right
    NoisyOr,
    /// Per-pixel models: 1 - the largest softmax
    MaxSoftmax,
    /// Per-pixel models: - the largest logit
    MaxLogit,
    /// Per-pixel models: entropy of the softmax
    Entropy,
}

impl ScoreKind {
    /// Has `engine` score by it.
    pub fn apply_to(self, engine: &mut Engine) -> Result<(), EngineError> {
        match self {
            Self::Sum => engine.score_masks_by(MaskScore::Sum),
            Self::Capped => engine.score_masks_by(MaskScore::Capped),
            Self::Max => engine.score_masks_by(MaskScore::Max),
            Self::NoisyOr => engine.score_masks_by(MaskScore::NoisyOr),
            Self::MaxSoftmax => engine.score_by(PixelScore::MaxSoftmax),
            Self::MaxLogit => engine.score_by(PixelScore::MaxLogit),
            Self::Entropy => engine.score_by(PixelScore::Entropy),
        }
    }
}
