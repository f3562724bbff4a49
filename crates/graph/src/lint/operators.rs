//! Operators of TensorRT's ONNX parser, by its own list: `docs/operators.md` and `docs/Changelog.md` of
//! [onnx/onnx-tensorrt](https://github.com/onnx/onnx-tensorrt), read for 10.15; 10.3 has what
//! the changelog does not date later, 10.16 the same as 10.15, 11.x by NVIDIA's guide to opsets alone.

use unmask_onnx::operator::{Operator, ParserSupport};

/// The newest opset, by version.
pub(super) const OPSETS: [(i64, &str); 3] = [(20, "10.3"), (24, "10.16"), (25, "11.4")];

/// Operators that are not in [`Operator`]'s table and that every version refuses.
const UNKNOWN_UNPARSED: &[&str] = &[
    "AffineGrid",
    "Bernoulli",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "CenterCropPad",
    "Col2Im",
    "Compress",
    "ConcatFromSequence",
    "DFT",
    "Det",
    "ImageDecoder",
    "MaxRoiPool",
    "MaxUnpool",
    "MelWeightMatrix",
    "Multinomial",
    "NegativeLogLikelihoodLoss",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
    "QLinearConv",
    "QLinearMatMul",
    "RegexFullMatch",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "SoftmaxCrossEntropyLoss",
    "SplitToSequence",
    "StringConcat",
    "StringNormalizer",
    "StringSplit",
    "TfIdfVectorizer",
    "Unique",
];

/// Operators that 10.3 refuses, and the version that took them first.
pub(super) const LATER: [(&str, &str); 4] = [
    ("BlackmanWindow", "10.4"),
    ("HammingWindow", "10.4"),
    ("HannWindow", "10.4"),
    ("STFT", "10.5"),
];

/// `coordinate_transformation_mode` of a Resize.
pub(super) const RESIZE_PLACES: [&str; 5] = [
    "half_pixel",
    "pytorch_half_pixel",
    "tf_half_pixel_for_nn",
    "asymmetric",
    "align_corners",
];

/// TopK takes at most so many values.
pub(super) const TOP_K_LIMIT: i64 = 3840;

/// What TensorRT-RTX 1.7 refuses and the list has: plugins that it lacks, operators without kernels.
pub(super) const MEASURED_UNSUPPORTED: &[&str] =
    &["DeformConv", "NonMaxSuppression", "NonZero", "RoiAlign"];

/// Operators of which only the first output is taken.
pub(super) const SINGLE_OUTPUT: [&str; 3] = ["BatchNormalization", "LayerNormalization", "MaxPool"];

/// Operators that are not in [`Operator`]'s table and that the parser takes by their names, whatever
/// their domain.
const UNKNOWN_PARSED: &[&str] = &[
    "Attention",
    "BlackmanWindow",
    "Constant",
    "GRU",
    "Gelu",
    "GlobalLpPool",
    "GroupNormalization",
    "HammingWindow",
    "HannWindow",
    "If",
    "LSTM",
    "Loop",
    "RMSNormalization",
    "RNN",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "ReverseSequence",
    "RotaryEmbedding",
    "STFT",
    "Scan",
    "Shrink",
    "Swish",
    "TensorScatter",
    "Upsample",
];

/// Whether TensorRT's parser takes the operator called `name`.
pub(super) fn parser_support(name: &str) -> ParserSupport {
    match Operator::of(name) {
        Some(operator) => operator.parser(),
        None if UNKNOWN_PARSED.contains(&name) => ParserSupport::Parsed,
        None if UNKNOWN_UNPARSED.contains(&name) => ParserSupport::Unparsed,
        None => ParserSupport::Untried,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_what_the_table_does_not_know() {
        for name in UNKNOWN_PARSED.iter().chain(UNKNOWN_UNPARSED) {
            assert_eq!(Operator::of(name), None, "{name} has a row in the table");
        }
        let both = |name: &&&str| UNKNOWN_PARSED.contains(*name);
        assert_eq!(UNKNOWN_UNPARSED.iter().find(both), None);
        assert_eq!(parser_support("Conv"), ParserSupport::Parsed);
        assert_eq!(parser_support("ConvInteger"), ParserSupport::Unparsed);
        assert_eq!(parser_support("GRU"), ParserSupport::Parsed);
        assert_eq!(parser_support("Unique"), ParserSupport::Unparsed);
        assert_eq!(parser_support("Bogus"), ParserSupport::Untried);
    }
}
