//! A graph: loading, finding inputs and outputs, running.

use super::program::CpuProgram;
use crate::lower::lower;
use crate::{EngineError, Inference};
use rten::{ThreadPool, Value, ValueView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView, TensorView};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unmask_frame::{LabelMap, ScoreMap, Size};
use unmask_model::FrameFormat;
use unmask_model::{ANOMALY, CLASSES, FRAME, LogitNames, ModelNames, OutputNames, QUERY_EMBEDDING};
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::messages::DataType;
use unmask_onnx::read::{self, ReadLimits};
use unmask_score::ScoredFrame;

/// Largest input, px: 16 times a 4K picture. A foreign file may ask for anything.
const INPUT_LIMIT_PX: usize = 1 << 27;

/// The loaded graph and what is needed to run it.
pub(super) struct CpuNetwork {
    path: PathBuf,
    program: CpuProgram,
    names: ModelNames,
    shape: InputShape,
    outputs: OutputNodes,
    pool: Arc<ThreadPool>,
}

/// A file, read and lowered.
pub(super) struct Lowered {
    pub graph: OnnxGraph,
    /// `metadata_props`.
    pub metadata: Vec<(String, String)>,
    /// Number format in which the model asks to be computed.
    pub precision: &'static str,
    /// See [`read::Runnable::sha256`].
    pub sha256: String,
}

impl Lowered {
    /// The fact `key`.
    pub fn metadata_value(&self, key: &str) -> Option<&str> {
        let found = self.metadata.iter().find(|(name, _)| name == key);
        found.map(|(_, text)| text.as_str())
    }

    /// Whether its outputs are called as the contract says.
    pub fn has_contract_names(&self) -> bool {
        find_outputs(&self.graph, &OutputNames::default()).is_ok()
    }
}

/// What the input takes.
enum InputShape {
    /// float32 `[1, 3, h, w]`.
    Image(Size),
    /// uint8, the shape of a camera's frame.
    Frame(Vec<usize>),
}

/// Places among the graph's outputs.
#[derive(Clone, Copy)]
enum OutputNodes {
    Mask { class: usize, mask: usize },
    Pixel { logits: usize },
    Map { anomaly: usize, classes: usize },
}

