//! The binding against NVIDIA's real TensorRT-RTX, on a machine without a GPU.
//!
//! `cargo xtask rtx` fetches the library and names its folder in `UNMASK_RTX`; without it, these
//! tests say that they were skipped. Graphs are written here, byte by byte: see `onnx`.

mod onnx;
mod support;

use onnx::Graph;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use unmask_tensorrt::layers::{LayerLog, Operation, PlanLayer, PlanSummary};
use unmask_tensorrt::{
    BuildError, BuildProgress, Builder, BuilderConfig, BuilderFlag, ConfigError, DataType,
    DriverError, HostMemory, Library, MemoryPool, ParseError, ParserErrorCode, PlanValidity,
    Product, ProfilingVerbosity, RuntimeError, Severity,
};

/// One test at a time: a log hears the whole process, and memory is measured.
static ALONE: Mutex<()> = Mutex::new(());

/// The real library and its log; `None`, with a word about why, where it is not there.
fn open(test: &str) -> Option<(Library, LayerLog, MutexGuard<'static, ()>)> {
    let folder = unmask_oracle::rtx(test)?;
    let alone = ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let log = LayerLog::new(|_: Severity, _: &str| {});
    let library = Library::find(Some(&folder), log.clone()).unwrap();
    assert_eq!(library.version().product, Product::TensorRtRtx);
    Some((library, log, alone))
}

fn config<'b>(builder: &'b Builder, capability: u32) -> BuilderConfig<'b> {
    let mut config = builder.config().unwrap();
    config.set_compute_capabilities(&[capability]).unwrap();
    config
}

fn build(library: &Library, model: &[u8], capability: u32) -> Result<HostMemory, BuildError> {
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    network.parse_onnx(model, None).unwrap();
    let mut config = config(&builder, capability);
    config
        .set_profiling_verbosity(ProfilingVerbosity::Detailed)
        .unwrap();
    builder.build(&network, &config)
}

#[test]
fn library_says_what_it_is() {
    let Some((library, _, _alone)) = open("library_says_what_it_is") else {
        return;
    };
    let version = library.version();
    assert!(version.major == 1 && version.minor >= 5, "{version}");
    assert_eq!(library.parser_version(), Some(200));
    assert!(library.has_builder());
    assert_eq!(library.builder().unwrap().dla_cores(), 0);
}

#[test]
fn same_graph_gives_same_bytes() {
    let Some((library, log, _alone)) = open("same_graph_gives_same_bytes") else {
        return;
    };
    let mut previous: Option<Vec<u8>> = None;
    for capability in [86, 120] {
        let model = onnx::convolution();
        let plans = [0, 1].map(|_| build(&library, &model, capability).unwrap().to_vec());
        assert_eq!(plans[0], plans[1], "{capability}");
        assert!(
            previous.is_none_or(|previous| previous != plans[0]),
            "another GPU, another plan"
        );
        previous = Some(plans[0].clone());
    }
    assert_eq!(
        log.take_complaints(),
        [],
        "a warning in a graph that has no reason for one"
    );
}

#[test]
fn network_is_described() {
    let Some((library, _, _alone)) = open("network_is_described") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    network.parse_onnx(&onnx::convolution(), None).unwrap();
    let inputs = network.inputs();
    assert_eq!(inputs.len(), 1);
    assert_eq!(inputs[0].name, "x");
    assert_eq!(
        (inputs[0].data_type, inputs[0].shape.as_slice()),
        (DataType::Float32, &[1, 4, 8, 8][..])
    );
    let outputs = network.outputs();
    assert_eq!(
        (outputs[0].name.as_str(), outputs[0].shape.as_slice()),
        ("y", &[1, 4, 8, 8][..])
    );
    let names: Vec<_> = (0..network.layer_count())
        .map(|index| network.layer_name(index).unwrap())
        .collect();
    assert!(names.contains(&"the convolution".to_owned()), "{names:?}");
}

