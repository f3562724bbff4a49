//! The operators that are known here, in one table: a row without one of its columns does not
//! compile, and [shape inference](super::shape_inference::infer_types) matches on every operator.

/// Whether an output may be larger than the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputGrowth {
    /// No further than the shapes of the inputs say.
    Bounded,
    /// As values or attributes say: what a file states of the output's shape bounds nothing.
    Grows,
}

/// How multiply-accumulates are counted (crate `unmask-graph`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorWork {
    /// Not at all: elementwise, a reduction, or a move of elements.
    Uncounted,
    /// A kernel per element of the output.
    Window,
    /// A kernel per element of the input.
    Transposed,
    /// A row by a column per element of the output.
    Product,
    /// As [`OperatorWork::Product`], where the left side may be transposed.
    Gemm,
    /// Every combination of the equation's indices.
    Einsum,
    /// Four corners per element of the output.
    Corners,
}

/// Whether [`constant_folding`](super::constant_folding) computes it from constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folding {
    /// It does.
    Folds,
    /// It does not.
    Stays,
}

/// What lower precision does to it (crate `unmask-graph`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundingMode {
    /// It only moves elements.
    Moves,
    /// It computes each element from those at its place.
    Pointwise,
    /// FP16 computes it badly: sums over many elements, powers, sampling.
    Float32,
    /// None of these.
    Other,
}

/// Whether the CPU engine computes it (crate `unmask-engine`), by itself or rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuSupport {
    /// It passed ONNX's node tests.
    Computed,
    /// A model with it is refused.
    Refused,
}

/// Whether TensorRT's ONNX parser takes it, by its own list of operators and by TensorRT-RTX 1.7
/// (crate `unmask-graph`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParserSupport {
    /// By its name, whatever its domain.
    Parsed,
    /// No version does.
    Unparsed,
    /// The list does not say, or says what RTX does not do.
    Untried,
}

