//! Runs a graph on pictures and hands out values from inside it.

use super::QuantizeError;
use crate::entry::GraphEntry;
use rten::{ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::Tensor;
use std::sync::Arc;
use unmask_engine::lowered;
use unmask_frame::Picture;
use unmask_model::ModelMetadata;

/// A graph on the CPU engine whose outputs are the wanted values.
pub(crate) struct TensorProbe {
    model: rten::Model,
    input: NodeId,
    outputs: Vec<NodeId>,
    entry: GraphEntry,
    pool: Arc<ThreadPool>,
}

impl TensorProbe {
    /// Loads the model in `bytes`, which must name each of `tensors` as an output. `threads` 0 =
    /// all that this process may use.
    ///
    /// # Errors
    /// [`QuantizeError::Run`]: the CPU engine does not take it, or it lacks one of the outputs.
    pub fn open<T: AsRef<str>>(
        bytes: Vec<u8>,
        tensors: &[T],
        metadata: &ModelMetadata,
        threads: usize,
    ) -> Result<Self, QuantizeError> {
        let failed = |what: String| QuantizeError::Run { what };
        let bytes = lowered(&bytes).map_err(|e| failed(e.to_string()))?;
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(bytes)
            .map_err(|e| failed(e.to_string()))?;
        let &[input] = model.input_ids() else {
            return Err(failed(format!("it has {} inputs", model.input_ids().len())));
        };
        let outputs = tensors
            .iter()
            .map(|name| {
                model
                    .node_id(name.as_ref())
                    .map_err(|e| failed(e.to_string()))
            })
            .collect::<Result<_, _>>()?;
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        Ok(Self {
            model,
            input,
            outputs,
            entry: GraphEntry::new(metadata),
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
        })
    }

    /// Runs on `picture` and gives the values, in the order asked for, to `take`, which is called
    /// on the threads of the engine.
    ///
    /// # Errors
    /// [`QuantizeError::Run`]: a picture without pixels, a failure of the engine, a value of another type.
    pub fn run<R: Send>(
        &mut self,
        picture: &Picture,
        take: impl FnOnce(Vec<Tensor<f32>>) -> R + Send,
    ) -> Result<R, QuantizeError> {
        let pool = self.pool.clone();
        pool.run(|| {
            let failed = |what: String| QuantizeError::Run { what };
            let input = self.entry.value(picture);
            let input = input.ok_or_else(|| failed("a frame has no pixels".to_owned()))?;
            let inputs = vec![(self.input, input)];
            let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
            let values = self
                .model
                .run(inputs, &self.outputs, Some(options))
                .map_err(|e| failed(e.to_string()))?;
            let floats = values.into_iter().map(|value| value.try_into());
            let floats: Result<Vec<Tensor<f32>>, _> = floats.collect();
            Ok(take(floats.map_err(|e| failed(e.to_string()))?))
        })
    }
}