#[test]
fn layers_of_int8_are_read() {
    let Some((library, log, _alone)) = open("layers_of_int8_are_read") else {
        return;
    };
    build(&library, &onnx::int8_convolution(), 86).unwrap();
    let layers: Vec<PlanLayer> = log.take_layers().unwrap();
    let summary = PlanSummary::of(&layers);
    assert_eq!(
        summary.count(Operation::Convolution, "Int8"),
        1,
        "{summary:?}"
    );
    assert!(summary.unknown_types.is_empty(), "{summary:?}");
    assert!(
        summary.constant_bytes >= 32 * 32,
        "INT8 weights: {summary:?}"
    );
    assert!(
        layers
            .iter()
            .any(|layer| layer.nodes.iter().any(|node| node == "the convolution"))
    );
}

#[test]
fn every_bad_node_is_reported() {
    let Some((library, _, _alone)) = open("every_bad_node_is_reported") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    let error = network
        .parse_onnx(&onnx::three_unknown_operators(), None)
        .unwrap_err();
    let errors = error.node_errors();
    assert_eq!(errors.len(), 3, "{error}");
    for (index, error) in errors.iter().enumerate() {
        assert_eq!(error.code, ParserErrorCode::UnsupportedNode, "{error}");
        assert_eq!(error.operator, "Det", "{error}");
        assert_eq!(error.node_name, format!("det {index}"), "{error}");
        assert_eq!(error.node, Some(index), "{error}");
        assert_eq!(
            error.reason(),
            None,
            "the parser says no more than `false`: {error:?}"
        );
    }
}

#[test]
fn refusal_without_driver_says_the_cause() {
    let Some((library, _, _alone)) = open("refusal_without_driver_says_the_cause") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    let error = network
        .parse_onnx(&onnx::mixed_addition(), None)
        .unwrap_err();
    let reason = error.node_errors()[0].reason().unwrap();
    assert!(!reason.contains("Cuda Runtime"), "{reason}");
    assert!(reason.contains("same input types"), "{reason}");
}

#[test]
fn what_is_no_model_is_refused() {
    let Some((library, _, _alone)) = open("what_is_no_model_is_refused") else {
        return;
    };
    let builder = library.builder().unwrap();
    let parse = |bytes: &[u8]| {
        builder
            .network()
            .unwrap()
            .parse_onnx(bytes, None)
            .unwrap_err()
    };
    for bytes in [b"".as_slice(), b"hello"] {
        let error = parse(bytes);
        assert!(
            matches!(error, ParseError::Empty { .. }),
            "{bytes:?}: {error}"
        );
    }
    let model = onnx::convolution();
    let error = parse(&model[..model.len() / 2]);
    assert_eq!(
        error.node_errors()[0].code,
        ParserErrorCode::Deserialize,
        "{error}"
    );
    // Cut anywhere, a model is refused or, where the rest is one too, parsed; nothing else.
    for length in (0..model.len()).step_by(7) {
        let _ = builder
            .network()
            .unwrap()
            .parse_onnx(&model[..length], None);
    }
}

#[test]
fn external_data_stays_in_its_folder() {
    let Some((library, log, _alone)) = open("external_data_stays_in_its_folder") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inside")).unwrap();
    for place in [".", "inside"] {
        std::fs::write(folder.path().join(place).join("weights"), [0u8; 64]).unwrap();
    }
    let file = folder.path().join("inside/model.onnx");
    let builder = library.builder().unwrap();
    let parse = |location: &str, file: Option<&Path>| {
        builder
            .network()
            .unwrap()
            .parse_onnx(&onnx::external(location), file)
    };
    parse("weights", Some(&file)).unwrap();
    let error = parse("../weights", Some(&file)).unwrap_err();
    // The parser's error does not say why, its log does.
    assert_eq!(error.node_errors().len(), 1, "{error}");
    let told = log.take_complaints();
    assert!(
        told.iter().any(|(_, text)| text.contains("../")),
        "{told:?}"
    );
    parse("absent", Some(&file)).unwrap_err();
}

#[test]
fn builder_refusal_is_reported() {
    let Some((library, log, _alone)) = open("builder_refusal_is_told") else {
        return;
    };
    let error = build(&library, &onnx::top_k(4000), 86).unwrap_err();
    assert!(error.to_string().contains("3840"), "{error}");
    let told = log.take_complaints();
    assert!(
        told.iter().any(|(_, text)| text.contains("3840")),
        "the log has it too: {told:?}"
    );
    build(&library, &onnx::top_k(3840), 86).unwrap();
}

