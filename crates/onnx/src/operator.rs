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

/// Whether [`evaluate`](super::evaluate::evaluate) computes it from constants.
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

/// Declares the operators, each under its name in ONNX, with its columns.
macro_rules! operators {
    ($($name:ident ($growth:ident, $work:ident, $folding:ident, $rounding:ident))*) => {
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
        }
    };
}

operators! {
    Abs (Bounded, Uncounted, Folds, Pointwise)
    Acos (Bounded, Uncounted, Stays, Other)
    Acosh (Bounded, Uncounted, Stays, Other)
    Add (Bounded, Uncounted, Folds, Pointwise)
    And (Bounded, Uncounted, Folds, Other)
    ArgMax (Bounded, Uncounted, Stays, Other)
    ArgMin (Bounded, Uncounted, Stays, Other)
    Asin (Bounded, Uncounted, Stays, Other)
    Asinh (Bounded, Uncounted, Stays, Other)
    Atan (Bounded, Uncounted, Stays, Other)
    Atanh (Bounded, Uncounted, Stays, Other)
    AveragePool (Grows, Uncounted, Stays, Other)
    BatchNormalization (Bounded, Uncounted, Stays, Float32)
    BitShift (Bounded, Uncounted, Stays, Other)
    Cast (Bounded, Uncounted, Folds, Other)
    CastLike (Bounded, Uncounted, Stays, Other)
    Ceil (Bounded, Uncounted, Folds, Pointwise)
    Celu (Bounded, Uncounted, Stays, Other)
    Clip (Bounded, Uncounted, Stays, Pointwise)
    Concat (Bounded, Uncounted, Folds, Moves)
    ConstantOfShape (Grows, Uncounted, Folds, Other)
    Conv (Grows, Window, Stays, Other)
    ConvInteger (Grows, Window, Stays, Other)
    ConvTranspose (Grows, Transposed, Stays, Other)
    Cos (Bounded, Uncounted, Folds, Float32)
    Cosh (Bounded, Uncounted, Stays, Other)
    CumSum (Bounded, Uncounted, Folds, Float32)
    DepthToSpace (Bounded, Uncounted, Stays, Moves)
    DequantizeLinear (Bounded, Uncounted, Stays, Other)
    Div (Bounded, Uncounted, Folds, Pointwise)
    Dropout (Bounded, Uncounted, Stays, Other)
    DynamicQuantizeLinear (Bounded, Uncounted, Stays, Other)
    Einsum (Grows, Einsum, Stays, Other)
    Elu (Bounded, Uncounted, Stays, Other)
    Equal (Bounded, Uncounted, Folds, Other)
    Erf (Bounded, Uncounted, Stays, Float32)
    Exp (Bounded, Uncounted, Folds, Float32)
    Expand (Grows, Uncounted, Folds, Moves)
    EyeLike (Bounded, Uncounted, Stays, Other)
    Flatten (Bounded, Uncounted, Folds, Moves)
    Floor (Bounded, Uncounted, Folds, Pointwise)
    Gather (Bounded, Uncounted, Folds, Other)
    GatherElements (Bounded, Uncounted, Stays, Other)
    GatherND (Bounded, Uncounted, Stays, Other)
    Gemm (Bounded, Gemm, Stays, Other)
    GlobalAveragePool (Bounded, Uncounted, Stays, Other)
    GlobalMaxPool (Bounded, Uncounted, Stays, Other)
    Greater (Bounded, Uncounted, Folds, Other)
    GreaterOrEqual (Bounded, Uncounted, Folds, Other)
    GridSample (Bounded, Corners, Stays, Float32)
    HardSigmoid (Bounded, Uncounted, Stays, Pointwise)
    HardSwish (Bounded, Uncounted, Stays, Pointwise)
    Hardmax (Bounded, Uncounted, Stays, Other)
    Identity (Bounded, Uncounted, Folds, Moves)
    InstanceNormalization (Bounded, Uncounted, Stays, Float32)
    IsInf (Bounded, Uncounted, Stays, Other)
    IsNaN (Bounded, Uncounted, Stays, Other)
    LRN (Bounded, Uncounted, Stays, Other)
    LayerNormalization (Bounded, Uncounted, Folds, Float32)
    LeakyRelu (Bounded, Uncounted, Stays, Pointwise)
    Less (Bounded, Uncounted, Folds, Other)
    LessOrEqual (Bounded, Uncounted, Folds, Other)
    Log (Bounded, Uncounted, Folds, Float32)
    LogSoftmax (Bounded, Uncounted, Stays, Float32)
    LpNormalization (Bounded, Uncounted, Stays, Float32)
    LpPool (Grows, Uncounted, Stays, Other)
    MatMul (Bounded, Product, Folds, Other)
    MatMulInteger (Bounded, Product, Stays, Other)
    Max (Bounded, Uncounted, Folds, Pointwise)
    MaxPool (Grows, Uncounted, Stays, Other)
    Mean (Bounded, Uncounted, Stays, Pointwise)
    MeanVarianceNormalization (Bounded, Uncounted, Stays, Other)
    Min (Bounded, Uncounted, Folds, Pointwise)
    Mish (Bounded, Uncounted, Stays, Other)
    Mod (Bounded, Uncounted, Folds, Pointwise)
    Mul (Bounded, Uncounted, Folds, Pointwise)
    Neg (Bounded, Uncounted, Folds, Pointwise)
    NonZero (Bounded, Uncounted, Stays, Other)
    Not (Bounded, Uncounted, Folds, Other)
    OneHot (Grows, Uncounted, Stays, Other)
    Or (Bounded, Uncounted, Folds, Other)
    PRelu (Bounded, Uncounted, Stays, Other)
    Pad (Grows, Uncounted, Stays, Moves)
    Pow (Bounded, Uncounted, Folds, Float32)
    QuantizeLinear (Bounded, Uncounted, Stays, Other)
    Range (Grows, Uncounted, Folds, Other)
    Reciprocal (Bounded, Uncounted, Folds, Other)
    ReduceL1 (Bounded, Uncounted, Stays, Other)
    ReduceL2 (Bounded, Uncounted, Stays, Float32)
    ReduceLogSum (Bounded, Uncounted, Stays, Other)
    ReduceLogSumExp (Bounded, Uncounted, Stays, Float32)
    ReduceMax (Bounded, Uncounted, Folds, Other)
    ReduceMean (Bounded, Uncounted, Folds, Float32)
    ReduceMin (Bounded, Uncounted, Folds, Other)
    ReduceProd (Bounded, Uncounted, Folds, Other)
    ReduceSum (Bounded, Uncounted, Folds, Float32)
    ReduceSumSquare (Bounded, Uncounted, Stays, Float32)
    Relu (Bounded, Uncounted, Folds, Pointwise)
    Reshape (Bounded, Uncounted, Folds, Moves)
    Resize (Grows, Corners, Stays, Other)
    Round (Bounded, Uncounted, Folds, Pointwise)
    Scatter (Bounded, Uncounted, Stays, Other)
    ScatterElements (Bounded, Uncounted, Stays, Other)
    ScatterND (Bounded, Uncounted, Stays, Other)
    Selu (Bounded, Uncounted, Stays, Other)
    Shape (Bounded, Uncounted, Folds, Other)
    Sigmoid (Bounded, Uncounted, Folds, Pointwise)
    Sign (Bounded, Uncounted, Folds, Other)
    Sin (Bounded, Uncounted, Folds, Float32)
    Sinh (Bounded, Uncounted, Stays, Other)
    Size (Bounded, Uncounted, Folds, Other)
    Slice (Bounded, Uncounted, Folds, Moves)
    Softmax (Bounded, Uncounted, Stays, Float32)
    Softplus (Bounded, Uncounted, Stays, Other)
    Softsign (Bounded, Uncounted, Stays, Other)
    SpaceToDepth (Bounded, Uncounted, Stays, Moves)
    Split (Bounded, Uncounted, Folds, Moves)
    Sqrt (Bounded, Uncounted, Folds, Float32)
    Squeeze (Bounded, Uncounted, Folds, Moves)
    Sub (Bounded, Uncounted, Folds, Pointwise)
    Sum (Bounded, Uncounted, Folds, Pointwise)
    Tan (Bounded, Uncounted, Stays, Other)
    Tanh (Bounded, Uncounted, Folds, Pointwise)
    ThresholdedRelu (Bounded, Uncounted, Stays, Other)
    Tile (Grows, Uncounted, Folds, Other)
    TopK (Bounded, Uncounted, Stays, Other)
    Transpose (Bounded, Uncounted, Folds, Moves)
    Trilu (Bounded, Uncounted, Stays, Other)
    Unsqueeze (Bounded, Uncounted, Folds, Moves)
    Where (Bounded, Uncounted, Folds, Pointwise)
    Xor (Bounded, Uncounted, Folds, Other)
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
