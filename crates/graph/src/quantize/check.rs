//! Checks that a written file runs.

use super::QuantizeError;
use rten::{Dimension, ModelOptions, Value, ValueOrView};
use rten_tensor::prelude::*;
use unmask_engine::lowered;

/// Loads the model in `bytes` into the CPU engine and runs it once, on zeros.
///
/// # Errors
/// [`QuantizeError::Run`]: it does not load or run, or an output holds NaN or infinity.
pub fn runs(bytes: Vec<u8>) -> Result<(), QuantizeError> {
    let failed = |what: String| QuantizeError::Run { what };
    let bytes = lowered(&bytes).map_err(|e| failed(e.to_string()))?;
    let model = ModelOptions::with_all_ops()
        .load(bytes)
        .map_err(|e| failed(e.to_string()))?;
    let mut inputs: Vec<(_, ValueOrView)> = Vec::new();
    for (i, &id) in model.input_ids().iter().enumerate() {
        let shape: Option<Vec<usize>> = model.input_shape(i).and_then(|dims| {
            let each = dims.iter().map(|d| match d {
                Dimension::Fixed(n) => Some(*n),
                Dimension::Symbolic(_) => None,
            });
            each.collect()
        });
        let Some(shape) = shape else {
            return Err(failed("an input has no static shape".to_owned()));
        };
        let count: usize = shape.iter().product();
        let bytes = matches!(
            model.node_info(id).and_then(|n| n.dtype()),
            Some(rten::ValueType::Tensor(rten::DataType::UInt8))
        );
        let value = if bytes {
            Value::from_shape(&shape, vec![0u8; count]).map_err(|e| failed(e.to_string()))?
        } else {
            Value::from_shape(&shape, vec![0f32; count]).map_err(|e| failed(e.to_string()))?
        };
        inputs.push((id, value.into()));
    }
    let outputs = model.output_ids().to_vec();
    let values = model
        .run(inputs, &outputs, None)
        .map_err(|e| failed(e.to_string()))?;
    for (&id, value) in outputs.iter().zip(values) {
        let info = model.node_info(id);
        let name = info
            .as_ref()
            .and_then(|n| n.name())
            .unwrap_or("")
            .to_owned();
        if let Value::FloatTensor(tensor) = value {
            let bad = tensor.iter().filter(|v| !v.is_finite()).count();
            if bad > 0 {
                let of = tensor.len();
                return Err(failed(format!(
                    "output `{name}` holds {bad} values of {of} that are not finite"
                )));
            }
        }
    }
    Ok(())
}
