//! Our graphs through NVIDIA's own parser and builder: TensorRT-RTX, which needs no GPU.
//!
//! `cargo xtask rtx` fetches the library and names its folder in `UNMASK_RTX`; without it, these
//! tests say that they were skipped. `UNMASK_RTX_ALL` adds the large networks.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use unmask_frame::Size;
use unmask_graph::calibrate::Calibration;
use unmask_graph::checkpoint::{
    Checkpoint, CheckpointMetadata, CheckpointOrigin, CheckpointWeights, WeightTensor,
};
use unmask_graph::export::{self, ExportOptions};
use unmask_graph::import;
use unmask_graph::prepare::{PrepareOptions, prepare};
use unmask_graph::quantize::{BlockSet, QuantizeGraph, QuantizePlan, RestPrecision, rewrite};
use unmask_graph::write::SamplingForm;
use unmask_graph::{GraphError, WeightProblem};
use unmask_model::PixelFormat;
use unmask_network::NetworkConfig;
use unmask_onnx::messages::ModelProto;
use unmask_tensorrt::layers::{LayerLog, Operation, PlanLayer, PlanSummary};
use unmask_tensorrt::{Library, ProfilingVerbosity, Severity};

/// GPUs that plans are built for: Ampere and Blackwell, as TensorRT-RTX has neither of Jetson's.
const CAPABILITIES: [u32; 2] = [86, 120];

/// TensorRT-RTX with a log of its own.
struct Rtx {
    library: Library,
    log: LayerLog,
    /// One test at a time: a log hears the whole process.
    _alone: MutexGuard<'static, ()>,
}

/// What the builder made of a graph.
struct Built {
    pub plan: Vec<u8>,
    pub layers: Vec<PlanLayer>,
    pub parsed_layers: usize,
    pub time: Duration,
}

impl Rtx {
    /// The library; `None`, with a word about why, where it is not there.
    fn open(test: &str) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let folder = unmask_oracle::rtx(test)?;
        let alone = ALONE
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let log = LayerLog::new(|_: Severity, _: &str| {});
        let library = Library::find(Some(&folder), log.clone()).unwrap();
        Some(Self {
            library,
            log,
            _alone: alone,
        })
    }

    /// Parses and builds `model`; what the parser or the builder says where one refuses.
    fn build(&self, model: &[u8], capability: u32) -> Result<Built, String> {
        let builder = self.library.builder().unwrap();
        let mut network = builder.network().unwrap();
        self.log.take_layers().unwrap();
        network
            .parse_onnx(model, None)
            .map_err(|error| format!("parser: {error}"))?;
        let mut config = builder.config().unwrap();
        config
            .set_profiling_verbosity(ProfilingVerbosity::Detailed)
            .unwrap();
        config.set_compute_capabilities(&[capability]).unwrap();
        let start = Instant::now();
        let plan = builder
            .build(&network, &config)
            .map_err(|error| format!("builder: {error}"))?;
        Ok(Built {
            plan: plan.to_vec(),
            layers: self.log.take_layers().unwrap(),
            parsed_layers: network.layer_count(),
            time: start.elapsed(),
        })
    }

    /// Warnings and errors since the last call.
    fn complaints(&self) -> Vec<(Severity, String)> {
        self.log.take_complaints()
    }
}

/// A file of the repository.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name)
}

/// The shipped model in lower precision.
fn quantised(net: &QuantizeGraph, blocks: &BlockSet, rest: RestPrecision) -> ModelProto {
    let calibration = Calibration::read(&file("calibration/unmask-small.toml")).unwrap();
    rewrite(
        net,
        &QuantizePlan::new(net),
        blocks,
        Some(&calibration),
        rest,
    )
    .unwrap()
    .model
}

/// Convolutions of `model` whose input is dequantised.
fn int8_convolutions(model: &ModelProto) -> usize {
    let nodes = || model.graph.iter().flat_map(|graph| &graph.node);
    let dequantised: HashSet<&str> = nodes()
        .filter(|node| node.op_type() == "DequantizeLinear")
        .flat_map(|node| &node.output)
        .map(String::as_str)
        .collect();
    let convolutions = nodes().filter(|node| node.op_type() == "Conv");
    convolutions
        .filter(|node| dequantised.contains(node.input[0].as_str()))
        .count()
}

