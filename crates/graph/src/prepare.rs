//! Adds a preprocess and a postprocess subgraph to a model: camera bytes in, maps out.
//!
//! The model's own nodes stay as they are; nodes before and behind them are added (`front` and
//! `head` build them, `splice` joins the three). `docs/graph.md` describes the result.

mod build;
mod fit;
mod postprocess;
mod preprocess;
mod splice;

use super::{GraphError, cost};
use splice::{GraphParts, splice};
use std::collections::HashMap;
use std::path::Path;
use unmask_engine::{CpuEngine, Engine, EngineError};
use unmask_frame::Size;
use unmask_model::{
    ColourMatrix, ColourRange, FRAME, FrameFit, FrameFormat, FrameView, LogitNames, ModelMetadata,
    ModelNames, OutputForm, PixelFormat, ScoreHead, name_of,
};
use unmask_onnx::messages::{DataType, ModelProto};
use unmask_onnx::read::{self, ReadLimits};
use unmask_score::PixelScore;

/// What the names of the nodes before the model start with.
pub(crate) const PREPROCESS_SCOPE: &str = "front/";

/// Opsets whose operators front and head are written for.
const OPSETS: std::ops::RangeInclusive<i64> = 13..=19;

/// Smallest and largest side of a frame, px.
const SIDES_PX: std::ops::RangeInclusive<usize> = 2..=16384;

/// How to prepare a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrepareOptions {
    /// Size of the camera's frames; none = the model's own input size.
    pub camera: Option<Size>,
    /// Layout of the frame's bytes; none = RGB24.
    pub format: Option<PixelFormat>,
    /// Luma weights of YUV layouts.
    pub matrix: ColourMatrix,
    /// Byte values of YUV layouts.
    pub range: ColourRange,
    /// How the picture meets the network's input.
    pub fit: FrameFit,
    /// Leave mask refinement out.
    pub no_refine: bool,
    /// Score of a per-pixel model; none = [`PixelScore::MaxSoftmax`]. A mask model has none.
    pub score: Option<PixelScore>,
    /// Enlarge the logits to the network's input size before they are scored, as the authors do.
    pub full_size: bool,
    /// Threads of the checking run; 0 = all.
    pub threads: usize,
}

/// A prepared graph that passed its check.
#[derive(Clone, Debug)]
pub struct PreparedGraph {
    /// The ONNX file's bytes.
    pub bytes: Vec<u8>,
    /// What the file says of itself, and what its run gave.
    pub metadata: ModelMetadata,
    /// Names and shapes of its outputs.
    pub outputs: Vec<(String, Vec<usize>)>,
    /// Nodes added before the model.
    pub preprocess_nodes: usize,
    /// Nodes added behind the model.
    pub postprocess_nodes: usize,
    /// Multiplications of the front, a frame.
    pub preprocess_macs: u64,
}

/// Prepares the model file `path`, and runs the result once on the CPU engine.
///
/// # Errors
/// A model that the engine does not take, or that is prepared already; options that do not fit it;
/// an opset that front and head are not written for; a result that does not pass its check.
pub fn prepare(path: &Path, options: &PrepareOptions) -> Result<PreparedGraph, PrepareError> {
    let threads = unmask_engine::EngineOptions {
        threads: options.threads,
    };
    let engine = CpuEngine::open(path, threads)?;
    let (names, metadata) = (engine.names(), Engine::Cpu(engine).model_metadata().clone());
    if metadata.head.is_some() {
        return Err(option(format!(
            "{} is prepared already: give the model that it was made from",
            path.display()
        )));
    }
    let model = read::open_complete(path, &ReadLimits::default())?;
    let plan = PreparePlan::new(&model, &names, metadata, options)?;
    let joined = plan.run(model, &names)?;
    let outputs = joined
        .model
        .graph
        .iter()
        .flat_map(|graph| &graph.output)
        .map(|o| {
            (
                o.name.clone().unwrap_or_default(),
                o.static_shape().unwrap_or_default(),
            )
        })
        .collect();
    let bytes = joined.model.to_bytes();
    // The engine's own opening run is the check: shapes, types, finite scores, known classes.
    let name = path.with_file_name("the prepared graph");
    let metadata = Engine::from_bytes(&name, bytes.clone(), threads)?
        .model_metadata()
        .clone();
    Ok(PreparedGraph {
        bytes,
        metadata,
        outputs,
        preprocess_nodes: joined.front_nodes,
        postprocess_nodes: joined.head_nodes,
        preprocess_macs: joined.front_macs,
    })
}