/// Values for the input.
#[derive(Clone, Copy)]
pub(super) enum InputTensor<'a> {
    /// `[3, H, W]`, normalised.
    Image(&'a [f32]),
    /// A camera's frame.
    Frame(&'a [u8]),
}

impl CpuNetwork {
    /// A model as `export` writes it, or a foreign one with its outputs' names.
    pub fn plain(
        path: &Path,
        model: &Lowered,
        names: &OutputNames,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let refuse = |reason| EngineError::Contract {
            path: path.to_path_buf(),
            reason,
        };
        let graph = &model.graph;
        let (input, size) = find_input(graph).map_err(refuse)?;
        let outputs = find_outputs(graph, names).map_err(refuse)?;
        let embedding = find_embedding(graph, names).map_err(refuse)?;
        let name = |place: usize| graph.outputs()[place].0.clone();
        let names = ModelNames {
            input,
            logits: match outputs {
                OutputNodes::Mask { class, mask } => LogitNames::Mask {
                    class: name(class),
                    mask: name(mask),
                },
                OutputNodes::Pixel { logits } => LogitNames::Pixel(name(logits)),
                OutputNodes::Map { .. } => LogitNames::Prepared,
            },
            query_embedding: embedding,
        };
        Self::new(
            path,
            model,
            names,
            InputShape::Image(size),
            outputs,
            threads,
        )
    }

    /// A prepared graph that takes frames of `format`.
    pub fn prepared(
        path: &Path,
        model: &Lowered,
        format: &FrameFormat,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let refuse = |reason: String| EngineError::Prepared {
            path: path.to_path_buf(),
            reason,
        };
        if format.size.area_px() > INPUT_LIMIT_PX {
            return Err(refuse(format!("its frame is {} px", format.size)));
        }
        let graph = &model.graph;
        let missing = |name: &str| refuse(format!("`{name}` is missing"));
        let find = |name: &str| {
            let place = graph
                .outputs()
                .iter()
                .position(|(output, _)| output == name);
            place.ok_or_else(|| missing(name))
        };
        let (anomaly, classes) = (find(ANOMALY)?, find(CLASSES)?);
        let inputs: Vec<_> = graph.inputs().iter().map(|&id| graph.value(id)).collect();
        if !inputs
            .iter()
            .any(|value| value.label.as_deref() == Some(FRAME))
        {
            return Err(missing(FRAME));
        }
        let &[frame] = &inputs[..] else {
            return Err(refuse(format!("its only input must be `{FRAME}`, uint8")));
        };
        if frame.dtype != DataType::Uint8 {
            return Err(refuse(format!("its only input must be `{FRAME}`, uint8")));
        }
        if frame.shape != format.shape() {
            return Err(refuse(format!(
                "its input is {}, but a frame of {format} is {:?}",
                show(&frame.shape),
                format.shape()
            )));
        }
        let names = ModelNames {
            input: FRAME.to_owned(),
            logits: LogitNames::Prepared,
            query_embedding: None,
        };
        let outputs = OutputNodes::Map { anomaly, classes };
        let shape = InputShape::Frame(format.shape());
        Self::new(path, model, names, shape, outputs, threads)
    }

    fn new(
        path: &Path,
        model: &Lowered,
        names: ModelNames,
        shape: InputShape,
        outputs: OutputNodes,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let pool = Arc::new(ThreadPool::with_num_threads(threads));
        let program = CpuProgram::new(&model.graph, pool.clone());
        let program = program.map_err(|reason| EngineError::Load {
            path: path.to_path_buf(),
            reason,
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            program,
            names,
            shape,
            outputs,
            pool,
        })
    }

    pub fn pool(&self) -> Arc<ThreadPool> {
        self.pool.clone()
    }

    /// Size of the picture that the input holds, px; of a frame it is not known here.
    pub fn input_size(&self) -> Size {
        match &self.shape {
            InputShape::Image(size) => *size,
            InputShape::Frame(_) => Size::new(0, 0),
        }
    }

    pub fn names(&self) -> ModelNames {
        self.names.clone()
    }

    /// Runs on a grey picture, or on a frame of middling bytes.
    pub fn run_grey(&mut self) -> Result<Inference, EngineError> {
        match &self.shape {
            InputShape::Image(size) => self.run(InputTensor::Image(&vec![0.0; size.area_px() * 3])),
            InputShape::Frame(shape) => {
                self.run(InputTensor::Frame(&vec![128; shape.iter().product()]))
            }
        }
    }

    /// Runs the graph. The values must be as many as the input takes.
    pub fn run(&mut self, tensor: InputTensor<'_>) -> Result<Inference, EngineError> {
        self.run_in_pool(tensor)
            .map_err(|fault| fault.at(&self.path))
    }

    fn run_in_pool(&mut self, tensor: InputTensor<'_>) -> Result<Inference, NetworkFault> {
        let input: ValueView<'_> = match (tensor, &self.shape) {
            (InputTensor::Image(values), InputShape::Image(size)) => {
                let view = NdTensorView::from_data([1, 3, size.h, size.w], values);
                ValueView::from(view.as_dyn())
            }
            (InputTensor::Frame(bytes), InputShape::Frame(shape)) => {
                ValueView::from(TensorView::from_data(shape.as_slice(), bytes))
            }
            _ => return Err(NetworkFault::Run("it takes another kind of input".into())),
        };
        let mut run = |outputs: &[usize]| {
            self.program
                .run(std::slice::from_ref(&input), outputs)
                .map_err(NetworkFault::Run)
        };
        let none = || NetworkFault::Run("no output".into());
        match self.outputs {
            OutputNodes::Mask { class, mask } => {
                let mut values = run(&[class, mask])?;
                let mask = values.pop().ok_or_else(none)?;
                let class = values.pop().ok_or_else(none)?;
                mask_inference(class, mask)
            }
            OutputNodes::Pixel { logits } => {
                let mut values = run(&[logits])?;
                pixel_inference(values.pop().ok_or_else(none)?)
            }
            OutputNodes::Map { anomaly, classes } => {
                let mut values = run(&[anomaly, classes])?;
                let classes = values.pop().ok_or_else(none)?;
                let anomaly = values.pop().ok_or_else(none)?;
                map_inference(anomaly, classes)
            }
        }
    }
}

