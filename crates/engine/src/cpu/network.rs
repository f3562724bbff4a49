//! A graph in `rten`: loading, finding inputs and outputs, running.

use crate::{EngineError, Inference};
use rten::{
    DataType, Dimension, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView,
    ValueType, ValueView,
};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView, TensorView};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unmask_frame::{LabelMap, ScoreMap, Size};
use unmask_model::FrameFormat;
use unmask_model::{ANOMALY, CLASSES, FRAME, LogitNames, ModelNames, OutputNames, QUERY_EMBEDDING};
use unmask_onnx::read::{self, Limits};
use unmask_score::Scored;

/// Largest input, px: 16 times a 4K picture. A foreign file may ask for anything.
const INPUT_LIMIT_PX: usize = 1 << 27;

/// The loaded graph and what is needed to run it.
pub(super) struct Network {
    path: PathBuf,
    model: Model,
    input: NodeId,
    shape: InputShape,
    outputs: Outputs,
    /// A vector a query: passed on by `prepare`, not read here.
    embedding: Option<NodeId>,
    pool: Arc<ThreadPool>,
}

/// What the input takes.
enum InputShape {
    /// float32 `[1, 3, h, w]`.
    Image(Size),
    /// uint8, the shape of a camera's frame.
    Frame(Vec<usize>),
}

#[derive(Clone, Copy)]
enum Outputs {
    Mask { class: NodeId, mask: NodeId },
    Pixel { logits: NodeId },
    Map { anomaly: NodeId, classes: NodeId },
}

/// Values for the input.
#[derive(Clone, Copy)]
pub(super) enum Tensor<'a> {
    /// `[3, H, W]`, normalised.
    Image(&'a [f32]),
    /// A camera's frame.
    Frame(&'a [u8]),
}

impl Network {
    /// A model as `export` writes it, or a foreign one with its outputs' names.
    pub fn plain(
        path: &Path,
        model: Model,
        names: &OutputNames,
        threads: usize,
    ) -> Result<Self, EngineError> {
        let refuse = |reason| EngineError::Contract {
            path: path.to_path_buf(),
            reason,
        };
        let (input, size) = find_input(&model).map_err(refuse)?;
        let outputs = find_outputs(&model, names).map_err(refuse)?;
        let embedding = find_embedding(&model, names).map_err(refuse)?;
        let shape = InputShape::Image(size);
        Ok(Self {
            embedding,
            ..Self::new(path, model, input, shape, outputs, threads)
        })
    }

    /// A prepared graph that takes frames of `format`.
    pub fn prepared(
        path: &Path,
        model: Model,
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
        let find = |name: &str| {
            model
                .node_id(name)
                .map_err(|_| refuse(format!("`{name}` is missing")))
        };
        let (anomaly, classes) = (find(ANOMALY)?, find(CLASSES)?);
        let input = find(FRAME)?;
        let only_input = model.input_ids() == [input];
        let info = model.node_info(input);
        let dtype = info.as_ref().and_then(|info| info.dtype());
        let shape = info.and_then(|info| info.shape()).unwrap_or_default();
        if !only_input || dtype.is_some_and(|d| d != ValueType::Tensor(DataType::UInt8)) {
            return Err(refuse(format!("its only input must be `{FRAME}`, uint8")));
        }
        if fixed(&shape) != Some(format.shape()) {
            return Err(refuse(format!(
                "its input is {}, but a frame of {format} is {:?}",
                show(&shape),
                format.shape()
            )));
        }
        let outputs = Outputs::Map { anomaly, classes };
        let shape = InputShape::Frame(format.shape());
        Ok(Self::new(path, model, input, shape, outputs, threads))
    }

    fn new(
        path: &Path,
        model: Model,
        input: NodeId,
        shape: InputShape,
        outputs: Outputs,
        threads: usize,
    ) -> Self {
        Self {
            path: path.to_path_buf(),
            model,
            input,
            shape,
            outputs,
            embedding: None,
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
        }
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
        let name = |id: NodeId| name_of(&self.model, id).to_owned();
        ModelNames {
            input: name(self.input),
            logits: match self.outputs {
                Outputs::Mask { class, mask } => LogitNames::Mask {
                    class: name(class),
                    mask: name(mask),
                },
                Outputs::Pixel { logits } => LogitNames::Pixel(name(logits)),
                Outputs::Map { .. } => LogitNames::Prepared,
            },
            query_embedding: self.embedding.map(name),
        }
    }

    /// Runs on a grey picture, or on a frame of middling bytes.
    pub fn run_grey(&self) -> Result<Inference, EngineError> {
        match &self.shape {
            InputShape::Image(size) => self.run(Tensor::Image(&vec![0.0; size.area_px() * 3])),
            InputShape::Frame(shape) => self.run(Tensor::Frame(&vec![128; shape.iter().product()])),
        }
    }

    /// Runs the graph. The values must be as many as the input takes.
    pub fn run(&self, tensor: Tensor<'_>) -> Result<Inference, EngineError> {
        self.run_here(tensor).map_err(|fault| fault.at(&self.path))
    }

    fn run_here(&self, tensor: Tensor<'_>) -> Result<Inference, Fault> {
        let input: ValueOrView<'_> = match (tensor, &self.shape) {
            (Tensor::Image(values), InputShape::Image(size)) => {
                let view = NdTensorView::from_data([1, 3, size.h, size.w], values);
                ValueView::from(view.as_dyn()).into()
            }
            (Tensor::Frame(bytes), InputShape::Frame(shape)) => {
                ValueView::from(TensorView::from_data(shape.as_slice(), bytes)).into()
            }
            _ => return Err(Fault::Run("it takes another kind of input".into())),
        };
        let run = |ids: &[NodeId]| {
            let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
            self.model
                .run(vec![(self.input, input)], ids, Some(options))
                .map_err(|e| Fault::Run(e.to_string()))
        };
        let none = || Fault::Run("no output".into());
        match self.outputs {
            Outputs::Mask { class, mask } => {
                let mut values = run(&[class, mask])?;
                let mask = values.pop().ok_or_else(none)?;
                let class = values.pop().ok_or_else(none)?;
                mask_inference(class, mask)
            }
            Outputs::Pixel { logits } => {
                let mut values = run(&[logits])?;
                pixel_inference(values.pop().ok_or_else(none)?)
            }
            Outputs::Map { anomaly, classes } => {
                let mut values = run(&[anomaly, classes])?;
                let classes = values.pop().ok_or_else(none)?;
                let anomaly = values.pop().ok_or_else(none)?;
                map_inference(anomaly, classes)
            }
        }
    }
}