/// Declares the operators, each under its name in ONNX, with its columns.
macro_rules! operators {
    ($($name:ident ($growth:ident, $work:ident, $folding:ident, $rounding:ident, $cpu:ident, $parser:ident))*) => {
        /// An operator of `ai.onnx` whose shapes are known here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are ONNX's own")]
        pub enum Operator {
            $($name,)*
        }

        impl Operator {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The operator called `name`; none where it is not known here.
            pub fn of(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in ONNX.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Whether its output may be larger than its inputs.
            pub fn growth(self) -> OutputGrowth {
                match self {
                    $(Self::$name => OutputGrowth::$growth,)*
                }
            }

            /// How its multiply-accumulates are counted.
            pub fn work(self) -> OperatorWork {
                match self {
                    $(Self::$name => OperatorWork::$work,)*
                }
            }

            /// Whether it is computed where all inputs are constants.
            pub fn folding(self) -> Folding {
                match self {
                    $(Self::$name => Folding::$folding,)*
                }
            }

            /// What lower precision does to it.
            pub fn rounding(self) -> RoundingMode {
                match self {
                    $(Self::$name => RoundingMode::$rounding,)*
                }
            }

            /// Whether the CPU engine computes it.
            pub fn cpu(self) -> CpuSupport {
                match self {
                    $(Self::$name => CpuSupport::$cpu,)*
                }
            }

            /// Whether TensorRT's parser takes it.
            pub fn parser(self) -> ParserSupport {
                match self {
                    $(Self::$name => ParserSupport::$parser,)*
                }
            }
        }
    };
}

operators! {
    Abs (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Acos (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Acosh (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Add (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    And (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    ArgMax (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    ArgMin (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Asin (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Asinh (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Atan (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Atanh (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    AveragePool (Grows, Uncounted, Stays, Other, Computed, Parsed)
    BatchNormalization (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    BitShift (Bounded, Uncounted, Stays, Other, Refused, Unparsed)
    Cast (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    CastLike (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Ceil (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Celu (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Clip (Bounded, Uncounted, Stays, Pointwise, Computed, Parsed)
    Concat (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    ConstantOfShape (Grows, Uncounted, Folds, Other, Computed, Parsed)
    Conv (Grows, Window, Stays, Other, Computed, Parsed)
    ConvInteger (Grows, Window, Stays, Other, Computed, Unparsed)
    ConvTranspose (Grows, Transposed, Stays, Other, Computed, Parsed)
    Cos (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    Cosh (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    CumSum (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    DepthToSpace (Bounded, Uncounted, Stays, Moves, Computed, Parsed)
    DequantizeLinear (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Div (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Dropout (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    DynamicQuantizeLinear (Bounded, Uncounted, Stays, Other, Computed, Unparsed)
    Einsum (Grows, Einsum, Stays, Other, Computed, Parsed)
    Elu (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Equal (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    Erf (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    Exp (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    Expand (Grows, Uncounted, Folds, Moves, Computed, Parsed)
    EyeLike (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Flatten (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    Floor (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Gather (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    GatherElements (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    GatherND (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Gemm (Bounded, Gemm, Stays, Other, Computed, Parsed)
    GlobalAveragePool (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    GlobalMaxPool (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Greater (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    GreaterOrEqual (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    GridSample (Bounded, Corners, Stays, Float32, Computed, Parsed)
    HardSigmoid (Bounded, Uncounted, Stays, Pointwise, Computed, Parsed)
    HardSwish (Bounded, Uncounted, Stays, Pointwise, Computed, Parsed)
    Hardmax (Bounded, Uncounted, Stays, Other, Refused, Parsed)
    Identity (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    InstanceNormalization (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    IsInf (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    IsNaN (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    LRN (Bounded, Uncounted, Stays, Other, Refused, Parsed)
    LayerNormalization (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    LeakyRelu (Bounded, Uncounted, Stays, Pointwise, Computed, Parsed)
    Less (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    LessOrEqual (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    Log (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    LogSoftmax (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    LpNormalization (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    LpPool (Grows, Uncounted, Stays, Other, Refused, Parsed)
    MatMul (Bounded, Product, Folds, Other, Computed, Parsed)
    MatMulInteger (Bounded, Product, Stays, Other, Computed, Unparsed)
    Max (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    MaxPool (Grows, Uncounted, Stays, Other, Computed, Parsed)
    Mean (Bounded, Uncounted, Stays, Pointwise, Computed, Parsed)
    MeanVarianceNormalization (Bounded, Uncounted, Stays, Other, Refused, Parsed)
    Min (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Mish (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Mod (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Mul (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Neg (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    NonZero (Bounded, Uncounted, Stays, Other, Refused, Untried)
    Not (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    OneHot (Grows, Uncounted, Stays, Other, Computed, Parsed)
    Or (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    PRelu (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Pad (Grows, Uncounted, Stays, Moves, Computed, Parsed)
    Pow (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    QuantizeLinear (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Range (Grows, Uncounted, Folds, Other, Computed, Parsed)
    Reciprocal (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    ReduceL1 (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    ReduceL2 (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    ReduceLogSum (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    ReduceLogSumExp (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    ReduceMax (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    ReduceMean (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    ReduceMin (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    ReduceProd (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    ReduceSum (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    ReduceSumSquare (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    Relu (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Reshape (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    Resize (Grows, Corners, Stays, Other, Computed, Parsed)
    Round (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Scatter (Bounded, Uncounted, Stays, Other, Refused, Untried)
    ScatterElements (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    ScatterND (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Selu (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Shape (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    Sigmoid (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Sign (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    Sin (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    Sinh (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Size (Bounded, Uncounted, Folds, Other, Computed, Parsed)
    Slice (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    Softmax (Bounded, Uncounted, Stays, Float32, Computed, Parsed)
    Softplus (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Softsign (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    SpaceToDepth (Bounded, Uncounted, Stays, Moves, Computed, Parsed)
    Split (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    Sqrt (Bounded, Uncounted, Folds, Float32, Computed, Parsed)
    Squeeze (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    Sub (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Sum (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Tan (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Tanh (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    ThresholdedRelu (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Tile (Grows, Uncounted, Folds, Other, Computed, Parsed)
    TopK (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Transpose (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    Trilu (Bounded, Uncounted, Stays, Other, Computed, Parsed)
    Unsqueeze (Bounded, Uncounted, Folds, Moves, Computed, Parsed)
    Where (Bounded, Uncounted, Folds, Pointwise, Computed, Parsed)
    Xor (Bounded, Uncounted, Folds, Other, Computed, Parsed)
}

/// Operators that are not known here and whose output may be of any size, whatever the file states
/// of its shape.
const UNKNOWN_GROWING: [&str; 10] = [
    "CenterCropPad",
    "Col2Im",
    "DFT",
    "ImageDecoder",
    "MaxUnpool",
    "Multinomial",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "Upsample",
];

/// Whether the output of the operator called `name` may be larger than its inputs for another
/// reason than their shapes.
pub fn may_grow(name: &str) -> bool {
    match Operator::of(name) {
        Some(operator) => operator.growth() == OutputGrowth::Grows,
        None => UNKNOWN_GROWING.contains(&name) || name.starts_with("Sequence"),
    }
}

/// What lower precision does to the operator called `name`.
pub fn rounding(name: &str) -> RoundingMode {
    match Operator::of(name) {
        Some(operator) => operator.rounding(),
        // Read from opset 18 on only, and never written.
        None if name == "GroupNormalization" => RoundingMode::Float32,
        None => RoundingMode::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_found_by_name() {
        for &operator in Operator::ALL {
            assert_eq!(Operator::of(operator.name()), Some(operator));
        }
        assert_eq!(Operator::of("Bogus"), None);
        assert!(may_grow("Expand") && may_grow("RandomNormal") && may_grow("SequenceAt"));
        assert!(!may_grow("Relu") && !may_grow("Bogus"));
        assert_eq!(rounding("GroupNormalization"), RoundingMode::Float32);
    }
}
