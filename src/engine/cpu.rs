//! The CPU engine: ONNX through `rten`.

use super::facts::{self, Facts, Measured, Output, OutputNames, Written};
use super::{EngineError, Inference, Options, Preparer, Times, wire};
use crate::frame::{Picture, Size};
use crate::score::{MaskOutput, PixelOutput, Scored, Scorer, pixel_score};
use rten::{Dimension, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// No ONNX file is larger: protobuf messages end there.
const FILE_LIMIT_BYTES: u64 = 2 << 30;
/// More threads than any machine this runs on; a larger number is a slip of the keyboard.
const THREADS_LIMIT: usize = 1024;
/// Class indices are bytes in label maps, and 255 stays free.
const CLASSES_LIMIT: usize = 254;
/// Largest input, px: 16 times a 4K picture. A foreign file may ask for anything.
const INPUT_LIMIT_PX: usize = 1 << 27;

/// A model loaded into `rten`, with its buffers.
pub struct CpuEngine {
    path: PathBuf,
    facts: Facts,
    graph: Graph,
    threads: usize,
    preparer: Preparer,
    scorer: Scorer,
    times: Times,
}

/// The loaded graph and what is needed to run it.
struct Graph {
    model: Model,
    input: NodeId,
    size: Size,
    outputs: Outputs,
    pool: Arc<ThreadPool>,
}

#[derive(Clone, Copy)]
enum Outputs {
    Mask { class: NodeId, mask: NodeId },
    Pixel { logits: NodeId },
}

impl std::fmt::Debug for CpuEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CpuEngine")
            .field("path", &self.path)
            .field("threads", &self.threads)
            .field("output", &self.facts.output)
            .finish_non_exhaustive()
    }
}

