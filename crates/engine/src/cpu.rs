//! The CPU engine: ONNX through `rten`.

mod frames;
mod network;
mod program;

pub use frames::FrameEncoder;
#[cfg(test)]
pub(super) use program::CpuProgram;

use super::{EngineError, EngineOptions, EngineTimes, Inference, Preprocessor};
use frames::spread;
use network::{CpuNetwork, InputTensor};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;
use unmask_frame::{Picture, open_regular_file};
use unmask_model::{
    MeasuredMetadata, ModelMetadata, ModelNames, OutputForm, ScoreHead, WrittenMetadata, prepared,
    settle,
};
use unmask_score::{
    MaskOutput, MaskScore, MaskScorer, PixelOutput, PixelScore, ScoredFrame, pixel_score,
};

/// No ONNX file is larger: protobuf messages end there.
const FILE_LIMIT_BYTES: u64 = 2 << 30;
/// More threads than any machine this runs on; a larger number is a slip of the keyboard.
const THREADS_LIMIT: usize = 1024;
/// Class indices are bytes in label maps, and 255 stays free.
const CLASSES_LIMIT: usize = 254;

/// A model loaded into `rten`, with its buffers.
pub struct CpuEngine {
    path: PathBuf,
    metadata: ModelMetadata,
    network: CpuNetwork,
    threads: usize,
    precision: &'static str,
    entry: NetworkEntry,
    kind: PixelScore,
    scorer: MaskScorer,
    times: EngineTimes,
}

/// How a picture gets into the network.
enum NetworkEntry {
    /// Resized and normalised here.
    Picture(Preprocessor),
    /// As the bytes of a camera's frame; the graph does the rest.
    Frame(FrameEncoder),
}

impl std::fmt::Debug for CpuEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CpuEngine")
            .field("path", &self.path)
            .field("threads", &self.threads)
            .field("output", &self.metadata.output)
            .finish_non_exhaustive()
    }
}

impl CpuEngine {
    /// See [`super::Engine::open`].
    pub fn open(path: &Path, options: EngineOptions) -> Result<Self, EngineError> {
        Self::from_bytes(path, read(path)?, options)
    }

    /// See [`super::Engine::from_bytes`].
    pub(crate) fn from_bytes(
        path: &Path,
        bytes: Vec<u8>,
        options: EngineOptions,
    ) -> Result<Self, EngineError> {
        let threads = thread_count(options.threads)?;
        let model = network::load(path, bytes)?;

        let get = |key: &str| model.metadata_value(key);
        let inside = WrittenMetadata::from_metadata(path, get)?;
        let prepared = prepared(path, get)?;
        let named = prepared.is_some() || !inside.outputs.is_empty() || model.has_contract_names();
        let whole = inside.is_complete() && named;
        let beside = if whole {
            WrittenMetadata::default()
        } else {
            WrittenMetadata::from_sidecar(path)?
        };
        let mut network = match &prepared {
            Some(prepared) => CpuNetwork::prepared(path, &model, &prepared.camera.format, threads)?,
            None => {
                let outputs = match inside.outputs.is_empty() {
                    true => &beside.outputs,
                    false => &inside.outputs,
                };
                CpuNetwork::plain(path, &model, outputs, threads)?
            }
        };
        let (precision, sha256) = (model.precision, model.sha256);
        // Shapes written in a file may lie; those of a run do not.
        let inference = network.run_grey()?;
        let output = output_of(&inference, inside.class_count());
        if output.known() > CLASSES_LIMIT {
            return Err(EngineError::Contract {
                path: path.to_path_buf(),
                reason: format!(
                    "{} classes; at most {CLASSES_LIMIT} can be distinguished",
                    output.known()
                ),
            });
        }
        let measured = MeasuredMetadata {
            input: prepared.map_or(network.input_size(), |p| p.input),
            output,
            sha256,
            prepared,
        };
        let metadata = settle(path, inside, beside, measured)?;
        let entry = match &metadata.camera {
            Some(camera) => NetworkEntry::Frame(FrameEncoder::new(camera.format)),
            None => NetworkEntry::Picture(Preprocessor::new(
                metadata.input,
                metadata.mean,
                metadata.std,
            )),
        };
        let mut engine = Self {
            path: path.to_path_buf(),
            entry,
            kind: PixelScore::default(),
            scorer: MaskScorer::new(),
            times: EngineTimes::default(),
            metadata,
            network,
            threads,
            precision,
        };
        engine.score_inference(inference, true)?;
        Ok(engine)
    }