/// Length of the part of a plan that lists inputs and outputs.
///
/// TensorRT-RTX 1.7.1 orders them by where they happen to lie in memory, so that a second build in
/// one process may have another order there, and is the same everywhere else.
const OUTPUT_LIST_BYTES: usize = 8192;

/// Length of the part in which two plans differ; none where their lengths do.
fn difference_bytes(a: &[u8], b: &[u8]) -> Option<usize> {
    if a.len() != b.len() {
        return None;
    }
    let differs = |(a, b): (&u8, &u8)| a != b;
    let first = a.iter().zip(b).position(differs);
    let last = a.iter().zip(b).rposition(differs);
    Some(first.zip(last).map_or(0, |(first, last)| last - first + 1))
}

/// Builds `model` for each GPU, twice; prints a row for each, and returns the layers of the first.
#[track_caller]
fn check(rtx: &Rtx, name: &str, model: &[u8]) -> Vec<PlanLayer> {
    let mut first = None;
    for capability in CAPABILITIES {
        let built = [0, 1].map(|_| match rtx.build(model, capability) {
            Ok(built) => built,
            Err(error) => panic!("{name}, SM{capability}: {error}"),
        });
        assert_eq!(rtx.complaints(), [], "{name}, SM{capability}");
        let [built, again] = built;
        let apart = difference_bytes(&built.plan, &again.plan);
        assert!(
            apart.is_some_and(|bytes| bytes <= OUTPUT_LIST_BYTES),
            "{name}, SM{capability}: other bytes the second time, {apart:?} apart"
        );
        let summary = PlanSummary::of(&built.layers);
        assert_eq!(summary.unknown_types, [] as [&str; 0], "{name}");
        assert!(
            summary.kernel_count > 0,
            "{name}: the builder described no layer"
        );
        let operations: Vec<String> = summary
            .operations
            .iter()
            .filter(|((operation, ..), _)| *operation != Operation::Other)
            .map(|((operation, from, to), count)| format!("{count} {operation:?} {from}→{to}"))
            .collect();
        println!(
            "| {name} | SM{capability} | {} | {} | {:.2} | {:.2} | {:.1} | {:.1} | {} |",
            built.parsed_layers,
            summary.kernel_count,
            summary.moved_bytes() as f64 / 1e6,
            summary.constant_bytes as f64 / 1e6,
            built.plan.len() as f64 / 1e6,
            built.time.as_secs_f64(),
            operations.join(", ")
        );
        first.get_or_insert(built.layers);
    }
    first.unwrap()
}

/// A network of `config` whose weights are noise.
fn with_noise(config: &NetworkConfig, size: Size) -> Checkpoint {
    let mut checkpoint = Checkpoint {
        config: config.clone(),
        metadata: CheckpointMetadata {
            mean: [123.0, 116.0, 103.0],
            std: [58.0, 57.0, 57.0],
            classes: (0..config.classes)
                .map(|class| format!("class {class}"))
                .collect(),
            road: vec![0],
            stuff: vec![0],
            size,
            threshold: None,
            recipe: None,
        },
        weights: CheckpointWeights::new(),
        origin: CheckpointOrigin::Unmask,
    };
    // The refusal of no weights at all lists every key with its shape.
    let refused = export::model(&checkpoint, &ExportOptions::default());
    let Err(GraphError::Unfit { problems }) = refused else {
        panic!("exported without weights")
    };
    let mut state = 1u64;
    for problem in problems {
        let WeightProblem::Missing { key, expected } = problem else {
            continue;
        };
        let inputs: usize = expected.iter().skip(1).product();
        let scale = (3.0 / inputs.max(1) as f32).sqrt();
        let is_variance = key.ends_with("running_var");
        let values = (0..expected.iter().product()).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 40) as f32 / 8_388_608.0 - 1.0;
            if is_variance {
                noise.abs() + 0.5
            } else {
                noise * scale
            }
        });
        let data = values.collect::<Vec<f32>>().into();
        checkpoint.weights.insert(
            key,
            WeightTensor {
                shape: expected,
                data,
            },
        );
    }
    checkpoint
}