/// Why a model could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The model, or the prepared graph, is not taken by the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file, or an option.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl From<unmask_onnx::OnnxError> for PrepareError {
    fn from(error: unmask_onnx::OnnxError) -> Self {
        Self::Graph(error.into())
    }
}

fn option(what: String) -> PrepareError {
    PrepareError::Graph(GraphError::Option { what })
}

/// What is to be done, with every choice made.
struct PreparePlan {
    metadata: ModelMetadata,
    format: FrameFormat,
    fit: FrameFit,
    grid: Size,
    full_size: Option<Size>,
    geometry: fit::FitGeometry,
    head: ScoreHead,
    opset: i64,
}

/// A joined model, and what was added to it.
struct JoinedGraph {
    model: ModelProto,
    front_nodes: usize,
    head_nodes: usize,
    front_macs: u64,
}

impl PreparePlan {
    fn new(
        model: &ModelProto,
        names: &ModelNames,
        metadata: ModelMetadata,
        options: &PrepareOptions,
    ) -> Result<Self, PrepareError> {
        let opset = opset(model)?;
        let head = match (&names.logits, options.score) {
            (LogitNames::Mask { .. }, None) if options.no_refine => ScoreHead::Mask,
            (LogitNames::Mask { .. }, None) => ScoreHead::MaskRefined,
            (LogitNames::Mask { .. }, Some(kind)) => {
                return Err(option(format!(
                    "--score {kind} is for per-pixel models, and this one classifies masks: leave \
                     it out"
                )));
            }
            (_, kind) => ScoreHead::Pixel(kind.unwrap_or_default()),
        };
        let format = FrameFormat {
            pixels: options.format.unwrap_or(PixelFormat::Rgb24),
            size: options.camera.unwrap_or(metadata.input),
            matrix: options.matrix,
            range: options.range,
        };
        let Size { w, h } = format.size;
        if !SIDES_PX.contains(&w) || !SIDES_PX.contains(&h) {
            return Err(option(format!(
                "--camera {w}x{h} (width x height): sides must lie from {} to {}",
                SIDES_PX.start(),
                SIDES_PX.end()
            )));
        }
        let (columns, rows) = format.pixels.grid();
        if w % columns != 0 || h % rows != 0 {
            return Err(option(format!(
                "--camera {w}x{h} (width x height): {} shares colours between pixels, so the width \
                 must be a multiple of {columns} and the height of {rows}",
                format.pixels
            )));
        }
        let full_size = options.full_size.then_some(metadata.input);
        let grid = full_size.unwrap_or(metadata.output.size());
        Ok(Self {
            geometry: fit::lay(&format, options.fit, metadata.input, grid),
            fit: options.fit,
            metadata,
            format,
            grid,
            full_size,
            head,
            opset,
        })
    }

