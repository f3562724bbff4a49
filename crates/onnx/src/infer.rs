//! Types and shapes of what a node writes, from those of what it reads (opset 17, static shapes).

mod shapes;
mod windows;

pub use windows::Window;

use super::ir::{Data, Graph, Node, ValueId};
use super::messages::DataType;

/// Type and shape of a value.
pub type Kind = (DataType, Vec<usize>);

/// Why a node's outputs cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The operator is none of those known here.
    Operator,
    /// Its inputs or attributes do not go together, or the result depends on data.
    Wrong(String),
}

impl From<String> for Unknown {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

impl From<&str> for Unknown {
    fn from(what: &str) -> Self {
        Self::Wrong(what.to_owned())
    }
}

type Kinds = Result<Vec<Kind>, Unknown>;

/// Types and shapes of the first outputs of `node`, which reads values of `graph`. Outputs that
/// ONNX calls optional and that nothing here reads (statistics of norms, masks of dropouts) may be
/// missing at the end.
///
/// # Errors
/// [`Unknown`] where they cannot be told.
pub fn infer(graph: &Graph, node: &Node) -> Kinds {
    let call = Call { graph, node };
    match node.op.as_str() {
        "Relu"
        | "Sigmoid"
        | "Tanh"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Neg"
        | "Abs"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Erf"
        | "Sin"
        | "Cos"
        | "Tan"
        | "Asin"
        | "Acos"
        | "Atan"
        | "Asinh"
        | "Acosh"
        | "Atanh"
        | "Sinh"
        | "Cosh"
        | "Identity"
        | "Softmax"
        | "LogSoftmax"
        | "Hardmax"
        | "Clip"
        | "LeakyRelu"
        | "Elu"
        | "Selu"
        | "Celu"
        | "HardSigmoid"
        | "HardSwish"
        | "Softplus"
        | "Softsign"
        | "Mish"
        | "Reciprocal"
        | "Sign"
        | "Not"
        | "Dropout"
        | "CumSum"
        | "InstanceNormalization"
        | "BatchNormalization"
        | "LayerNormalization"
        | "LpNormalization"
        | "Trilu"
        | "ThresholdedRelu"
        | "MeanVarianceNormalization"
        | "LRN"
        | "ScatterND"
        | "ScatterElements"
        | "Scatter" => Ok(vec![call.kind(0)?]),
        "IsNaN" | "IsInf" => Ok(vec![(DataType::Bool, call.shape(0)?)]),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max" | "Sum" | "Mean"
        | "PRelu" | "BitShift" => call.broadcast(0, None),
        "And" | "Or" | "Xor" | "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => {
            call.broadcast(0, Some(DataType::Bool))
        }
        "Where" => call.broadcast(1, None),
        "Cast" => Ok(vec![(call.dtype_attribute("to")?, call.shape(0)?)]),
        "CastLike" => Ok(vec![(call.kind(1)?.0, call.shape(0)?)]),
        "QuantizeLinear" => {
            let to = call.node.input(2).map(|id| graph.value(id).dtype);
            Ok(vec![(to.unwrap_or(DataType::Uint8), call.shape(0)?)])
        }
        "DequantizeLinear" => Ok(vec![(call.kind(1)?.0, call.shape(0)?)]),
        "Conv" | "ConvInteger" => call.conv(),
        "DynamicQuantizeLinear" => {
            let shape = call.shape(0)?;
            let (zero, scale) = ((DataType::Uint8, vec![]), (DataType::Float, vec![]));
            Ok(vec![(DataType::Uint8, shape), scale, zero])
        }
        "ConvTranspose" => call.conv_transpose(),
        "MaxPool" | "AveragePool" | "LpPool" => call.pool(),
        "GlobalAveragePool" | "GlobalMaxPool" => call.global_pool(),
        "GridSample" => call.grid_sample(),
        "Resize" => call.resize(),
        "DepthToSpace" => call.depth_to_space(),
        "SpaceToDepth" => call.space_to_depth(),
        "MatMul" | "MatMulInteger" => call.matmul(),
        "Gemm" => call.gemm(),
        "Einsum" => call.einsum(),
        "Reshape" => call.reshape(),
        "Flatten" => call.flatten(),
        "Transpose" => call.transpose(),
        "Squeeze" => call.squeeze(),
        "Unsqueeze" => call.unsqueeze(),
        "Concat" => call.concat(),
        "Split" => call.split(),
        "Slice" => call.slice(),
        "Gather" => call.gather(),
        "GatherElements" => Ok(vec![(call.kind(0)?.0, call.shape(1)?)]),
        "GatherND" => call.gather_nd(),
        "Expand" => call.expand(),
        "Tile" => call.tile(),
        "Pad" => call.pad(),
        "TopK" => call.top_k(),
        "ArgMax" | "ArgMin" => call.arg(),
        "ReduceMax" | "ReduceMin" | "ReduceMean" | "ReduceSum" | "ReduceProd" | "ReduceL1"
        | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceSumSquare" => call.reduce(),
        "OneHot" => call.one_hot(),
        "Shape" => call.shape_of(),
        "Size" => Ok(vec![(DataType::Int64, vec![])]),
        "ConstantOfShape" => call.constant_of_shape(),
        "Range" => call.range(),
        "EyeLike" => {
            let to = call.dtype_attribute("dtype").unwrap_or(call.kind(0)?.0);
            Ok(vec![(to, call.shape(0)?)])
        }
        "NonZero" => Err("its shape depends on data: export a graph of static shapes".into()),
        _ => Err(Unknown::Operator),
    }
}