const HEADING: &str = "| graph | GPU | layers parsed | kernels | MB moved | MB constants | MB plan | \
                       s build | kernels by operation |";

#[test]
fn shipped_model_builds_in_each_precision() {
    let Some(rtx) = Rtx::open("shipped_model_builds_in_each_precision") else {
        return;
    };
    println!("{HEADING}");
    let path = file("engines/unmask-small.onnx");
    check(&rtx, "float32", &std::fs::read(&path).unwrap());
    let net = QuantizeGraph::read(&path).unwrap();
    let half = rewrite(
        &net,
        &QuantizePlan::new(&net),
        &BlockSet::none(),
        None,
        RestPrecision::Fp16,
    )
    .unwrap()
    .model;
    let layers = check(&rtx, "FP16", &half.to_bytes());
    let summary = PlanSummary::of(&layers);
    assert_eq!(
        summary.count(Operation::Convolution, "Float"),
        0,
        "{summary:?}"
    );
    for rest in [RestPrecision::Fp16, RestPrecision::Fp32] {
        let model = quantised(&net, &BlockSet::AllBut(BTreeSet::new()), rest);
        let name = format!("INT8, rest {}", rest.name());
        let layers = check(&rtx, &name, &model.to_bytes());
        let summary = PlanSummary::of(&layers);
        // Every convolution with Q/DQ runs in INT8; equal products may be put together.
        let wanted = int8_convolutions(&model);
        assert!(wanted > 0);
        assert_eq!(
            summary.count(Operation::Convolution, "Int8"),
            wanted,
            "{summary:?}"
        );
        assert!(
            summary.count(Operation::Product, "Int8") >= wanted,
            "{summary:?}"
        );
    }
}

#[test]
fn prepared_model_reads_camera_bytes() {
    let Some(rtx) = Rtx::open("prepared_model_reads_camera_bytes") else {
        return;
    };
    println!("{HEADING}");
    let camera = Some(Size::new(1280, 720));
    let formats = [
        PixelFormat::Rgb24,
        PixelFormat::Bgr24,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Nv12,
    ];
    for format in formats {
        let options = PrepareOptions {
            camera,
            format: Some(format),
            ..PrepareOptions::default()
        };
        let prepared = prepare(&file("engines/unmask-small.onnx"), &options).unwrap();
        let layers = check(&rtx, &format!("prepared {format:?}"), &prepared.bytes);
        // The picture is the only uint8 there is, and a kernel reads it as it is.
        let reads_bytes = |layer: &&PlanLayer| {
            layer
                .inputs
                .iter()
                .any(|tensor| tensor.data_type == "UInt8")
        };
        assert!(layers.iter().any(|layer| reads_bytes(&layer)), "{format:?}");
    }
}

#[test]
fn other_networks_build() {
    let Some(rtx) = Rtx::open("other_networks_build") else {
        return;
    };
    println!("{HEADING}");
    let mut networks = vec![("small", Size::new(256, 128))];
    if std::env::var_os("UNMASK_RTX_ALL").is_some() {
        networks.push(("r50", Size::new(1024, 512)));
    }
    for (preset, size) in networks {
        let config = NetworkConfig::preset(preset).unwrap();
        for sampling in [SamplingForm::Gather, SamplingForm::Gridsample] {
            let options = ExportOptions {
                size: Some(size),
                sampling,
            };
            let model = export::model(&with_noise(&config, size), &options).unwrap();
            check(&rtx, &format!("{preset}, {sampling:?}"), &model.to_bytes());
        }
    }
}

#[test]
fn imported_swin_builds() {
    let Some(rtx) = Rtx::open("imported_swin_builds") else {
        return;
    };
    println!("{HEADING}");
    let checkpoint =
        import::read(&file("tests/fixtures/import/swin/model.safetensors"), None).unwrap();
    let size = Some(Size::new(96, 64));
    let model = export::model(
        &checkpoint,
        &ExportOptions {
            size,
            ..ExportOptions::default()
        },
    );
    check(&rtx, "Swin", &model.unwrap().to_bytes());
}
