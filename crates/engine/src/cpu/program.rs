//! A lowered graph, ready to run: the convolutions on kernels of our own, the rest in `rten`.

use crate::lower::finish;
use crate::native::{INPUTS_LIMIT, NativeSection, Part, Wire, split_graph};
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueView};
use rten_tensor::TensorView;
use std::sync::Arc;
use unmask_onnx::ir::OnnxGraph;

/// Cuts of a graph: each costs two ways through the runtime's entry.
const SPLITS_LIMIT: usize = 12;

/// A graph in parts.
pub(crate) struct CpuProgram {
    parts: ProgramParts,
    pool: Arc<ThreadPool>,
}

/// The runtime's part before a section, the section, and the rest, which may be cut again.
enum ProgramParts {
    Whole(LoadedProgram),
    Cut {
        before: Option<LoadedProgram>,
        section: NativeSection,
        section_inputs: Vec<Wire>,
        after: Box<ProgramParts>,
        after_inputs: Vec<Wire>,
    },
}

/// A part in the runtime.
struct LoadedProgram {
    model: Model,
    inputs: Vec<(NodeId, usize)>,
    outputs: Vec<NodeId>,
}

impl CpuProgram {
    /// Puts `graph`, which was lowered, into kernels and the runtime.
    ///
    /// # Errors
    /// The error of the runtime.
    pub fn new(graph: &OnnxGraph, pool: Arc<ThreadPool>) -> Result<Self, String> {
        Ok(Self {
            parts: ProgramParts::new(graph, SPLITS_LIMIT)?,
            pool,
        })
    }

    /// All of `graph` in the runtime.
    #[cfg(test)]
    pub fn uncut(graph: &OnnxGraph, pool: Arc<ThreadPool>) -> Result<Self, String> {
        Ok(Self {
            parts: ProgramParts::new(graph, 0)?,
            pool,
        })
    }

    /// The outputs at places `outputs`, from a value for each input of the graph.
    ///
    /// # Errors
    /// The error of the runtime.
    pub fn run(
        &mut self,
        inputs: &[ValueView<'_>],
        outputs: &[usize],
    ) -> Result<Vec<Value>, String> {
        self.parts.run(inputs, outputs, &self.pool)
    }
}

impl ProgramParts {
    fn new(graph: &OnnxGraph, splits: usize) -> Result<Self, String> {
        let split = match splits {
            0 => None,
            _ => split_graph(graph).map_err(|e| e.to_string())?,
        };
        let Some(split) = split else {
            let names = graph.inputs().iter();
            let names = names.map(|&id| graph.value(id).label.clone().unwrap_or_default());
            let names: Vec<String> = names.map(|name| name.to_string()).collect();
            return Ok(Self::Whole(LoadedProgram::new(graph, &names)?));
        };
        let load = |part: &Part| LoadedProgram::new(&part.graph, &part.inputs);
        Ok(Self::Cut {
            before: split.before.as_ref().map(load).transpose()?,
            section: split.section,
            section_inputs: split.section_inputs,
            after: Box::new(Self::new(&split.after.graph, splits - 1)?),
            after_inputs: split.after_inputs,
        })
    }

    fn run(
        &mut self,
        inputs: &[ValueView<'_>],
        outputs: &[usize],
        pool: &Arc<ThreadPool>,
    ) -> Result<Vec<Value>, String> {
        let missing = || "a value between its parts is missing".to_owned();
        match self {
            Self::Whole(loaded) => {
                let ids = outputs.iter().map(|&i| loaded.outputs.get(i).copied());
                let ids: Option<Vec<NodeId>> = ids.collect();
                loaded.run(inputs, &ids.ok_or_else(missing)?, pool)
            }
            Self::Cut {
                before,
                section,
                section_inputs,
                after,
                after_inputs,
            } => {
                let carried = match before {
                    Some(before) => before.run(inputs, &before.outputs, pool)?,
                    None => Vec::new(),
                };
                let mut given: [&[f32]; INPUTS_LIMIT] = [&[]; INPUTS_LIMIT];
                for (slot, wire) in given.iter_mut().zip(section_inputs.iter()) {
                    let view = match wire {
                        Wire::Input(i) => inputs.get(*i).cloned(),
                        Wire::Before(i) => carried.get(*i).map(Value::as_view),
                        Wire::Section(_) => None,
                    };
                    *slot = match view {
                        Some(ValueView::FloatTensor(view)) => view.data(),
                        _ => None,
                    }
                    .ok_or_else(missing)?;
                }
                let given = &given[..section_inputs.len()];
                pool.run(|| section.run(given));
                let wired = after_inputs.iter().map(|wire| match wire {
                    Wire::Input(i) => inputs.get(*i).cloned(),
                    Wire::Before(i) => carried.get(*i).map(Value::as_view),
                    Wire::Section(i) => {
                        let (shape, values) = section.output(*i);
                        Some(ValueView::FloatTensor(TensorView::from_data(shape, values)))
                    }
                });
                let wired: Option<Vec<ValueView<'_>>> = wired.collect();
                after.run(&wired.ok_or_else(missing)?, outputs, pool)
            }
        }
    }
}

impl LoadedProgram {
    /// `graph`, whose inputs are called `inputs`.
    fn new(graph: &OnnxGraph, inputs: &[String]) -> Result<Self, String> {
        let mut graph = graph.clone();
        finish(&mut graph).map_err(|e| e.to_string())?;
        let model = compile(graph.to_model(&[]).to_bytes())?;
        let ids = inputs.iter().enumerate().map(|(i, name)| {
            let id = model.node_id(name).map_err(|e| e.to_string())?;
            Ok((id, i))
        });
        Ok(Self {
            inputs: ids.collect::<Result<_, String>>()?,
            outputs: model.output_ids().to_vec(),
            model,
        })
    }

    fn run(
        &self,
        inputs: &[ValueView<'_>],
        outputs: &[NodeId],
        pool: &Arc<ThreadPool>,
    ) -> Result<Vec<Value>, String> {
        let mut given = Vec::with_capacity(self.inputs.len());
        for &(id, place) in &self.inputs {
            let value = inputs.get(place).ok_or("an input is missing")?;
            given.push((id, value.clone().into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        self.model
            .run(given, outputs, Some(options))
            .map_err(|e| e.to_string())
    }
}

/// A lowered graph in the runtime.
fn compile(bytes: Vec<u8>) -> Result<Model, String> {
    // The form is right; a loader that stumbles over a value must still not take us down.
    let loaded = std::panic::catch_unwind(|| {
        ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(bytes)
    });
    match loaded {
        Ok(Ok(model)) => Ok(model),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("the file is damaged".into()),
    }
}