impl CpuEngine {
    /// See [`super::Engine::open`].
    pub(super) fn open(path: &Path, options: Options) -> Result<Self, EngineError> {
        let threads = thread_count(options.threads)?;
        let bytes = read(path)?;
        let sha256 = hex(&Sha256::digest(&bytes));
        let model = load(path, bytes)?;

        let inside = Written::from_metadata(path, |key| model.metadata().get(key))?;
        let beside = if inside.is_whole() && has_contract_names(&model) {
            Written::default()
        } else {
            Written::from_beside(path)?
        };
        let refuse = |reason| EngineError::Contract {
            path: path.to_path_buf(),
            reason,
        };
        let (input, size) = find_input(&model).map_err(refuse)?;
        let outputs = find_outputs(&model, &beside.outputs).map_err(refuse)?;
        let graph = Graph {
            model,
            input,
            size,
            outputs,
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
        };
        // Shapes written in a file may lie; those of a run do not.
        let grey = vec![0.0; size.area_px() * 3];
        let inference = graph.run(&grey).map_err(|fault| fault.at(path))?;
        let output = output_of(&inference);
        if output.known() > CLASSES_LIMIT {
            return Err(refuse(format!(
                "{} classes; at most {CLASSES_LIMIT} can be told apart",
                output.known()
            )));
        }
        let measured = Measured {
            input: size,
            output,
            sha256,
        };
        let facts = facts::settle(path, inside, beside, measured)?;
        let mut engine = Self {
            path: path.to_path_buf(),
            preparer: Preparer::new(size, facts.mean, facts.std),
            scorer: Scorer::new(),
            times: Times::default(),
            facts,
            graph,
            threads,
        };
        engine.score_inference(&inference, true)?;
        Ok(engine)
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    pub(super) fn times(&self) -> Times {
        self.times
    }

    /// See [`super::Engine::infer`].
    pub(super) fn infer(&mut self, picture: &Picture) -> Result<Inference, EngineError> {
        let pool = self.graph.pool.clone();
        pool.run(|| self.infer_here(picture))
    }

    /// See [`super::Engine::score_at_mask_size`].
    ///
    /// The whole way runs inside the pool: its threads are awake, and nothing is handed over.
    pub(super) fn score_at_mask_size(
        &mut self,
        picture: &Picture,
        refine: bool,
    ) -> Result<Scored, EngineError> {
        let pool = self.graph.pool.clone();
        pool.run(|| {
            let inference = self.infer_here(picture)?;
            let start = Instant::now();
            let scored = self.score_inference(&inference, refine)?;
            self.times.score = start.elapsed();
            Ok(scored)
        })
    }

    fn infer_here(&mut self, picture: &Picture) -> Result<Inference, EngineError> {
        let start = Instant::now();
        let input = self
            .preparer
            .run(picture)
            .ok_or(EngineError::EmptyPicture {
                size: picture.size(),
            })?;
        let prepared = Instant::now();
        let inference = self
            .graph
            .run(input)
            .map_err(|fault| fault.at(&self.path))?;
        self.times = Times {
            prepare: prepared - start,
            engine: prepared.elapsed(),
            ..Times::default()
        };
        if output_of(&inference) != self.facts.output {
            return Err(EngineError::Contract {
                path: self.path.clone(),
                reason: "the shape of its outputs changes from picture to picture".into(),
            });
        }
        Ok(inference)
    }

    fn score_inference(
        &mut self,
        inference: &Inference,
        refine: bool,
    ) -> Result<Scored, EngineError> {
        match inference {
            Inference::Mask {
                class_logits,
                mask_logits,
                queries,
                known,
                size,
            } => {
                let out = MaskOutput {
                    class_logits,
                    mask_logits,
                    queries: *queries,
                    known: *known,
                    size: *size,
                };
                self.scorer.score(&out, &self.facts.stuff, refine)
            }
            Inference::Pixel {
                logits,
                classes,
                size,
            } => pixel_score(&PixelOutput {
                logits,
                classes: *classes,
                size: *size,
            }),
        }
        .map_err(|source| EngineError::Score {
            path: self.path.clone(),
            source,
        })
    }
}

/// Why a run did not give what it should; becomes an [`EngineError`] with the file's name.
enum Fault {
    Run(String),
    Contract(String),
}

impl Fault {
    fn at(self, path: &Path) -> EngineError {
        let path = path.to_path_buf();
        match self {
            Fault::Run(reason) => EngineError::Run { path, reason },
            Fault::Contract(reason) => EngineError::Contract { path, reason },
        }
    }
}

impl Graph {
    fn run(&self, input: &[f32]) -> Result<Inference, Fault> {
        let shape = [1, 3, self.size.h, self.size.w];
        let view = NdTensorView::from_data(shape, input);
        let inputs = vec![(self.input, ValueView::from(view.as_dyn()).into())];
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        let run = |ids: &[NodeId]| {
            self.model
                .run(inputs, ids, Some(options))
                .map_err(|e| Fault::Run(e.to_string()))
        };
        match self.outputs {
            Outputs::Mask { class, mask } => {
                let mut values = run(&[class, mask])?;
                let mask = values.pop().ok_or_else(|| Fault::Run("no output".into()))?;
                let class = values.pop().ok_or_else(|| Fault::Run("no output".into()))?;
                mask_inference(class, mask)
            }
            Outputs::Pixel { logits } => {
                let mut values = run(&[logits])?;
                let logits = values.pop().ok_or_else(|| Fault::Run("no output".into()))?;
                pixel_inference(logits)
            }
        }
    }
}

fn mask_inference(class: Value, mask: Value) -> Result<Inference, Fault> {
    let ([one, queries, columns], class_logits) = take::<3>("class_logits", class)?;
    let ([one_too, queries_too, h, w], mask_logits) = take::<4>("mask_logits", mask)?;
    let fits = one == 1
        && one_too == 1
        && queries == queries_too
        && queries > 0
        && columns >= 2
        && h > 0
        && w > 0;
    if !fits {
        return Err(Fault::Contract(format!(
            "it gave class_logits [{one},{queries},{columns}] and mask_logits \
             [{one_too},{queries_too},{h},{w}]"
        )));
    }
    Ok(Inference::Mask {
        class_logits,
        mask_logits,
        queries,
        known: columns - 1,
        size: Size::new(w, h),
    })
}

fn pixel_inference(logits: Value) -> Result<Inference, Fault> {
    let ([one, classes, h, w], logits) = take::<4>("logits", logits)?;
    if one != 1 || classes == 0 || h == 0 || w == 0 {
        let reason = format!("it gave logits [{one},{classes},{h},{w}]");
        return Err(Fault::Contract(reason));
    }
    Ok(Inference::Pixel {
        logits,
        classes,
        size: Size::new(w, h),
    })
}

/// Shape and values of an output, which must be float32 with `N` dimensions.
fn take<const N: usize>(name: &str, value: Value) -> Result<([usize; N], Vec<f32>), Fault> {
    let have = value.dtype();
    let dims = value.as_view().shape().len();
    let tensor: NdTensor<f32, N> = value.try_into().map_err(|_| {
        Fault::Contract(format!(
            "output `{name}` has {dims} dimensions of type {have:?}; wanted {N} of float32"
        ))
    })?;
    Ok((tensor.shape(), tensor.into_data()))
}

fn output_of(inference: &Inference) -> Output {
    match *inference {
        Inference::Mask {
            queries,
            known,
            size,
            ..
        } => Output::Mask {
            queries,
            known,
            size,
        },
        Inference::Pixel { classes, size, .. } => Output::Pixel { classes, size },
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
    let bytes = std::fs::metadata(path).map_err(refuse)?.len();
    if bytes > FILE_LIMIT_BYTES {
        return Err(EngineError::TooLarge {
            path: path.to_path_buf(),
            bytes,
        });
    }
    std::fs::read(path).map_err(refuse)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Loads from memory: data outside the file is never read, whatever paths the file names.
fn load(path: &Path, bytes: Vec<u8>) -> Result<Model, EngineError> {
    let refuse = |reason: String| EngineError::Load {
        path: path.to_path_buf(),
        reason,
    };
    wire::check(&bytes).map_err(|e| refuse(e.to_string()))?;
    // The form is right; a loader that stumbles over a value must still not take us down.
    let loaded = std::panic::catch_unwind(|| {
        ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(bytes)
    });
    match loaded {
        Ok(Ok(model)) => Ok(model),
        Ok(Err(e)) => Err(refuse(e.to_string())),
        Err(_) => Err(refuse("the file is damaged".into())),
    }
}

fn has_contract_names(model: &Model) -> bool {
    find_outputs(model, &OutputNames::default()).is_ok()
}

fn find_input(model: &Model) -> Result<(NodeId, Size), String> {
    let &[input] = model.input_ids() else {
        return Err(format!("it has {} inputs", model.input_ids().len()));
    };
    let shape = model.input_shape(0).unwrap_or_default();
    let fixed: Vec<usize> = shape
        .iter()
        .filter_map(|d| match d {
            Dimension::Fixed(n) => Some(*n),
            Dimension::Symbolic(_) => None,
        })
        .collect();
    let &[1, 3, h, w] = fixed.as_slice() else {
        let shown: Vec<String> = shape
            .iter()
            .map(|d| match d {
                Dimension::Fixed(n) => n.to_string(),
                Dimension::Symbolic(name) => name.clone(),
            })
            .collect();
        let reason = format!("its input is [{}]", shown.join(","));
        return Err(reason);
    };
    match h.checked_mul(w) {
        Some(px) if (1..=INPUT_LIMIT_PX).contains(&px) => Ok((input, Size::new(w, h))),
        _ => Err(format!("its input is {w}x{h} px")),
    }
}

fn find_outputs(model: &Model, names: &OutputNames) -> Result<Outputs, String> {
    let ids = model.output_ids();
    let name_of = |id: NodeId| model.node_info(id).and_then(|n| n.name()).unwrap_or("");
    let find = |given: &Option<String>, contract: &str| {
        let name = given.as_deref().unwrap_or(contract);
        ids.iter().copied().find(|&id| name_of(id) == name)
    };
    let class = find(&names.class_logits, "class_logits");
    let mask = find(&names.mask_logits, "mask_logits");
    if let (Some(class), Some(mask)) = (class, mask) {
        return Ok(Outputs::Mask { class, mask });
    }
    if let Some(logits) = find(&names.logits, "logits") {
        return Ok(Outputs::Pixel { logits });
    }
    let have: Vec<&str> = ids.iter().map(|&id| name_of(id)).collect();
    Err(format!("its outputs are [{}]", have.join(", ")))
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
    fn hashes_are_written_in_hexadecimal() {
        assert_eq!(hex(&[0, 1, 0xab, 0xff]), "0001abff");
    }

    #[test]
    fn outputs_of_another_type_or_rank_are_refused() {
        let ints = Value::from_shape([1, 2], vec![1i32, 2]).unwrap();
        let Err(Fault::Contract(reason)) = take::<2>("logits", ints) else {
            panic!("integers were taken for float32");
        };
        assert!(
            reason.contains("`logits`") && reason.contains("float32"),
            "{reason}"
        );
        let flat = Value::from_shape([4], vec![0.0f32; 4]).unwrap();
        assert!(take::<2>("logits", flat).is_err());
    }
}
