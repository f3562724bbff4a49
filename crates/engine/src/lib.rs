//! Runs a model on a picture.
//!
//! One closed enum over the places a model can run. Today there is one: the CPU, through `rten`.
//! A picture goes in at its own size; an anomaly map comes out, on the grid of the network's
//! output ([`Engine::score_at_mask_size`]) or at the picture's size ([`Engine::score`]).
//!
//! A prepared graph (`unmask prepare`) takes the camera's bytes instead of a picture, and gives
//! the map itself: [`Engine::score_bytes`]. Pictures are turned into such bytes for it.
#![forbid(unsafe_code)]

mod cpu;
mod find;
mod lower;
mod native;
pub mod plan;
mod prepare;

pub use cpu::{CpuEngine, FrameEncoder};
pub use find::{ModelNotFound, find_model};
pub use lower::lowered;
pub use prepare::Preprocessor;

use std::path::{Path, PathBuf};
use unmask_frame::{EngineTimes, Picture, ScoreMap, Size};
use unmask_model::{MetadataError, ModelMetadata};
use unmask_score::{MaskScore, PixelScore, ScoreError, ScoredFrame, Upsampler};

/// How to open an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// Threads to compute with; 0 = all that this process may use.
    pub threads: usize,
}

/// A model, ready to run.
#[derive(Debug)]
pub enum Engine {
    /// On the CPU.
    Cpu(CpuEngine),
}

/// What an engine made of one picture, before any score.
#[derive(Clone, Debug, PartialEq)]
pub enum Inference {
    /// A mask-classification network.
    Mask {
        /// `[queries, known + 1]`, row-major; the last column is "no object".
        class_logits: Vec<f32>,
        /// `[queries, size.h, size.w]`, row-major.
        mask_logits: Vec<f32>,
        /// Number of queries.
        queries: usize,
        /// Number of known classes.
        known: usize,
        /// Grid of the masks, cells.
        size: Size,
    },
    /// A per-pixel network.
    Pixel {
        /// `[classes, size.h, size.w]`, row-major.
        logits: Vec<f32>,
        /// Number of classes.
        classes: usize,
        /// Grid of the logits, cells.
        size: Size,
    },
    /// A prepared graph: it scores by itself.
    Map(ScoredFrame),
}

