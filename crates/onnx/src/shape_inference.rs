//! Types and shapes of what a node writes, from those of what it reads (opset 17, static shapes).

mod shapes;
mod windows;

pub use windows::WindowShape;

use super::ir::{GraphNode, OnnxGraph, TensorData, ValueId};
use super::messages::DataType;
use super::operator::Operator;

/// Type and shape of a value.
pub type ValueType = (DataType, Vec<usize>);

/// Why a node's outputs cannot be determined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InferenceError {
    /// The operator is none of those known here.
    Operator,
    /// Its inputs or attributes do not go together, or the result depends on data.
    Wrong(String),
}

impl From<String> for InferenceError {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

impl From<&str> for InferenceError {
    fn from(what: &str) -> Self {
        Self::Wrong(what.to_owned())
    }
}

type ValueTypes = Result<Vec<ValueType>, InferenceError>;

/// Types and shapes of the first outputs of `node`, which reads values of `graph`. Outputs that
/// ONNX calls optional and that nothing here reads (statistics of norms, masks of dropouts) may be
/// missing at the end.
///
/// # Errors
/// [`InferenceError`] where they cannot be determined.
pub fn infer_types(graph: &OnnxGraph, node: &GraphNode) -> ValueTypes {
    let call = NodeCall { graph, node };
    let operator = Operator::of(&node.op).ok_or(InferenceError::Operator)?;
    use Operator as O;
    match operator {
        O::Relu
        | O::Sigmoid
        | O::Tanh
        | O::Exp
        | O::Log
        | O::Sqrt
        | O::Neg
        | O::Abs
        | O::Floor
        | O::Ceil
        | O::Round
        | O::Erf
        | O::Sin
        | O::Cos
        | O::Tan
        | O::Asin
        | O::Acos
        | O::Acosh
        | O::Asinh
        | O::Atanh
        | O::Atan
        | O::Sinh
        | O::Cosh
        | O::Identity
        | O::Softmax
        | O::LogSoftmax
        | O::Hardmax
        | O::Clip
        | O::LeakyRelu
        | O::Elu
        | O::Selu
        | O::Celu
        | O::HardSigmoid
        | O::HardSwish
        | O::Softplus
        | O::Softsign
        | O::Mish
        | O::Reciprocal
        | O::Sign
        | O::Not
        | O::Dropout
        | O::CumSum
        | O::InstanceNormalization
        | O::BatchNormalization
        | O::LayerNormalization
        | O::LpNormalization
        | O::Trilu
        | O::ThresholdedRelu
        | O::MeanVarianceNormalization
        | O::LRN
        | O::ScatterND
        | O::ScatterElements
        | O::Scatter => Ok(vec![call.input_type(0)?]),
        O::IsNaN | O::IsInf => Ok(vec![(DataType::Bool, call.shape(0)?)]),
        O::Add
        | O::Sub
        | O::Mul
        | O::Div
        | O::Pow
        | O::Mod
        | O::Min
        | O::Max
        | O::Sum
        | O::Mean
        | O::PRelu
        | O::BitShift => call.broadcast(0, None),
        O::And
        | O::Or
        | O::Xor
        | O::Equal
        | O::Less
        | O::LessOrEqual
        | O::Greater
        | O::GreaterOrEqual => call.broadcast(0, Some(DataType::Bool)),
        O::Where => call.broadcast(1, None),
        O::Cast => Ok(vec![(call.dtype_attribute("to")?, call.shape(0)?)]),
        O::CastLike => Ok(vec![(call.input_type(1)?.0, call.shape(0)?)]),
        O::QuantizeLinear => {
            let to = call.node.input(2).map(|id| graph.value(id).dtype);
            Ok(vec![(to.unwrap_or(DataType::Uint8), call.shape(0)?)])
        }
        O::DequantizeLinear => Ok(vec![(call.input_type(1)?.0, call.shape(0)?)]),
        O::Conv => call.conv(),
        O::ConvInteger => call.integer(call.conv()?),
        O::MatMulInteger => call.integer(call.matmul()?),
        O::DynamicQuantizeLinear => Ok(vec![
            (DataType::Uint8, call.shape(0)?),
            (DataType::Float, vec![]),
            (DataType::Uint8, vec![]),
        ]),
        O::ConvTranspose => call.conv_transpose(),
        O::MaxPool | O::AveragePool | O::LpPool => call.pool(),
        O::GlobalAveragePool | O::GlobalMaxPool => call.global_pool(),
        O::GridSample => call.grid_sample(),
        O::Resize => call.resize(),
        O::DepthToSpace => call.depth_to_space(),
        O::SpaceToDepth => call.space_to_depth(),
        O::MatMul => call.matmul(),
        O::Gemm => call.gemm(),
        O::Einsum => call.einsum(),
        O::Reshape => call.reshape(),
        O::Flatten => call.flatten(),
        O::Transpose => call.transpose(),
        O::Squeeze => call.squeeze(),
        O::Unsqueeze => call.unsqueeze(),
        O::Concat => call.concat(),
        O::Split => call.split(),
        O::Slice => call.slice(),
        O::Gather => call.gather(),
        O::GatherElements => Ok(vec![(call.input_type(0)?.0, call.shape(1)?)]),
        O::GatherND => call.gather_nd(),
        O::Expand => call.expand(),
        O::Tile => call.tile(),
        O::Pad => call.pad(),
        O::TopK => call.top_k(),
        O::ArgMax | O::ArgMin => call.arg(),
        O::ReduceMax
        | O::ReduceMin
        | O::ReduceMean
        | O::ReduceSum
        | O::ReduceProd
        | O::ReduceL1
        | O::ReduceL2
        | O::ReduceLogSum
        | O::ReduceLogSumExp
        | O::ReduceSumSquare => call.reduce(),
        O::OneHot => call.one_hot(),
        O::Shape => call.shape_of(),
        O::Size => Ok(vec![(DataType::Int64, vec![])]),
        O::ConstantOfShape => call.constant_of_shape(),
        O::Range => call.range(),
        O::EyeLike => {
            let to = call
                .dtype_attribute("dtype")
                .unwrap_or(call.input_type(0)?.0);
            Ok(vec![(to, call.shape(0)?)])
        }
        O::NonZero => Err("its shape depends on data: export a graph of static shapes".into()),
    }
}

/// A node with its graph, and short ways to ask.
struct NodeCall<'a> {
    graph: &'a OnnxGraph,
    node: &'a GraphNode,
}

