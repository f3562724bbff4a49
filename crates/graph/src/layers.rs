//! Times each block of a network on the CPU engine.
//!
//! `rten` does not hand out the times of its operators, so the graph is cut where one block ends and
//! the next begins, each piece is loaded as a model of its own, and the pieces run one after the
//! other on the same threads, each given what those before it wrote. What is measured is that: the
//! sum is near the time of the whole, but not the same, since nothing is fused across a border.

mod split;

use super::entry::GraphEntry;
use super::error::GraphError;
use prost::Message;
use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use serde::{Deserialize, Serialize};
use split::{GraphPiece, split_blocks};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use unmask_frame::Picture;
use unmask_model::ModelMetadata;
use unmask_onnx::ir::{OnnxGraph, ValueId};
use unmask_onnx::read::{self, ReadLimits};

/// Passes before those that count.
const WARM_UPS: usize = 2;

/// A block and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTime {
    /// The block, as in [`super::cost::blocks`].
    pub name: String,
    /// Median over the passes, ms.
    pub ms: f64,
    /// Of the time of all blocks, 0 to 1.
    pub share: f64,
}

/// Runs the model at `path`, whose metadata are `metadata`, block by block on `picture`, with `threads`
/// (0 = all), `passes` times; the blocks in the order in which they run first.
///
/// # Errors
/// The file cannot be read as a graph ([`OnnxGraph::from_model`]), or is not the one that `metadata` describes
/// of; the CPU engine does not run a piece of it; the picture has no pixels.
pub fn measure(
    path: &Path,
    metadata: &ModelMetadata,
    picture: &Picture,
    threads: usize,
    passes: usize,
) -> Result<Vec<LayerTime>, GraphError> {
    let model = read::open(path, &ReadLimits::default())?;
    if model.sha256 != metadata.sha256 {
        return Err(unmask_onnx::OnnxError::Model {
            what: format!("{} was changed meanwhile: measure again", path.display()),
        }
        .into());
    }
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let pool = Arc::new(ThreadPool::with_num_threads(threads));
    let chain = LayerChain::new(&model.graph, pool.clone())?;
    drop(model);
    let mut entry = GraphEntry::new(metadata);
    // The whole way runs inside the pool, as it does in the engine.
    pool.run(|| {
        let mut times = vec![Vec::with_capacity(passes); chain.blocks.len()];
        for pass in 0..WARM_UPS + passes.max(1) {
            let input = entry.value(picture).ok_or_else(|| GraphError::Run {
                part: path.display().to_string(),
                what: "the picture has no pixels".to_owned(),
            })?;
            let (took, _) = chain.run(input)?;
            if pass >= WARM_UPS {
                times.iter_mut().zip(took).for_each(|(all, t)| all.push(t));
            }
        }
        Ok(layers(&chain.blocks, times))
    })
}

/// Medians and shares.
fn layers(blocks: &[String], times: Vec<Vec<Duration>>) -> Vec<LayerTime> {
    let median = |mut all: Vec<Duration>| {
        all.sort_unstable();
        all.get(all.len() / 2)
            .map_or(0.0, |t| t.as_secs_f64() * 1e3)
    };
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let sum: f64 = medians.iter().sum();
    let pairs = blocks.iter().zip(medians);
    pairs
        .map(|(name, ms)| LayerTime {
            name: name.clone(),
            ms,
            share: ms / sum.max(f64::MIN_POSITIVE),
        })
        .collect()
}

/// The pieces of a graph, loaded.
struct LayerChain {
    input: ValueId,
    links: Vec<ChainLink>,
    /// Names of the blocks, in the order in which they run first.
    blocks: Vec<String>,
    pool: Arc<ThreadPool>,
}

/// Values of the whole graph while it runs.
type ValueStore = HashMap<ValueId, Value>;