/// Why a run did not give what it should; becomes an [`EngineError`] with the file's name.
enum NetworkFault {
    Run(String),
    Contract(String),
    Prepared(String),
}

impl NetworkFault {
    fn at(self, path: &Path) -> EngineError {
        let path = path.to_path_buf();
        match self {
            NetworkFault::Run(reason) => EngineError::Run { path, reason },
            NetworkFault::Contract(reason) => EngineError::Contract { path, reason },
            NetworkFault::Prepared(reason) => EngineError::Prepared { path, reason },
        }
    }
}

fn mask_inference(class: Value, mask: Value) -> Result<Inference, NetworkFault> {
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
        return Err(NetworkFault::Contract(format!(
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

fn pixel_inference(logits: Value) -> Result<Inference, NetworkFault> {
    let ([one, classes, h, w], logits) = take::<4>("logits", logits)?;
    if one != 1 || classes == 0 || h == 0 || w == 0 {
        let reason = format!("it gave logits [{one},{classes},{h},{w}]");
        return Err(NetworkFault::Contract(reason));
    }
    Ok(Inference::Pixel {
        logits,
        classes,
        size: Size::new(w, h),
    })
}

/// Shape and values of an output, which must be float32 with `N` dimensions.
fn take<const N: usize>(name: &str, value: Value) -> Result<([usize; N], Vec<f32>), NetworkFault> {
    let have = value.dtype();
    let dims = value.as_view().shape().len();
    let tensor: NdTensor<f32, N> = value.try_into().map_err(|_| {
        NetworkFault::Contract(format!(
            "output `{name}` has {dims} dimensions of type {have:?}; expected {N} of float32"
        ))
    })?;
    Ok((tensor.shape(), tensor.into_data()))
}

fn map_inference(anomaly: Value, classes: Value) -> Result<Inference, NetworkFault> {
    let ([one, h, w], score) = take::<3>(ANOMALY, anomaly)?;
    let classes: NdTensor<i32, 3> = classes
        .try_into()
        .map_err(|_| NetworkFault::Prepared(format!("`{CLASSES}` is not [1,h,w] of int32")))?;
    // Out of range becomes 255, which stands for no class and is refused where it is checked.
    let labels = classes.iter().map(|&c| u8::try_from(c).unwrap_or(u8::MAX));
    let size = Size::new(w, h);
    let maps = (
        ScoreMap::new(size, score),
        LabelMap::new(size, labels.collect()),
    );
    match maps {
        (Some(score), Some(labels))
            if one == 1 && size.area_px() > 0 && classes.shape() == [1, h, w] =>
        {
            Ok(Inference::Map(ScoredFrame {
                score,
                classes: labels,
                qualified: 0,
            }))
        }
        _ => Err(NetworkFault::Prepared(format!(
            "it gave {ANOMALY} [{one},{h},{w}] and {CLASSES} {:?}",
            classes.shape()
        ))),
    }
}

/// Reads the bytes of the model file `path` as `unmask inspect` reads them: an engine sees no graph
/// whose sizes are not known and bounded. External data is read from the file's own folder only,
/// whatever paths the file names. What the runtime would not compute as the standard says is
/// rewritten or refused.
pub(super) fn load(path: &Path, bytes: Vec<u8>) -> Result<Lowered, EngineError> {
    let refuse = |e: unmask_onnx::OnnxError| EngineError::Load {
        path: path.to_path_buf(),
        reason: e.to_string(),
    };
    let limits = ReadLimits::default();
    let read::Runnable {
        bytes,
        sha256,
        precision,
    } = read::runnable(bytes, path.parent(), &limits).map_err(refuse)?;
    let messages = read::whole(&bytes, &limits).map_err(refuse)?;
    drop(bytes);
    let (mut graph, metadata) = OnnxGraph::from_model(&messages, None, &limits).map_err(refuse)?;
    drop(messages);
    lower(&mut graph).map_err(refuse)?;
    Ok(Lowered {
        graph,
        metadata,
        precision,
        sha256,
    })
}

/// Name and size of the input.
fn find_input(graph: &OnnxGraph) -> Result<(String, Size), String> {
    let &[input] = graph.inputs() else {
        return Err(format!("it has {} inputs", graph.inputs().len()));
    };
    let value = graph.value(input);
    let &[1, 3, h, w] = &value.shape[..] else {
        return Err(format!("its input is {}", show(&value.shape)));
    };
    if value.dtype != DataType::Float {
        return Err(format!("its input is of type {:?}", value.dtype));
    }
    let name = value.label.as_deref().unwrap_or("").to_owned();
    match h.checked_mul(w) {
        Some(px) if (1..=INPUT_LIMIT_PX).contains(&px) => Ok((name, Size::new(w, h))),
        _ => Err(format!("its input is {w}x{h} px")),
    }
}

fn show(shape: &[usize]) -> String {
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", sides.join(","))
}

fn find_outputs(graph: &OnnxGraph, names: &OutputNames) -> Result<OutputNodes, String> {
    let outputs = graph.outputs();
    let find = |given: &Option<String>, contract: &str| {
        let name = given.as_deref().unwrap_or(contract);
        outputs.iter().position(|(output, _)| output == name)
    };
    let class = find(&names.class_logits, "class_logits");
    let mask = find(&names.mask_logits, "mask_logits");
    if let (Some(class), Some(mask)) = (class, mask) {
        return Ok(OutputNodes::Mask { class, mask });
    }
    if let Some(logits) = find(&names.logits, "logits") {
        return Ok(OutputNodes::Pixel { logits });
    }
    let have: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    Err(format!("its outputs are [{}]", have.join(", ")))
}

/// The output with a vector per query: the one that `names` names, which must be there, or the one
/// that is called so.
fn find_embedding(graph: &OnnxGraph, names: &OutputNames) -> Result<Option<String>, String> {
    let wanted = names.query_embedding.as_deref();
    let name = wanted.unwrap_or(QUERY_EMBEDDING);
    let there = graph.outputs().iter().any(|(output, _)| output == name);
    match (there, wanted) {
        (true, _) => Ok(Some(name.to_owned())),
        (false, Some(name)) => Err(format!("`{name}` (query_embedding) is none of its outputs")),
        (false, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_another_type_or_rank_are_refused() {
        let ints = Value::from_shape([1, 2], vec![1i32, 2]).unwrap();
        let Err(NetworkFault::Contract(reason)) = take::<2>("logits", ints) else {
            panic!("integers were taken for float32");
        };
        assert!(
            reason.contains("`logits`") && reason.contains("float32"),
            "{reason}"
        );
        let flat = Value::from_shape([4], vec![0.0f32; 4]).unwrap();
        assert!(take::<2>("logits", flat).is_err());
    }

    #[test]
    fn maps_of_a_prepared_graph_must_agree() {
        let score = || Value::from_shape([1, 1, 2], vec![0.5f32, 1.5]).unwrap();
        let labels = |shape: &[usize]| Value::from_shape(shape, vec![1i32, -7]).unwrap();
        let Ok(Inference::Map(scored)) = map_inference(score(), labels(&[1, 1, 2])) else {
            panic!("good maps were refused");
        };
        assert_eq!(scored.classes.data(), [1, 255]);
        for shape in [&[1, 2, 1][..], &[2]] {
            assert!(matches!(
                map_inference(score(), labels(shape)),
                Err(NetworkFault::Prepared(_))
            ));
        }
    }
}
