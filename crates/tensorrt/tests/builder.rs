//! Opening libraries and building plans, on the double.

mod double;
mod support;

use double::Double;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use unmask_tensorrt::sys::Abi;
use unmask_tensorrt::{
    BuildError, BuildProgress, BuilderConfig, BuilderFlag, ConfigError, DataType, MemoryPool,
    ParseError, ParserErrorCode, ProfilingVerbosity, Severity, TensorInfo,
};

/// Gives what RTX needs and the others refuse.
fn set_target(double: &Double, config: &mut BuilderConfig<'_>) {
    if double.abi == Abi::Rtx {
        config.set_compute_capabilities(&[86]).unwrap();
    }
}

#[test]
fn unknown_versions_are_refused() {
    let Some(double) = Double::new(Abi::V11, "unknown_versions_are_refused") else {
        return;
    };
    for (number, found) in [
        (10_400, "TensorRT-RTX 1.4.0"),
        (20_100, "TensorRT-RTX 2.1.0"),
        (8601, "TensorRT 8.6.1"),
        (100_000, "TensorRT 10.0.0"),
        (120_000, "TensorRT 12.0.0"),
        (-1, "version number -1"),
    ] {
        double.set("version", number);
        let error = double.try_open().unwrap_err().to_string();
        assert!(
            error.contains(&format!("{found} is not supported")),
            "{error}"
        );
    }
}

#[test]
fn interface_follows_the_version() {
    Double::each("interface_follows_the_version", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        drop(builder);
        let calls = double.calls();
        let (version, name) = match double.abi {
            Abi::V10 => (100_300, "TensorRT 10.3.0"),
            Abi::V11 => (110_400, "TensorRT 11.4.0"),
            Abi::Rtx => (10_701, "TensorRT-RTX 1.7.1"),
        };
        assert_eq!(library.version().to_string(), name);
        assert!(
            calls.contains(&format!("createInferBuilder {version}")),
            "{calls:?}"
        );
        // Read through NVIDIA's class, where its header is at hand.
        if double.abi != Abi::V10 {
            assert!(calls.contains(&"ILogger 1.0".to_owned()), "{calls:?}");
        }
        assert_eq!(
            calls.contains(&"cuInit".to_owned()),
            double.abi != Abi::Rtx,
            "{calls:?}"
        );
        assert_eq!(
            double.logged(),
            [(Severity::Info, "a builder is made".to_owned())]
        );
    });
}

#[test]
fn builder_without_driver_is_refused() {
    Double::each("builder_without_driver_is_refused", |double| {
        double.set("cu_init", 35);
        let built = double.open().builder();
        match double.abi {
            Abi::Rtx => assert!(built.is_ok()),
            Abi::V10 | Abi::V11 => {
                let error = built.map(drop).unwrap_err();
                assert!(matches!(error, BuildError::Driver(_)), "{error}");
                assert!(
                    !double
                        .calls()
                        .iter()
                        .any(|call| call.starts_with("createInfer"))
                );
            }
        }
        double.set("cu_init", 0);
        double.set("builder_address", 0x228);
        let error = double.open().builder().map(drop).unwrap_err();
        assert!(
            matches!(
                error,
                BuildError::NoObject {
                    what: "builder",
                    ..
                }
            ),
            "{error}"
        );
    });
}