/// A node with its graph, and short ways to ask.
struct Call<'a> {
    graph: &'a Graph,
    node: &'a Node,
}

impl Call<'_> {
    fn given(&self, i: usize) -> Result<ValueId, Unknown> {
        self.node
            .input(i)
            .ok_or_else(|| format!("its input {i} is missing").into())
    }

    fn kind(&self, i: usize) -> Result<Kind, Unknown> {
        let value = self.graph.value(self.given(i)?);
        Ok((value.dtype, value.shape.clone()))
    }

    fn shape(&self, i: usize) -> Result<Vec<usize>, Unknown> {
        Ok(self.kind(i)?.1)
    }

    /// The constant at input `i`.
    fn constant(&self, i: usize) -> Result<&Data, Unknown> {
        self.graph.constant(self.given(i)?).ok_or_else(|| {
            format!(
                "its shape depends on input {i}, which is computed from data: export a graph of \
                 static shapes"
            )
            .into()
        })
    }

    /// The integers at input `i`, which must be constant.
    fn ints(&self, i: usize) -> Result<Vec<i64>, Unknown> {
        self.constant(i)?
            .to_i64()
            .ok_or_else(|| format!("its input {i} should hold integers").into())
    }

    /// The integers at input `i`, if given.
    fn optional_ints(&self, i: usize) -> Result<Option<Vec<i64>>, Unknown> {
        match self.node.input(i) {
            Some(_) => self.ints(i).map(Some),
            None => Ok(None),
        }
    }

    fn dtype_attribute(&self, name: &str) -> Result<DataType, Unknown> {
        self.node
            .int(name)
            .and_then(|to| DataType::try_from(i32::try_from(to).ok()?).ok())
            .ok_or_else(|| format!("its attribute `{name}` names no type").into())
    }

    /// `axis` counted from the front; `rank` itself is allowed where `end` is.
    fn axis(&self, axis: i64, rank: usize, end: bool) -> Result<usize, Unknown> {
        let from_front = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(from_front)
            .ok()
            .filter(|&a| a < rank || end && a == rank)
            .ok_or_else(|| format!("axis {axis} of {rank}").into())
    }

    /// The axes of `axes`, counted from the front.
    fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Unknown> {
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
fn length(n: i64) -> Result<usize, Unknown> {
    usize::try_from(n).map_err(|_| format!("a length of {n}").into())
}

/// The window of the convolution, transposed convolution or pool `node`, all that it leaves out
/// filled in.
///
/// # Errors
/// What does not go together.
pub fn window_of(graph: &Graph, node: &Node) -> Result<Window, String> {
    let window = Call { graph, node }.own_window();
    window.map_err(|unknown| match unknown {
        Unknown::Operator => "has no window".to_owned(),
        Unknown::Wrong(what) => what,
    })
}

/// For every axis of what the Slice `node` reads: start, length, step; none where they cannot be
/// told.
pub fn slice_ranges(graph: &Graph, node: &Node) -> Option<Vec<(i64, usize, i64)>> {
    Call { graph, node }.slice_ranges().ok()
}

/// The axes that the reduction `node` goes over; none where they cannot be told.
pub fn reduced_axes(graph: &Graph, node: &Node) -> Option<Vec<usize>> {
    Call { graph, node }.reduced_axes().ok()
}