#[test]
fn capabilities_of_jetson_are_refused() {
    let Some((library, _, _alone)) = open("capabilities_of_jetson_are_refused") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    network.parse_onnx(&onnx::convolution(), None).unwrap();
    for capability in [72, 87, 110] {
        let mut config = builder.config().unwrap();
        let error = config
            .set_compute_capabilities(&[86, capability])
            .unwrap_err();
        assert!(
            matches!(
                &error,
                ConfigError::ComputeCapability {
                    reason: Some(_),
                    ..
                }
            ),
            "{error}"
        );
        let error = builder.build(&network, &config).unwrap_err();
        assert!(
            error.to_string().contains("no compute capability given"),
            "{error}"
        );
    }
    let config = builder.config().unwrap();
    assert!(
        builder.build(&network, &config).is_err(),
        "no capability was given"
    );
}

#[test]
fn settings_are_kept_or_refused() {
    let Some((library, log, _alone)) = open("settings_are_kept_or_refused") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut config = config(&builder, 86);
    config
        .set_memory_limit(MemoryPool::Workspace, 1 << 28)
        .unwrap();
    assert_eq!(config.memory_limit(MemoryPool::Workspace), 1 << 28);
    for level in 0..=5 {
        config.set_optimization_level(level).unwrap();
    }
    for verbosity in [
        ProfilingVerbosity::None,
        ProfilingVerbosity::LayerNamesOnly,
        ProfilingVerbosity::Detailed,
    ] {
        config.set_profiling_verbosity(verbosity).unwrap();
    }
    for flag in [
        BuilderFlag::GpuFallback,
        BuilderFlag::DisableTimingCache,
        BuilderFlag::Tf32,
    ] {
        config.set_flag(flag).unwrap();
    }
    assert!(config.set_dla_core(0).is_err());
    assert!(config.set_hardware_compatible().is_err());
    assert!(config.set_flag(BuilderFlag::VersionCompatible).is_err());
    assert_eq!(
        log.take_complaints(),
        [],
        "what does nothing is refused before the library warns"
    );
}

#[test]
fn timing_cache_goes_round() {
    let Some((library, _, _alone)) = open("timing_cache_goes_round") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    network.parse_onnx(&onnx::convolution(), None).unwrap();
    let mut config = config(&builder, 86);
    config.set_timing_cache(&[]).unwrap();
    builder.build(&network, &config).unwrap();
    let cache = config.timing_cache().unwrap();
    assert!(!cache.is_empty());
    let mut next = self::config(&builder, 86);
    next.set_timing_cache(&cache).unwrap();
}

#[test]
fn too_little_workspace_is_reported() {
    let Some((library, _, _alone)) = open("too_little_workspace_is_told") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    network
        .parse_onnx(&onnx::chain_of_convolutions(), None)
        .unwrap();
    let mut config = config(&builder, 86);
    config
        .set_memory_limit(MemoryPool::Workspace, 1 << 10)
        .unwrap();
    let error = builder.build(&network, &config).unwrap_err();
    assert!(matches!(error, BuildError::OutOfMemory { .. }), "{error}");
}

#[test]
fn build_is_canceled_at_a_step() {
    let Some((library, _, _alone)) = open("build_is_canceled_at_a_step") else {
        return;
    };
    let builder = library.builder().unwrap();
    let mut network = builder.network().unwrap();
    network
        .parse_onnx(&onnx::chain_of_convolutions(), None)
        .unwrap();
    let mut config = config(&builder, 86);
    let (phases, seen) = std::sync::mpsc::channel();
    config.set_progress(move |progress| match progress {
        BuildProgress::Started { phase, .. } => {
            phases.send(phase.to_owned()).unwrap();
            ControlFlow::Continue(())
        }
        BuildProgress::Step { .. } => ControlFlow::Break(()),
        BuildProgress::Finished { .. } => ControlFlow::Continue(()),
    });
    let error = builder.build(&network, &config).unwrap_err();
    assert!(matches!(error, BuildError::Canceled), "{error}");
    drop(config);
    assert!(seen.iter().count() > 0, "phases are named");
    // The builder is as good as before.
    builder
        .build(&network, &self::config(&builder, 86))
        .unwrap();
}