#[test]
fn plan_is_built_and_all_is_freed_in_order() {
    Double::each("plan_is_built_and_all_is_freed_in_order", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        let mut network = builder.network().unwrap();
        assert!(network.set_name("unmask"));
        network
            .parse_onnx(b"model", Some(Path::new("/models/m.onnx")))
            .unwrap();
        assert_eq!(network.layer_count(), 3);
        assert_eq!(network.layer_name(1).unwrap(), "/second");
        assert_eq!(network.layer_name(3), None);
        let image = TensorInfo {
            name: "image".to_owned(),
            data_type: DataType::UInt8,
            shape: vec![1, 2, 4, 3],
        };
        assert_eq!(network.inputs(), [image]);
        assert_eq!(network.outputs()[0].shape, [1, 2, 4]);
        assert!(network.set_input_formats(0, 1));
        assert!(!network.set_input_formats(1, 1));
        let mut config = builder.config().unwrap();
        set_target(double, &mut config);
        config
            .set_memory_limit(MemoryPool::Workspace, 1 << 30)
            .unwrap();
        config.set_optimization_level(4).unwrap();
        config
            .set_profiling_verbosity(ProfilingVerbosity::Detailed)
            .unwrap();
        config.set_timing_cache(b"old").unwrap();
        assert!(builder.set_max_threads(2));
        assert!(builder.supports(&network, &config));
        let plan = builder.build(&network, &config).unwrap();
        assert_eq!(&*config.timing_cache().unwrap(), b"old+times");
        drop(config);
        drop(network);
        drop((builder, library));
        assert_eq!(
            &*plan, b"PLAN of the double",
            "the plan outlives its builder"
        );
        drop(plan);
        let calls = double.calls();
        let bit = if double.abi == Abi::V10 { 2 } else { 1 };
        for wanted in [
            format!("builder.createNetworkV2 {bit}"),
            "createNvOnnxParser 200".to_owned(),
            "parser.parse 5 /models/m.onnx".to_owned(),
            "tensor.setAllowedFormats 0 1".to_owned(),
            "config.setMemoryPoolLimit 0 1073741824".to_owned(),
            "config.setTimingCache 0".to_owned(),
            "builder.buildSerializedNetwork network config".to_owned(),
        ] {
            assert!(
                calls.contains(&wanted),
                "{:?}: {wanted} in {calls:?}",
                double.abi
            );
        }
        let freed: Vec<_> = calls
            .iter()
            .filter(|call| call.starts_with("delete"))
            .collect();
        // The parser owns weights of the network: it goes after the build and before the network.
        let order = [
            "delete memory", // of the timing cache
            "delete config",
            "delete cache",
            "delete parser",
            "delete network",
            "delete builder",
            "delete memory",
        ];
        assert_eq!(freed, order);
        let built = calls
            .iter()
            .position(|call| call.contains("buildSerialized"))
            .unwrap();
        let parser = calls
            .iter()
            .position(|call| call == "delete parser")
            .unwrap();
        assert!(built < parser);
    });
}

#[test]
fn parser_reports_all_its_errors() {
    Double::each("parser_tells_all_its_errors", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        for model in [b"refuse".as_slice(), b"both"] {
            let mut network = builder.network().unwrap();
            let error = network.parse_onnx(model, None).unwrap_err();
            let errors = error.node_errors();
            assert_eq!(errors.len(), 2, "{error}");
            assert_eq!(errors[0].code, ParserErrorCode::UnsupportedNode);
            assert_eq!(errors[0].node, Some(3));
            assert_eq!(errors[0].node_name, "/head/Unique");
            assert_eq!(errors[0].operator, "Unique");
            assert_eq!(errors[0].source_file, "import.cpp");
            assert_eq!((errors[0].source_line, errors[1].source_line), (71, 72));
            assert_eq!(errors[0].source_function, "importUnique");
            assert_eq!(
                error.to_string(),
                "node 3 `/head/Unique` (Unique): unsupported operator [code 8]\n\
                 node 5 (Add): invalid node [code 6]: the cause"
            );
        }
        let mut network = builder.network().unwrap();
        let error = network.parse_onnx(b"silent", None).unwrap_err();
        assert!(error.to_string().contains("no reason was given"), "{error}");
        assert!(matches!(
            network.parse_onnx(b"model", None),
            Err(ParseError::Twice)
        ));
    });
}

#[test]
fn nothing_is_no_model() {
    Double::each("nothing_is_no_model", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        for bytes in [b"".as_slice(), b"hello"] {
            let error = builder
                .network()
                .unwrap()
                .parse_onnx(bytes, None)
                .unwrap_err();
            assert!(matches!(error, ParseError::Empty { .. }), "{error}");
        }
    });
}

#[test]
fn missing_parser_is_an_error() {
    Double::each("missing_parser_is_an_error", |double| {
        double.set("no_parser", 1);
        let library = double.open();
        let builder = library.builder().unwrap();
        let error = builder
            .network()
            .unwrap()
            .parse_onnx(b"model", None)
            .unwrap_err();
        assert!(error.to_string().contains("made no ONNX parser"), "{error}");
    });
}

#[test]
fn network_without_strong_typing_is_refused() {
    Double::each("network_without_strong_typing_is_refused", |double| {
        double.set("ignore_typing", 1);
        let library = double.open();
        let network = library.builder().unwrap().network().map(drop);
        match double.abi {
            Abi::V10 => assert!(matches!(
                network,
                Err(BuildError::NotStronglyTyped { flags: 0 })
            )),
            Abi::V11 | Abi::Rtx => network.unwrap(),
        }
    });
}