impl NodeCall<'_> {
    /// The outputs of a product of integers: sums of 32 bits.
    fn integer(&self, kinds: Vec<ValueType>) -> ValueTypes {
        let sums = kinds.into_iter().map(|(_, shape)| (DataType::Int32, shape));
        Ok(sums.collect())
    }

    fn input(&self, i: usize) -> Result<ValueId, InferenceError> {
        self.node
            .input(i)
            .ok_or_else(|| format!("its input {i} is missing").into())
    }

    fn input_type(&self, i: usize) -> Result<ValueType, InferenceError> {
        let value = self.graph.value(self.input(i)?);
        Ok((value.dtype, value.shape.clone()))
    }

    fn shape(&self, i: usize) -> Result<Vec<usize>, InferenceError> {
        Ok(self.input_type(i)?.1)
    }

    /// The constant at input `i`.
    fn constant(&self, i: usize) -> Result<&TensorData, InferenceError> {
        self.graph.constant(self.input(i)?).ok_or_else(|| {
            format!(
                "its shape depends on input {i}, which is computed from data: export a graph of \
                 static shapes"
            )
            .into()
        })
    }

    /// The integers at input `i`, which must be constant.
    fn ints(&self, i: usize) -> Result<Vec<i64>, InferenceError> {
        self.constant(i)?
            .to_i64()
            .ok_or_else(|| format!("its input {i} should hold integers").into())
    }

    /// The integers at input `i`, if given.
    fn optional_ints(&self, i: usize) -> Result<Option<Vec<i64>>, InferenceError> {
        match self.node.input(i) {
            Some(_) => self.ints(i).map(Some),
            None => Ok(None),
        }
    }

    fn dtype_attribute(&self, name: &str) -> Result<DataType, InferenceError> {
        self.node
            .int(name)
            .and_then(|to| DataType::try_from(i32::try_from(to).ok()?).ok())
            .ok_or_else(|| format!("its attribute `{name}` names no type").into())
    }

    /// `axis` counted from the front; `rank` itself is allowed where `end` is.
    fn axis(&self, axis: i64, rank: usize, end: bool) -> Result<usize, InferenceError> {
        let from_front = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(from_front)
            .ok()
            .filter(|&a| a < rank || end && a == rank)
            .ok_or_else(|| format!("axis {axis} of {rank}").into())
    }

    /// The axes of `axes`, counted from the front.
    fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, InferenceError> {
        axes.iter().map(|&a| self.axis(a, rank, false)).collect()
    }
}

/// The product of `shape`, where it can be counted.
pub fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// What `a` and `b` broadcast to.
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (m, n) if m == n => Some(m),
            (1, n) => Some(n),
            (m, 1) => Some(m),
            _ => None,
        })
        .collect()
}

/// A length from an ONNX number.
fn length(n: i64) -> Result<usize, InferenceError> {
    usize::try_from(n).map_err(|_| format!("a length of {n}").into())
}

/// The window of the convolution, transposed convolution or pool `node`, all that it leaves out
/// filled in.
///
/// # Errors
/// What does not go together.
pub fn window_of(graph: &OnnxGraph, node: &GraphNode) -> Result<WindowShape, String> {
    let window = NodeCall { graph, node }.own_window();
    window.map_err(|unknown| match unknown {
        InferenceError::Operator => "has no window".to_owned(),
        InferenceError::Wrong(what) => what,
    })
}

/// For every axis of what the Slice `node` reads: start, length, step; none where they cannot be
/// told.
pub fn slice_ranges(graph: &OnnxGraph, node: &GraphNode) -> Option<Vec<(i64, usize, i64)>> {
    NodeCall { graph, node }.slice_ranges().ok()
}

/// The axes that the reduction `node` goes over; none where they cannot be determined.
pub fn reduced_axes(graph: &OnnxGraph, node: &GraphNode) -> Option<Vec<usize>> {
    NodeCall { graph, node }.reduced_axes().ok()
}