    pub(super) fn model_metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    pub(super) fn precision(&self) -> &'static str {
        self.precision
    }

    pub(super) fn times(&self) -> EngineTimes {
        self.times
    }

    /// See [`super::Engine::metadata`].
    pub(super) fn metadata(&self) -> Vec<(&'static str, String)> {
        let metadata = &self.metadata;
        let mut pairs = metadata.metadata();
        if let (Some(column), OutputForm::Mask { known, .. }) =
            (metadata.no_object, metadata.output)
            && column != known
        {
            pairs.push(("unmask.no_object", column.to_string()));
        }
        if let Some(names) = self.names().outputs() {
            pairs.push(("unmask.outputs", names));
        }
        pairs
    }

    /// What the model calls its inputs and outputs.
    pub fn names(&self) -> ModelNames {
        self.network.names()
    }

    /// See [`super::Engine::score_by`].
    pub(super) fn score_by(&mut self, kind: PixelScore) -> Result<(), EngineError> {
        let refuse = |reason: String| {
            Err(EngineError::ScoreKind {
                path: self.path.clone(),
                reason,
            })
        };
        match (self.metadata.output, self.metadata.head) {
            (OutputForm::Pixel { .. }, _) => {
                self.kind = kind;
                Ok(())
            }
            (_, Some(ScoreHead::Pixel(head))) if head == kind => Ok(()),
            (_, Some(head)) => refuse(format!(
                "the graph scores by {head}, not by {kind}; prepare it again from the per-pixel \
                 model with --score {kind}"
            )),
            (..) => refuse(format!(
                "{kind} is for per-pixel models, and this one classifies masks"
            )),
        }
    }

    /// See [`super::Engine::score_masks_by`].
    pub(super) fn score_masks_by(&mut self, kind: MaskScore) -> Result<(), EngineError> {
        let refuse = |reason: String| EngineError::ScoreKind {
            path: self.path.clone(),
            reason,
        };
        match self.metadata.output {
            OutputForm::Mask { .. } => {
                self.scorer.set_kind(kind);
                Ok(())
            }
            OutputForm::Pixel { .. } => Err(refuse(format!(
                "{kind:?} is for models that classify masks, and this one classifies pixels"
            ))),
            OutputForm::Map { .. } => Err(refuse(
                "a prepared graph scores by itself; use the model that it was made from".into(),
            )),
        }
    }

    /// See [`super::Engine::infer`].
    pub(super) fn infer(&mut self, picture: &Picture) -> Result<Inference, EngineError> {
        self.network
            .pool()
            .run(|| self.infer_in_pool(EngineInput::Picture(picture)))
    }

    /// See [`super::Engine::score_at_mask_size`].
    pub(super) fn score_at_mask_size(
        &mut self,
        picture: &Picture,
        refine: bool,
    ) -> Result<ScoredFrame, EngineError> {
        self.score_input(EngineInput::Picture(picture), refine)
    }

    /// See [`super::Engine::score_bytes`].
    pub(super) fn score_bytes(
        &mut self,
        bytes: &[u8],
        refine: bool,
    ) -> Result<ScoredFrame, EngineError> {
        self.score_input(EngineInput::Bytes(bytes), refine)
    }

    /// The whole way runs inside the pool: its threads are awake, and nothing is handed over.
    fn score_input(
        &mut self,
        given: EngineInput<'_>,
        refine: bool,
    ) -> Result<ScoredFrame, EngineError> {
        if !refine && self.metadata.head == Some(ScoreHead::MaskRefined) {
            return Err(EngineError::ScoreKind {
                path: self.path.clone(),
                reason: "refinement is part of the graph; prepare it again with --no-refine".into(),
            });
        }
        self.network.pool().run(|| {
            let inference = self.infer_in_pool(given)?;
            let start = Instant::now();
            let scored = self.score_inference(inference, refine)?;
            self.times.score = start.elapsed();
            Ok(scored)
        })
    }

    fn infer_in_pool(&mut self, given: EngineInput<'_>) -> Result<Inference, EngineError> {
        let start = Instant::now();
        let refuse = |reason: String| EngineError::Frame {
            path: self.path.clone(),
            reason,
        };
        let tensor = match (&mut self.entry, given) {
            (NetworkEntry::Picture(preparer), EngineInput::Picture(picture)) => {
                preparer.run(picture).map(InputTensor::Image)
            }
            (NetworkEntry::Frame(frames), EngineInput::Picture(picture)) => {
                frames.encode(picture).map(InputTensor::Frame)
            }
            (NetworkEntry::Frame(frames), EngineInput::Bytes(bytes)) => {
                let format = frames.format();
                if bytes.len() != format.bytes() {
                    return Err(refuse(format!(
                        "it has {} bytes, but {format} has {}; set the camera to that format, or \
                         prepare the model for another with --camera and --format",
                        bytes.len(),
                        format.bytes()
                    )));
                }
                Some(InputTensor::Frame(bytes))
            }
            (NetworkEntry::Picture(_), EngineInput::Bytes(_)) => {
                return Err(refuse(
                    "it takes pictures, not a camera's bytes; make one that does with `unmask \
                     prepare`"
                        .into(),
                ));
            }
        };
        let tensor = match (tensor, given) {
            (Some(tensor), _) => tensor,
            (None, EngineInput::Picture(picture)) => {
                return Err(EngineError::EmptyPicture {
                    size: picture.size(),
                });
            }
            (None, EngineInput::Bytes(_)) => return Err(refuse("it is empty".into())),
        };
        let prepared = Instant::now();
        let inference = self.network.run(tensor)?;
        self.times = EngineTimes {
            prepare: prepared - start,
            engine: prepared.elapsed(),
            ..EngineTimes::default()
        };
        if output_of(&inference, self.metadata.classes.len()) != self.metadata.output {
            return Err(EngineError::Contract {
                path: self.path.clone(),
                reason: "the shape of its outputs changes from picture to picture".into(),
            });
        }
        Ok(inference)
    }

    fn score_inference(
        &mut self,
        inference: Inference,
        refine: bool,
    ) -> Result<ScoredFrame, EngineError> {
        match &inference {
            Inference::Mask {
                class_logits,
                mask_logits,
                queries,
                known,
                size,
            } => {
                let in_order;
                let class_logits = match self.metadata.no_object {
                    Some(column) if column < *known => {
                        in_order = no_object_last(class_logits, known + 1, column);
                        &in_order
                    }
                    _ => class_logits,
                };
                let out = MaskOutput {
                    class_logits,
                    mask_logits,
                    queries: *queries,
                    known: *known,
                    size: *size,
                };
                self.scorer.score(&out, &self.metadata.stuff, refine)
            }
            Inference::Pixel {
                logits,
                classes,
                size,
            } => {
                let out = PixelOutput {
                    logits,
                    classes: *classes,
                    size: *size,
                };
                pixel_score(&out, self.kind)
            }
            Inference::Map(scored) => {
                let known = self.metadata.classes.len();
                return frames::check(scored, known)
                    .map(|()| match &self.metadata.camera {
                        Some(camera) => spread(scored, camera),
                        None => scored.clone(),
                    })
                    .map_err(|reason| EngineError::Prepared {
                        path: self.path.clone(),
                        reason,
                    });
            }
        }
        .map_err(|source| EngineError::Score {
            path: self.path.clone(),
            source,
        })
    }
}

