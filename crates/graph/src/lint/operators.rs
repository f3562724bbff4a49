//! What TensorRT's ONNX parser takes, by its own list: `docs/operators.md` and `docs/Changelog.md` of
//! [onnx/onnx-tensorrt](https://github.com/onnx/onnx-tensorrt), read for 10.15; 10.3 has what
//! the changelog does not date later, 10.16 the same as 10.15, 11.x by NVIDIA's guide to opsets alone.

/// The newest opset, by version.
pub(super) const OPSETS: [(i64, &str); 3] = [(20, "10.3"), (24, "10.16"), (25, "11.4")];

/// Operators that every version refuses.
pub(super) const UNSUPPORTED: &[&str] = &[
    "AffineGrid",
    "Bernoulli",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "CenterCropPad",
    "Col2Im",
    "Compress",
    "ConcatFromSequence",
    "ConvInteger",
    "DFT",
    "Det",
    "DynamicQuantizeLinear",
    "ImageDecoder",
    "MatMulInteger",
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

/// TopK takes fewer values than this.
pub(super) const TOP_K_LIMIT: i64 = 3840;