#[test]
fn refusals_say_the_cause_first() {
    Double::each("refusals_say_the_cause_first", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        let network = builder.network().unwrap();
        let mut config = builder.config().unwrap();
        set_target(double, &mut config);
        double.logged();
        double.set("refuse_build", 1);
        let error = builder.build(&network, &config).unwrap_err();
        let BuildError::Refused { messages } = &error else {
            panic!("{error}")
        };
        assert_eq!(messages, &["Error Code 4: the cause"]);
        let logged = double.logged();
        assert_eq!(
            logged[0],
            (Severity::Error, "Error Code 4: the cause".to_owned())
        );
        assert_eq!(logged.len(), 2, "the log keeps the echo too");
        double.set("refuse_build", 2);
        let error = builder.build(&network, &config).unwrap_err();
        assert!(
            matches!(
                &error,
                BuildError::OutOfMemory {
                    needed_bytes: Some(71_338_480),
                    ..
                }
            ),
            "{error}"
        );
        double.set("refuse_build", 3);
        let error = builder.build(&network, &config).unwrap_err();
        assert!(error.to_string().contains("without a reason"), "{error}");
        double.set("no_network", 1);
        let error = builder.network().map(drop).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the library made no network: no network today"
        );
    });
}

#[test]
fn progress_is_reported_and_cancels() {
    Double::each("progress_is_reported_and_cancels", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        let network = builder.network().unwrap();
        let build = |cancel_at: u32, panic_at: u32| {
            let mut config = builder.config().unwrap();
            set_target(double, &mut config);
            let seen: Arc<Mutex<Vec<String>>> = Arc::default();
            let kept = seen.clone();
            config.set_progress(move |progress| {
                let text = match progress {
                    BuildProgress::Started {
                        phase,
                        parent,
                        steps,
                    } => {
                        format!("{phase} of {parent:?}: {steps}")
                    }
                    BuildProgress::Step { phase, step } => {
                        assert_ne!(step, panic_at, "the panic of the test");
                        if step == cancel_at {
                            return ControlFlow::Break(());
                        }
                        format!("{phase} {step}")
                    }
                    BuildProgress::Finished { phase } => format!("{phase} ends"),
                };
                kept.lock().unwrap().push(text);
                ControlFlow::Continue(())
            });
            let built = catch_unwind(AssertUnwindSafe(|| builder.build(&network, &config)));
            (built, seen.lock().unwrap().join(", "))
        };
        let (built, seen) = build(9, 9);
        assert!(built.unwrap().is_ok());
        assert_eq!(
            seen,
            "outer of None: 2, inner of Some(\"outer\"): 3, inner 0, inner 1, inner 2, \
             inner ends, outer ends"
        );
        let (built, seen) = build(1, 9);
        assert!(matches!(built.unwrap(), Err(BuildError::Canceled)));
        assert!(
            seen.ends_with("inner 0"),
            "nothing is reported after the end: {seen}"
        );
        assert!(double.calls().contains(&"canceled at step 1".to_owned()));
        // A panic ends the build, and continues once the library's frames are gone.
        let (built, _) = build(9, 1);
        let panic = *built.unwrap_err().downcast::<String>().unwrap();
        assert!(panic.contains("the panic of the test"), "{panic}");
        assert!(double.calls().contains(&"canceled at step 1".to_owned()));
    });
}

#[test]
fn settings_that_do_nothing_are_errors() {
    Double::each("settings_that_do_nothing_are_errors", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        let mut config = builder.config().unwrap();
        let range = |result: Result<(), ConfigError>| {
            assert!(
                matches!(result, Err(ConfigError::Range { .. })),
                "{result:?}"
            );
        };
        range(config.set_optimization_level(6));
        range(config.set_memory_limit(MemoryPool::Workspace, 0));
        assert!(matches!(
            config.set_timing_cache(b"junk"),
            Err(ConfigError::TimingCache)
        ));
        double.set("refuse_cache", 1);
        assert!(matches!(
            config.set_timing_cache(b"old"),
            Err(ConfigError::TimingCache)
        ));
        assert!(config.timing_cache().is_none());
        double.set("ignore_settings", 1);
        let ignored = |result: Result<(), ConfigError>| {
            assert!(
                matches!(result, Err(ConfigError::Ignored { .. })),
                "{result:?}"
            );
        };
        ignored(config.set_optimization_level(4));
        ignored(config.set_profiling_verbosity(ProfilingVerbosity::Detailed));
        ignored(config.set_flag(BuilderFlag::Tf32));
        ignored(config.set_memory_limit(MemoryPool::Workspace, 1 << 20));
        // Without a DLA core there is no choosing one.
        let unsupported = |result: Result<(), ConfigError>| {
            assert!(
                matches!(result, Err(ConfigError::Unsupported { .. })),
                "{result:?}"
            );
        };
        unsupported(config.set_dla_core(0));
        unsupported(config.set_memory_limit(MemoryPool::DlaManagedSram, 1 << 20));
        if double.abi == Abi::Rtx {
            unsupported(config.set_hardware_compatible());
            unsupported(config.set_flag(BuilderFlag::VersionCompatible));
        } else {
            config.set_hardware_compatible().unwrap();
            unsupported(config.set_compute_capabilities(&[86]));
        }
    });
}