/// What can go wrong between a model file and an anomaly map.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file cannot be read.
    #[error("cannot read the model {path}: {source}")]
    Read {
        /// The model file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file is larger than an ONNX file can be.
    #[error("the model {path} has {bytes} bytes; an ONNX file ends at 2 GiB")]
    TooLarge {
        /// The model file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is no ONNX model, is damaged, or uses operators this build does not have.
    #[error(
        "cannot load the model {path}: {reason}. Wanted: a whole ONNX file of opset 13 to 25 with \
         fixed sizes, as `unmask export` writes it"
    )]
    Load {
        /// The model file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// Inputs, outputs or their shapes are not those of the contract.
    #[error(
        "the model {path} does not fit: {reason}. Wanted: input `image` [1,3,H,W] float32, \
         outputs `class_logits` [1,Q,K+1] and `mask_logits` [1,Q,h,w], or one output `logits` \
         [1,C,h,w]; other output names go into model.toml, table [outputs]"
    )]
    Contract {
        /// The model file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Mean, classes and the like are missing or wrong.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The threads could not be started.
    #[error("cannot start {threads} threads: ask for fewer with --threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
    },
    /// The network stopped with an error.
    #[error("the model {path} failed on a picture: {reason}")]
    Run {
        /// The model file.
        path: PathBuf,
        /// What the runtime said.
        reason: String,
    },
    /// The picture has no pixels.
    #[error("the picture is {size}: there is nothing to look at")]
    EmptyPicture {
        /// The picture's size.
        size: Size,
    },
    /// A prepared graph is not what it says.
    #[error(
        "the prepared model {path} does not fit: {reason}. Write it again with `unmask prepare`"
    )]
    Prepared {
        /// The model file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Camera bytes that the model does not take.
    #[error("the model {path} cannot take this frame: {reason}")]
    Frame {
        /// The model file.
        path: PathBuf,
        /// What differs, and what to do.
        reason: String,
    },
    /// A score was asked for that the model cannot give.
    #[error("the model {path} cannot be scored like that: {reason}")]
    ScoreKind {
        /// The model file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The outputs cannot be scored.
    #[error("the model {path}: {source}")]
    Score {
        /// The model file.
        path: PathBuf,
        /// What is wrong with them.
        source: ScoreError,
    },
}

impl Engine {
    /// Opens the model file `path`: reads it, checks it against the contract, and runs it once on
    /// a grey picture, so that wrong shapes show now and the first frame is as fast as the rest.
    ///
    /// # Errors
    /// A file that cannot be read, is not a model, is larger than 2 GiB, has sizes that are not known
    /// or larger than is run, does not fit the contract, lacks metadata or gives NaN; each names the
    /// file.
    pub fn open(path: &Path, options: EngineOptions) -> Result<Engine, EngineError> {
        CpuEngine::open(path, options).map(Engine::Cpu)
    }

    /// As [`Engine::open`], from the bytes of the file; `path` is what messages call it, and the
    /// place next to which `model.toml` is looked for.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn from_bytes(
        path: &Path,
        bytes: Vec<u8>,
        options: EngineOptions,
    ) -> Result<Engine, EngineError> {
        CpuEngine::from_bytes(path, bytes, options).map(Engine::Cpu)
    }

    /// What is known about the model.
    pub fn model_metadata(&self) -> &ModelMetadata {
        match self {
            Engine::Cpu(engine) => engine.model_metadata(),
        }
    }

    /// What a file made from this model must hold so that it needs no `model.toml`:
    /// [`ModelMetadata::metadata`], the column of "no object" where it is not the last, and the names of
    /// the outputs where they are not those of the contract.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Engine::Cpu(engine) => engine.metadata(),
        }
    }

    /// Name of the place it runs on, as alerts carry it.
    pub fn name(&self) -> &'static str {
        match self {
            Engine::Cpu(_) => "cpu",
        }
    }

    /// The lowest number format that the model asks for, as alerts carry it: `fp32`, `fp16`,
    /// `int8`. The CPU engine computes all of them in float32, on rounded values.
    pub fn precision(&self) -> &'static str {
        match self {
            Engine::Cpu(engine) => engine.precision(),
        }
    }

    /// Number of threads it computes with.
    pub fn threads(&self) -> usize {
        match self {
            Engine::Cpu(engine) => engine.threads(),
        }
    }

    /// How long the parts of the last picture took.
    pub fn times(&self) -> EngineTimes {
        match self {
            Engine::Cpu(engine) => engine.times(),
        }
    }

    /// Runs the network on `picture`, resized to the model's input (bilinear, with a filter that
    /// widens as it shrinks) and normalised.
    ///
    /// # Errors
    /// An empty picture; a failure inside the runtime.
    pub fn infer(&mut self, picture: &Picture) -> Result<Inference, EngineError> {
        match self {
            Engine::Cpu(engine) => engine.infer(picture),
        }
    }

    /// Chooses how the logits of a per-pixel network become a score; at first it is
    /// [`PixelScore::MaxSoftmax`].
    ///
    /// # Errors
    /// The model has no such logits: it is a mask model, or a prepared graph that scores another
    /// way.
    pub fn score_by(&mut self, kind: PixelScore) -> Result<(), EngineError> {
        match self {
            Engine::Cpu(engine) => engine.score_by(kind),
        }
    }

    /// Chooses how the masks of a mask model become a score; at first it is [`MaskScore::Sum`].
    ///
    /// # Errors
    /// The model is a per-pixel model, or a prepared graph, which scores by itself.
    pub fn score_masks_by(&mut self, kind: MaskScore) -> Result<(), EngineError> {
        match self {
            Engine::Cpu(engine) => engine.score_masks_by(kind),
        }
    }

    /// Anomaly score and best class per cell, from a camera's frame: the bytes that
    /// [`ModelMetadata::camera`] describes, as the driver delivers them. Where a crop leaves parts of the
    /// frame unseen, their score is 0 and their class the first.
    ///
    /// `refine` is as in [`Engine::score_at_mask_size`].
    ///
    /// # Errors
    /// The model is not prepared for a camera; bytes of another number; NaN or infinity in the
    /// outputs.
    pub fn score_bytes(&mut self, bytes: &[u8], refine: bool) -> Result<ScoredFrame, EngineError> {
        match self {
            Engine::Cpu(engine) => engine.score_bytes(bytes, refine),
        }
    }

    /// Anomaly score and best class a cell of the network's own output grid.
    ///
    /// `refine` applies mask refinement (nothing to do for a per-pixel model). A graph that was
    /// prepared without refinement has none to apply; one that was prepared with it cannot leave
    /// it out. For a prepared graph the picture becomes the bytes of a frame: resized to the
    /// camera's size, and rounded.
    ///
    /// # Errors
    /// As [`Engine::infer`]; NaN or infinity in the outputs; no refinement was asked for, but it
    /// is part of the graph.
    pub fn score_at_mask_size(
        &mut self,
        picture: &Picture,
        refine: bool,
    ) -> Result<ScoredFrame, EngineError> {
        match self {
            Engine::Cpu(engine) => engine.score_at_mask_size(picture, refine),
        }
    }

    /// Anomaly score per pixel, at the picture's own size (bilinear from the output grid).
    ///
    /// # Errors
    /// As [`Engine::score_at_mask_size`].
    pub fn score(&mut self, picture: &Picture, refine: bool) -> Result<ScoreMap, EngineError> {
        let scored = self.score_at_mask_size(picture, refine)?;
        Ok(enlarge(scored.score, picture.size()))
    }

    /// As [`Engine::score`], the mean of the picture's score and that of its mirror image: twice the
    /// time for a better map (test-time augmentation).
    ///
    /// # Errors
    /// As [`Engine::score_at_mask_size`].
    pub fn score_with_flip(
        &mut self,
        picture: &Picture,
        refine: bool,
    ) -> Result<ScoreMap, EngineError> {
        let mut score = self.score_at_mask_size(picture, refine)?.score;
        let mirrored = self.score_at_mask_size(&picture.mirrored(), refine)?.score;
        let width = score.size().w.max(1);
        let rows = score.data_mut().chunks_mut(width);
        for (row, other) in rows.zip(mirrored.data().chunks(width)) {
            for (value, other) in row.iter_mut().zip(other.iter().rev()) {
                *value = (*value + other) / 2.0;
            }
        }
        Ok(enlarge(score, picture.size()))
    }
}

/// `score` at size `to`, bilinear.
fn enlarge(score: ScoreMap, to: Size) -> ScoreMap {
    if score.size() == to {
        return score;
    }
    Upsampler::new(score.size(), to)
        .run(&score)
        .expect("the tables are for this map")
}

#[cfg(test)]
mod tests;