/// What the engine was given to look at.
#[derive(Clone, Copy)]
enum EngineInput<'a> {
    Picture(&'a Picture),
    Bytes(&'a [u8]),
}

/// Moves one column of `[queries, columns]` to the end.
fn no_object_last(logits: &[f32], columns: usize, column: usize) -> Vec<f32> {
    let mut logits = logits.to_vec();
    for row in logits.chunks_exact_mut(columns) {
        row[column..].rotate_left(1);
    }
    logits
}

fn output_of(inference: &Inference, known: usize) -> OutputForm {
    match inference {
        Inference::Mask {
            queries,
            known,
            size,
            ..
        } => OutputForm::Mask {
            queries: *queries,
            known: *known,
            size: *size,
        },
        Inference::Pixel { classes, size, .. } => OutputForm::Pixel {
            classes: *classes,
            size: *size,
        },
        Inference::Map(scored) => OutputForm::Map {
            known,
            size: scored.score.size(),
        },
    }
}

fn thread_count(asked: usize) -> Result<usize, EngineError> {
    match asked {
        0 => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        n if n > THREADS_LIMIT => Err(EngineError::Threads { threads: n }),
        n => Ok(n),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    let refuse = |source| EngineError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = open_regular_file(path).map_err(refuse)?;
    let bytes = file.metadata().map_err(refuse)?.len();
    if bytes > FILE_LIMIT_BYTES {
        return Err(EngineError::TooLarge {
            path: path.to_path_buf(),
            bytes,
        });
    }
    let mut all = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    file.take(FILE_LIMIT_BYTES)
        .read_to_end(&mut all)
        .map_err(refuse)?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_threads_means_all_and_absurd_numbers_are_refused() {
        assert!(thread_count(0).unwrap() >= 1);
        assert_eq!(thread_count(3).unwrap(), 3);
        let error = thread_count(1_000_000).unwrap_err().to_string();
        assert!(
            error.contains("1000000") && error.contains("--threads"),
            "{error}"
        );
    }

    #[test]
    fn the_no_object_column_goes_to_the_end() {
        let logits = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
        let moved = |column| no_object_last(&logits, 3, column);
        assert_eq!(moved(0), [1.0, 2.0, 0.0, 11.0, 12.0, 10.0]);
        assert_eq!(moved(1), [0.0, 2.0, 1.0, 10.0, 12.0, 11.0]);
    }
}