#[test]
fn dla_core_comes_with_fallback() {
    Double::each("dla_core_comes_with_fallback", |double| {
        double.set("dla_cores", 2);
        let library = double.open();
        let builder = library.builder().unwrap();
        let mut network = builder.network().unwrap();
        network.parse_onnx(b"model", None).unwrap();
        let mut config = builder.config().unwrap();
        config.set_dla_core(1).unwrap();
        config
            .set_memory_limit(MemoryPool::DlaManagedSram, 1 << 20)
            .unwrap();
        assert!(matches!(
            config.set_dla_core(2),
            Err(ConfigError::Range { .. })
        ));
        assert!(config.can_run_on_dla(&network, 0));
        assert!(!config.can_run_on_dla(&network, 3));
        let calls = double.calls().join("\n");
        let wanted = "config.setFlag 3\nconfig.setDefaultDeviceType 1\nconfig.setDLACore 1";
        assert!(calls.contains(wanted), "{calls}");
    });
}

#[test]
fn profile_gives_three_sizes() {
    Double::each("profile_gives_three_sizes", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        let mut config = builder.config().unwrap();
        let profile = builder.optimization_profile().unwrap();
        assert!(profile.set_shapes("image", [&[1, 3], &[2, 3], &[4, 3]]));
        assert!(!profile.set_shapes("image", [&[1; 9], &[2; 9], &[3; 9]]));
        assert!(profile.is_valid());
        config.add_profile(&profile).unwrap();
        double.set("profile_index", -1);
        assert!(matches!(
            config.add_profile(&profile),
            Err(ConfigError::Profile)
        ));
        let calls = double.calls().join("\n");
        let wanted = "profile.setDimensions image 0 2:1\nprofile.setDimensions image 1 2:2\n\
                      profile.setDimensions image 2 2:4";
        assert!(calls.contains(wanted), "{calls}");
    });
}

#[test]
fn other_settings_reach_the_builder() {
    Double::each("other_settings_reach_the_builder", |double| {
        let library = double.open();
        let builder = library.builder().unwrap();
        let mut config = builder.config().unwrap();
        config.set_average_timing_iterations(8);
        config.set_max_aux_streams(0);
        config
            .set_flag(BuilderFlag::ErrorOnTimingCacheMiss)
            .unwrap();
        let calls = double.calls().join("\n");
        let flag = if double.abi == Abi::V10 { 16 } else { 15 };
        let wanted = format!(
            "config.setAvgTimingIterations 8\nconfig.setMaxAuxStreams 0\nconfig.setFlag {flag}"
        );
        assert!(calls.contains(&wanted), "{calls}");
    });
}

#[test]
fn rtx_builds_for_stated_gpus_only() {
    let Some(double) = Double::new(Abi::Rtx, "rtx_builds_for_stated_gpus_only") else {
        return;
    };
    let library = double.open();
    let builder = library.builder().unwrap();
    let network = builder.network().unwrap();
    let mut config = builder.config().unwrap();
    let error = builder.build(&network, &config).unwrap_err();
    assert!(
        error.to_string().contains("no compute capability given"),
        "{error}"
    );
    assert!(config.set_compute_capabilities(&[]).is_err());
    let error = config.set_compute_capabilities(&[86, 87]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not build for compute capability 8.7"),
        "{error}"
    );
    let built = builder.build(&network, &config);
    assert!(built.is_err(), "a refused capability leaves none");
    config.set_compute_capabilities(&[86, 120]).unwrap();
    builder.build(&network, &config).unwrap();
    let calls = double.calls().join("\n");
    let wanted = "config.setNbComputeCapabilities 2\nconfig.setComputeCapability 86 0\n\
                  config.setComputeCapability 120 1";
    assert!(calls.contains(wanted), "{calls}");
}