/// A piece, loaded.
struct ChainLink {
    model: rten::Model,
    /// Number of its block.
    block: usize,
    /// Values of the whole graph, the piece's own inputs, and whether nobody reads them after it.
    reads: Vec<(ValueId, NodeId, bool)>,
    writes: Vec<(ValueId, NodeId)>,
}

impl LayerChain {
    fn new(graph: &OnnxGraph, pool: Arc<ThreadPool>) -> Result<Self, GraphError> {
        let &[input] = graph.inputs() else {
            return Err(unmask_onnx::OnnxError::Model {
                what: format!("it has {} inputs; expected one", graph.inputs().len()),
            }
            .into());
        };
        let pieces = split_blocks(graph);
        let mut last = HashMap::new();
        for (i, piece) in pieces.iter().enumerate() {
            last.extend(piece.reads.iter().map(|&id| (id, i)));
        }
        let mut blocks: Vec<String> = Vec::new();
        let mut links = Vec::with_capacity(pieces.len());
        for (i, piece) in pieces.into_iter().enumerate() {
            let block = blocks.iter().position(|name| *name == piece.block);
            let block = block.unwrap_or_else(|| {
                blocks.push(piece.block.clone());
                blocks.len() - 1
            });
            // What leaves the graph is kept, whoever reads it.
            let dies = |id: ValueId| last.get(&id) == Some(&i) && !graph.is_output(id);
            links.push(ChainLink::load(piece, block, dies)?);
        }
        Ok(Self {
            input,
            links,
            blocks,
            pool,
        })
    }

    /// One pass: what each block took, and the values that are left, which are the outputs.
    fn run(&self, input: ValueOrView<'_>) -> Result<(Vec<Duration>, ValueStore), GraphError> {
        let mut took = vec![Duration::ZERO; self.blocks.len()];
        let mut values = ValueStore::new();
        for link in &self.links {
            let failed = |what: String| GraphError::Run {
                part: format!("the block `{}` by itself", self.blocks[link.block]),
                what,
            };
            // As in the whole graph, who reads a value last may write over it.
            let owned: Vec<Option<Value>> = link
                .reads
                .iter()
                .map(|(id, _, dies)| dies.then(|| values.remove(id)).flatten())
                .collect();
            let mut inputs: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(owned.len());
            for (&(id, node, _), owned) in link.reads.iter().zip(owned) {
                let value = match owned {
                    Some(value) => ValueOrView::Value(value),
                    None if id == self.input => input.clone(),
                    None => match values.get(&id) {
                        Some(value) => value.as_view().into(),
                        None => return Err(failed("a value is missing".to_owned())),
                    },
                };
                inputs.push((node, value));
            }
            let outputs: Vec<NodeId> = link.writes.iter().map(|(_, node)| *node).collect();
            let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
            let start = Instant::now();
            let written = link.model.run(inputs, &outputs, Some(options));
            took[link.block] += start.elapsed();
            let written = written.map_err(|e| failed(e.to_string()))?;
            values.extend(link.writes.iter().map(|(id, _)| *id).zip(written));
        }
        Ok((took, values))
    }
}

impl ChainLink {
    fn load(
        piece: GraphPiece,
        block: usize,
        dies: impl Fn(ValueId) -> bool,
    ) -> Result<Self, GraphError> {
        let failed = |what: String| GraphError::Run {
            part: format!("the block `{}` by itself", piece.block),
            what,
        };
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(piece.model.encode_to_vec())
            .map_err(|e| failed(e.to_string()))?;
        let (inputs, outputs) = (model.input_ids(), model.output_ids());
        if inputs.len() != piece.reads.len() || outputs.len() != piece.writes.len() {
            return Err(failed("its inputs or outputs are others".to_owned()));
        }
        let reads = piece.reads.iter().zip(inputs);
        let reads = reads.map(|(&id, &node)| (id, node, dies(id))).collect();
        let writes = piece.writes.iter().copied().zip(outputs.iter().copied());
        Ok(Self {
            writes: writes.collect(),
            reads,
            model,
            block,
        })
    }
}

#[cfg(test)]
mod tests;