    fn run(&self, model: ModelProto, names: &ModelNames) -> Result<JoinedGraph, PrepareError> {
        let metadata = &self.metadata;
        let front = preprocess::build(&preprocess::PreprocessSubgraph {
            format: &self.format,
            geometry: &self.geometry,
            input: metadata.input,
            mean: metadata.mean,
            std: metadata.std,
            opset: self.opset,
        });
        let grid = postprocess::OutputGrid {
            size: metadata.output.size(),
            full_size: self.full_size,
            geometry: &self.geometry,
            opset: self.opset,
        };
        let head = match (metadata.output, self.head) {
            (OutputForm::Mask { queries, known, .. }, head) => postprocess::mask(
                &grid,
                &postprocess::MaskHead {
                    queries,
                    known,
                    no_object: metadata.no_object.unwrap_or(known),
                    stuff: &metadata.stuff,
                    refine: head == ScoreHead::MaskRefined,
                },
            ),
            (OutputForm::Pixel { classes, .. }, ScoreHead::Pixel(kind)) => {
                postprocess::pixel(&grid, classes, kind)
            }
            _ => return Err(option("this model has nothing that could be scored".into())),
        };
        let nodes = |part: &ModelProto| part.graph.as_ref().map_or(0, |g| g.node.len());
        // One more before: the bytes become numbers.
        let (front_nodes, head_nodes) = (nodes(&front) + 1, nodes(&head));
        let front_macs = macs(&front);
        let mut joined = splice(
            model,
            names,
            &GraphParts {
                preprocess: front,
                postprocess: head,
                frame: (FRAME, DataType::Uint8, self.format.shape()),
            },
        )?;
        for (key, text) in self.pairs() {
            let known = joined
                .metadata_props
                .iter_mut()
                .find(|p| p.key.as_deref() == Some(key));
            match known {
                Some(pair) => pair.value = Some(text),
                None => {
                    joined
                        .metadata_props
                        .push(unmask_onnx::messages::StringStringEntryProto::new(
                            key, text,
                        ))
                }
            }
        }
        // The head has put the columns in order; and a threshold belongs to the score it was
        // found with.
        let other_score = matches!(
            self.head,
            ScoreHead::Pixel(PixelScore::MaxLogit | PixelScore::Entropy)
        );
        joined
            .metadata_props
            .retain(|pair| match pair.key.as_deref() {
                Some("unmask.no_object" | "unmask.outputs") => false,
                Some("unmask.threshold") => !other_score,
                _ => true,
            });
        Ok(JoinedGraph {
            model: joined,
            front_nodes,
            head_nodes,
            front_macs,
        })
    }

    /// The metadata of the file, whole: it needs nothing next to it.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let metadata = &self.metadata;
        let by_rows = |size: Size| format!("{}x{}", size.h, size.w);
        let FrameView { x, y, size } = self.geometry.view;
        let mut pairs = metadata.metadata();
        pairs.extend([
            ("unmask.size", by_rows(metadata.input)),
            ("unmask.head", self.head.to_string()),
            ("unmask.grid", by_rows(self.grid)),
            ("unmask.input.format", name_of(&self.format.pixels)),
            ("unmask.input.size", by_rows(self.format.size)),
            ("unmask.input.matrix", name_of(&self.format.matrix)),
            ("unmask.input.range", name_of(&self.format.range)),
            ("unmask.input.fit", name_of(&self.fit)),
            (
                "unmask.input.view",
                format!("[{x}, {y}, {}, {}]", size.w, size.h),
            ),
            ("unmask.prepared_from", metadata.sha256.clone()),
        ]);
        pairs
    }
}

/// The opset of the standard operators.
fn opset(model: &ModelProto) -> Result<i64, PrepareError> {
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let version = model
        .opset_import
        .iter()
        .find(|set| standard(set.domain.as_deref().unwrap_or_default()))
        .and_then(|set| set.version)
        .unwrap_or_default();
    if OPSETS.contains(&version) {
        return Ok(version);
    }
    Err(option(format!(
        "the model is written in opset {version}; prepare takes {} to {}: export it again, for \
         torch.onnx.export with opset_version=17",
        OPSETS.start(),
        OPSETS.end()
    )))
}

/// Multiply-accumulates of a part.
fn macs(part: &ModelProto) -> u64 {
    let Some(graph) = &part.graph else {
        return 0;
    };
    let mut shapes: HashMap<&str, Vec<usize>> = HashMap::new();
    let values = graph.value_info.iter().chain(&graph.input);
    for value in values.chain(&graph.output) {
        if let (Some(name), Some(shape)) = (&value.name, value.static_shape()) {
            shapes.insert(name, shape);
        }
    }
    for tensor in &graph.initializer {
        let sides = tensor.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0));
        shapes.insert(tensor.name.as_deref().unwrap_or(""), sides.collect());
    }
    let shape = |name: &str| shapes.get(name).map_or(&[][..], Vec::as_slice);
    let nodes = graph.node.iter();
    nodes.map(|node| cost::macs_of_file(node, shape)).sum()
}

#[cfg(test)]
mod tests;