#[test]
fn plan_is_not_loaded_without_driver() {
    let Some((library, _, _alone)) = open("plan_is_not_loaded_without_driver") else {
        return;
    };
    let plan = build(&library, &onnx::convolution(), 86).unwrap();
    let runtime = library.runtime().unwrap();
    assert_eq!(runtime.plan_header_bytes(), Some(64));
    let short = runtime.plan_validity(&plan[..63]).unwrap();
    assert_eq!(short, PlanValidity::Invalid { diagnostics: 0x20 });
    if unmask_tensorrt::Driver::initialise().is_ok() {
        return eprintln!("skipped plan_is_not_loaded_without_driver: this machine has a driver");
    }
    // The reason is left unwritten: it reads 0, never what lay there.
    let whole = runtime.plan_validity(&plan).unwrap();
    assert_eq!(whole, PlanValidity::Invalid { diagnostics: 0 });
    // It is not a seal: a plan cut to its header looks like the whole.
    assert_eq!(runtime.plan_validity(&plan[..64]).unwrap(), whole);
    // SAFETY: the plan is a builder's.
    let error = unsafe { runtime.load(&plan) }.map(drop).unwrap_err();
    assert!(
        matches!(error, RuntimeError::Driver(DriverError::NotFound { .. })),
        "{error}"
    );
}

#[test]
fn many_refusals_leak_nothing() {
    let Some((library, _, _alone)) = open("many_refusals_leak_nothing") else {
        return;
    };
    let model = onnx::three_unknown_operators();
    let refuse = || {
        let builder = library.builder().unwrap();
        builder
            .network()
            .unwrap()
            .parse_onnx(&model, None)
            .unwrap_err();
    };
    let resident_kb = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    (0..50).for_each(|_| refuse());
    let before = resident_kb();
    (0..300).for_each(|_| refuse());
    let grown = resident_kb().saturating_sub(before);
    assert!(grown < 4096, "grew by {grown} KiB in 300 refusals");
}

#[test]
fn quantize_without_zero_point_is_silently_int8() {
    let Some((library, log, _alone)) = open("quantize_without_zero_point_is_silently_int8") else {
        return;
    };
    // ONNX says uint8 here; what NVIDIA makes of it is why the project's lint calls it wrong.
    let graph = Graph::new(21)
        .input("x", onnx::FLOAT, &[1, 4, 8, 8])
        .floats("s", &[], &[0.1])
        .node("q", "QuantizeLinear", &["x", "s"], &["q"], &[])
        .node("d", "DequantizeLinear", &["q", "s"], &["y"], &[])
        .output("y", onnx::FLOAT, &[1, 4, 8, 8]);
    build(&library, &graph.bytes(), 86).unwrap();
    assert_eq!(log.take_complaints(), []);
    let layers = log.take_layers().unwrap();
    let types = layers
        .iter()
        .flat_map(|layer| layer.inputs.iter().chain(&layer.outputs));
    assert!(types.into_iter().all(|tensor| tensor.data_type != "UInt8"));
}

#[test]
fn second_log_of_a_library_is_heard() {
    let Some((library, log, _alone)) = open("second_log_of_a_library_is_heard") else {
        return;
    };
    let _builder = library.builder().unwrap();
    let second = LayerLog::new(|_: Severity, _: &str| {});
    let again = Library::open(library.files().clone(), second.clone()).unwrap();
    let error = build(&again, &onnx::top_k(4000), 86).unwrap_err();
    assert!(error.to_string().contains("3840"), "{error}");
    let told = second.take_complaints();
    assert!(
        told.iter().any(|(_, text)| text.contains("3840")),
        "{told:?}"
    );
    // TensorRT warns of a second logger; both share one.
    assert_eq!(log.take_complaints(), []);
}