/// Why a run did not give what it should; becomes an [`EngineError`] with the file's name.
enum Fault {
    Run(String),
    Contract(String),
    Prepared(String),
}

impl Fault {
    fn at(self, path: &Path) -> EngineError {
        let path = path.to_path_buf();
        match self {
            Fault::Run(reason) => EngineError::Run { path, reason },
            Fault::Contract(reason) => EngineError::Contract { path, reason },
            Fault::Prepared(reason) => EngineError::Prepared { path, reason },
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

fn map_inference(anomaly: Value, classes: Value) -> Result<Inference, Fault> {
    let ([one, h, w], score) = take::<3>(ANOMALY, anomaly)?;
    let classes: NdTensor<i32, 3> = classes
        .try_into()
        .map_err(|_| Fault::Prepared(format!("`{CLASSES}` is not [1,h,w] of int32")))?;
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
            Ok(Inference::Map(Scored {
                score,
                classes: labels,
                qualified: 0,
            }))
        }
        _ => Err(Fault::Prepared(format!(
            "it gave {ANOMALY} [{one},{h},{w}] and {CLASSES} {:?}",
            classes.shape()
        ))),
    }
}

/// A model in `rten`, and what is known of its file.
pub(super) struct Loaded {
    pub model: Model,
    /// The number format in which the model asks to be computed.
    pub precision: &'static str,
    /// See [`read::Runnable::sha256`].
    pub sha256: String,
}

/// Loads the bytes of the model file `path`. Its graph is checked first, as `unmask inspect` checks
/// it: an engine sees no graph whose sizes are not known and bounded. External data is read from
/// the file's own folder only, whatever paths the file names.
pub(super) fn load(path: &Path, bytes: Vec<u8>) -> Result<Loaded, EngineError> {
    let refuse = |reason: String| EngineError::Load {
        path: path.to_path_buf(),
        reason,
    };
    let read::Runnable {
        bytes,
        sha256,
        precision,
    } = read::runnable(bytes, path.parent(), &Limits::default())
        .map_err(|e| refuse(e.to_string()))?;
    // The form is right; a loader that stumbles over a value must still not take us down.
    let loaded = std::panic::catch_unwind(|| {
        ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(bytes)
    });
    match loaded {
        Ok(Ok(model)) => Ok(Loaded {
            model,
            precision,
            sha256,
        }),
        Ok(Err(e)) => Err(refuse(e.to_string())),
        Err(_) => Err(refuse("the file is damaged".into())),
    }
}

pub(super) fn has_contract_names(model: &Model) -> bool {
    find_outputs(model, &OutputNames::default()).is_ok()
}

fn find_input(model: &Model) -> Result<(NodeId, Size), String> {
    let &[input] = model.input_ids() else {
        return Err(format!("it has {} inputs", model.input_ids().len()));
    };
    let shape = model.input_shape(0).unwrap_or_default();
    let Some(&[1, 3, h, w]) = fixed(&shape).as_deref() else {
        return Err(format!("its input is {}", show(&shape)));
    };
    match h.checked_mul(w) {
        Some(px) if (1..=INPUT_LIMIT_PX).contains(&px) => Ok((input, Size::new(w, h))),
        _ => Err(format!("its input is {w}x{h} px")),
    }
}

/// The shape, where no dimension is dynamic.
fn fixed(shape: &[Dimension]) -> Option<Vec<usize>> {
    let sides = shape.iter().map(|d| match d {
        Dimension::Fixed(n) => Some(*n),
        Dimension::Symbolic(_) => None,
    });
    sides.collect()
}

fn show(shape: &[Dimension]) -> String {
    let sides: Vec<String> = shape
        .iter()
        .map(|d| match d {
            Dimension::Fixed(n) => n.to_string(),
            Dimension::Symbolic(name) => name.clone(),
        })
        .collect();
    format!("[{}]", sides.join(","))
}

fn name_of(model: &Model, id: NodeId) -> &str {
    model.node_info(id).and_then(|n| n.name()).unwrap_or("")
}

fn find_outputs(model: &Model, names: &OutputNames) -> Result<Outputs, String> {
    let ids = model.output_ids();
    let name_of = |id: NodeId| name_of(model, id);
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

/// The output with a vector a query: the one that `names` names, which must be there, or the one
/// that is called so.
fn find_embedding(model: &Model, names: &OutputNames) -> Result<Option<NodeId>, String> {
    let wanted = names.query_embedding.as_deref();
    let name = wanted.unwrap_or(QUERY_EMBEDDING);
    let mut ids = model.output_ids().iter().copied();
    match (ids.find(|&id| name_of(model, id) == name), wanted) {
        (None, Some(name)) => Err(format!("`{name}` (query_embedding) is none of its outputs")),
        (found, _) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                Err(Fault::Prepared(_))
            ));
        }
    }
}
