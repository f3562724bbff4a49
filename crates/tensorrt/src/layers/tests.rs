use super::*;

/// A line in the builder's form, with names of our own.
fn line(name: &str, kind: &str, inputs: &[&str], constants: &[&str], outputs: &[&str]) -> String {
    let list = |tensors: &[&str]| match tensors.is_empty() {
        true => String::new(),
        false => format!(" {}", tensors.join(", ")),
    };
    format!(
        "Name: {name}, LayerType: {kind}, Inputs: [{}], Constants: [{}], Outputs: [{}], \
         TacticName: t, StreamId: 0, Metadata: [ONNX Layer: /a/Conv][ONNX Layer: /a/Relu]\
         [ONNX Layer: /a/Conv]",
        list(inputs),
        list(constants),
        list(outputs)
    )
}

fn tensor(name: &str, shape: &str, strides: &str, data_type: &str) -> String {
    format!(
        "{{ Name: {name}, Dimensions: [{shape}], Strides: [{strides}], StrideOrder: [1,0], \
         Datatype: {data_type}, Format: (Linear) Row major linear format }}"
    )
}

#[test]
fn layer_line_is_read() {
    let image = tensor("image, left", "1,3,4,8", "96,32,8,1", "UInt8");
    let repeated = tensor("bias", "1,16,4,8", "0,1,0,0", "Half");
    let weights = tensor("w", "16,3,1,1", "3,1,1,1", "Int8");
    let map = tensor("map", "1,16,4,8", "512,32,8,1", "Float");
    let layer = PlanLayer::parse(&line(
        "conv",
        "correlation",
        &[&image, &repeated],
        &[&weights],
        &[&map],
    ))
    .unwrap();
    assert_eq!(layer.operation(), Operation::Convolution);
    assert_eq!(layer.nodes, ["/a/Conv", "/a/Relu"]);
    assert_eq!(layer.inputs[0].name, "image, left");
    let bytes: Vec<_> = layer
        .inputs
        .iter()
        .map(|tensor| tensor.byte_count().unwrap())
        .collect();
    assert_eq!(bytes, [96, 32], "an axis of stride 0 counts once");
    assert_eq!(layer.constants[0].byte_count(), Some(48));
    assert_eq!(layer.outputs[0].byte_count(), Some(2048));
}

#[test]
fn scalars_and_empty_lists_are_read() {
    let scalar = tensor("s", "", "", "Int64");
    let layer = PlanLayer::parse(&line("n", "kgen", &[], &[], &[&scalar])).unwrap();
    assert!(layer.inputs.is_empty() && layer.constants.is_empty());
    assert_eq!(layer.outputs[0].byte_count(), Some(8));
}

#[test]
fn foreign_lines_are_errors() {
    for text in [
        "",
        "Name: x",
        "Name: x, LayerType: y, Inputs: [nonsense], Constants: [], ",
    ] {
        assert!(PlanLayer::parse(text).is_err(), "{text}");
    }
    let broken = line(
        "n",
        "kgen",
        &["{ Name: x, Dimensions: [1,b], Strides: [1] }"],
        &[],
        &[],
    );
    assert_eq!(PlanLayer::parse(&broken).unwrap_err().part, "Inputs");
}

#[test]
fn summary_counts_kernels_and_bytes() {
    let half = tensor("h", "2,4", "4,1", "Half");
    let int8 = tensor("i", "2,4", "4,1", "Int8");
    let odd = tensor("o", "2,4", "4,1", "Quaternion");
    let layers: Vec<PlanLayer> = [
        line("c", "correlation", &[&int8], &[&int8], &[&half]),
        line("_gemm_mha_v2_", "kgen", &[&half], &[], &[&half]),
        line("__myl_Fc", "kgen", &[&int8], &[], &[&int8]),
        line("s", "signal", &[&half], &[], &[&half]),
        line("k", "kgen", &[&odd], &[], &[&half]),
    ]
    .iter()
    .map(|text| PlanLayer::parse(text).unwrap())
    .collect();
    let summary = PlanSummary::of(&layers);
    assert_eq!(summary.kernel_count, 4, "events are no kernels");
    assert_eq!(summary.read_bytes, 8 + 16 + 8);
    assert_eq!(summary.written_bytes, 16 + 16 + 8 + 16);
    assert_eq!(summary.constant_bytes, 8);
    assert_eq!(summary.bytes_by_type["Int8"], 8 + 8 + 8);
    assert_eq!(summary.count(Operation::Convolution, "Int8"), 1);
    assert_eq!(summary.count(Operation::FusedAttention, "Half"), 1);
    assert_eq!(summary.count(Operation::Product, "Int8"), 1);
    assert_eq!(summary.unknown_types, ["Quaternion"]);
}

#[test]
fn log_collects_layers_and_complaints() {
    let passed = Arc::new(Mutex::new(0));
    let count = passed.clone();
    let log = LayerLog::new(move |_: Severity, _: &str| *count.lock().unwrap() += 1);
    let two = format!(
        "{}\n{}\n",
        line("a", "kgen", &[], &[], &[]),
        line("b", "kgen", &[], &[], &[])
    );
    log.log(Severity::Verbose, &two);
    log.log(Severity::Info, "nothing");
    log.log(Severity::Warning, "careful");
    assert_eq!(log.take_layers().unwrap().len(), 2);
    assert!(log.take_layers().unwrap().is_empty());
    assert_eq!(
        log.take_complaints(),
        [(Severity::Warning, "careful".to_owned())]
    );
    assert_eq!(*passed.lock().unwrap(), 3);
    log.log(Severity::Verbose, "Name: odd, LayerType: x, something else");
    assert!(log.take_layers().is_err());
}
