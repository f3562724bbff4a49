//! Loading and running plans, on the double.

mod double;
mod support;

use double::Double;
use std::ffi::c_void;
use std::sync::{Arc, Mutex};
use unmask_tensorrt::sys::Abi;
use unmask_tensorrt::{
    DataType, DriverError, EngineTensor, PlanValidity, RuntimeError, Severity, TensorMode,
};

const PLAN: &[u8] = b"PLAN of the double";

/// A stream that is none; the double only notes it.
const STREAM: *mut c_void = std::ptr::without_provenance_mut(42);

#[test]
fn plan_is_loaded_described_and_run() {
    Double::each("plan_is_loaded_described_and_run", |double| {
        let runtime = double.open().runtime().unwrap();
        // SAFETY: the double takes any plan.
        let engine = unsafe { runtime.load(PLAN) }.unwrap();
        drop(runtime);
        let image = EngineTensor {
            name: "image".to_owned(),
            mode: TensorMode::Input,
            data_type: DataType::UInt8,
            shape: vec![1, 2, 4, 3],
            format: 0,
            bytes_per_component: 1,
        };
        assert_eq!(engine.tensors()[0], image);
        assert_eq!(engine.tensors()[0].byte_count(), Some(24));
        let map = &engine.tensors()[1];
        assert_eq!((map.name.as_str(), map.mode), ("map", TensorMode::Output));
        assert_eq!((map.byte_count(), map.is_row_major()), (Some(32), true));
        assert_eq!(engine.tensor_index("map"), Some(1));
        assert_eq!(engine.tensor_index("mask"), None);
        assert_eq!(
            (engine.layer_count(), engine.name().as_str()),
            (7, "the engine")
        );
        assert_eq!(engine.device_memory_bytes(), 5 << 32);
        assert!(engine.describes_layers());

        let mut context = engine.context().unwrap();
        drop(engine);
        let (mut image, mut map) = ([3u8; 24], [0f32; 8]);
        unsafe extern "C" fn sum(addresses: *mut *mut c_void, count: i32) {
            assert_eq!(count, 2);
            // SAFETY: the test set both addresses, of 24 bytes and 8 floats.
            unsafe {
                let image = std::slice::from_raw_parts((*addresses).cast::<u8>(), 24);
                let map = std::slice::from_raw_parts_mut((*addresses.add(1)).cast::<f32>(), 8);
                for (pixel, value) in image.chunks(3).zip(map) {
                    *value = pixel.iter().map(|&byte| f32::from(byte)).sum();
                }
            }
        }
        double.on_enqueue(sum);
        double.set("note_enqueue", 1);
        assert!(context.all_inputs_have_sizes());
        assert_eq!(context.missing_inputs(), 0);
        // SAFETY: both arrays outlive the context's runs; the double takes any stream.
        unsafe {
            context.set_input_shape(0, &[1, 2, 4, 3]).unwrap();
            context.set_address(0, image.as_mut_ptr().cast()).unwrap();
            let error = context.enqueue(STREAM).unwrap_err();
            assert!(
                error.to_string().contains("no address was set for `map`"),
                "{error}"
            );
            context.set_address(1, map.as_mut_ptr().cast()).unwrap();
            context.enqueue(STREAM).unwrap();
        }
        assert_eq!(map, [9.0; 8]);
        drop(context);
        let calls = double.calls().join("\n");
        for wanted in [
            "context.setInputShape image 4:3",
            "context.setTensorAddress image 1\ncontext.setTensorAddress map 1\ncontext.enqueueV3 42",
            // Each goes after all that were made from it.
            "delete context\ndelete engine\ndelete runtime",
        ] {
            assert!(
                calls.contains(wanted),
                "{:?}: {wanted} in\n{calls}",
                double.abi
            );
        }
        assert!(
            calls.starts_with("cuInit\n") || double.abi == Abi::Rtx,
            "{calls}"
        );
    });
}

#[test]
fn runtime_without_driver_is_refused() {
    Double::each("runtime_without_driver_is_refused", |double| {
        double.set("cu_init", 100);
        let library = double.open();
        let refused = match double.abi {
            // Only a plan needs the driver there.
            Abi::Rtx => {
                // SAFETY: the library is not reached.
                unsafe { library.runtime().unwrap().load(PLAN) }
                    .map(drop)
                    .unwrap_err()
            }
            Abi::V10 | Abi::V11 => library.runtime().map(drop).unwrap_err(),
        };
        assert!(
            matches!(
                refused,
                RuntimeError::Driver(DriverError::Failed { code: 100 })
            ),
            "{refused}"
        );
        assert!(refused.to_string().contains("no device"), "{refused}");
        let calls = double.calls().join("\n");
        assert!(!calls.contains("deserialize"), "{calls}");
        assert!(
            double.abi == Abi::Rtx || !calls.contains("createInferRuntime"),
            "{calls}"
        );
    });
}

#[test]
fn small_addresses_are_refused() {
    Double::each("small_addresses_are_refused", |double| {
        for address in [0x228, 0x260, 4095] {
            double.set("runtime_address", address);
            let error = double.open().runtime().map(drop).unwrap_err();
            assert!(
                error.to_string().contains(&format!("{address:#x}")),
                "{error}"
            );
        }
    });
}

#[test]
fn refused_plan_says_the_cause() {
    Double::each("refused_plan_says_the_cause", |double| {
        let runtime = double.open().runtime().unwrap();
        double.logged();
        // SAFETY: the double reads four bytes.
        let error = unsafe { runtime.load(b"junk") }.map(drop).unwrap_err();
        let RuntimeError::Refused { messages } = &error else {
            panic!("{error}")
        };
        assert_eq!(
            messages.len(),
            1,
            "the echo of the CUDA runtime is dropped: {messages:?}"
        );
        assert!(
            error.to_string().contains("Serialization assertion"),
            "{error}"
        );
        // The recorder passes on what TensorRT then no longer logs.
        let logged = double.logged();
        assert!(
            logged
                .iter()
                .any(|(s, text)| *s == Severity::Error && text.contains("Serialization"))
        );
    });
}

#[test]
fn profiler_gets_layer_times() {
    Double::each("profiler_gets_layer_times", |double| {
        let runtime = double.open().runtime().unwrap();
        // SAFETY: the double takes any plan, address and stream.
        let mut context = unsafe { runtime.load(PLAN) }.unwrap().context().unwrap();
        let times: Arc<Mutex<Vec<(String, f32)>>> = Arc::default();
        let kept = times.clone();
        context.set_profiler(move |layer, time_ms| {
            kept.lock().unwrap().push((layer.to_owned(), time_ms));
        });
        let mut bytes = [0u8; 32];
        // SAFETY: as above.
        unsafe {
            context.set_address(0, bytes.as_mut_ptr().cast()).unwrap();
            context.set_address(1, bytes.as_mut_ptr().cast()).unwrap();
            context.enqueue(STREAM).unwrap();
        }
        let expected = [("first".to_owned(), 0.25), ("second".to_owned(), 1.5)];
        assert_eq!(std::mem::take(&mut *times.lock().unwrap()), expected);
        context.set_reports_every_run(false);
        // SAFETY: as above.
        unsafe { context.enqueue(STREAM) }.unwrap();
        assert!(times.lock().unwrap().is_empty());
        context.report_profile().unwrap();
        assert_eq!(*times.lock().unwrap(), expected);
        // A sink that panics does not take the process with it.
        context.set_profiler(|_, _| panic!("in the profiler"));
        context.report_profile().unwrap();
    });
}

#[test]
fn wrong_use_of_a_context_is_an_error() {
    Double::each("wrong_use_of_a_context_is_an_error", |double| {
        let runtime = double.open().runtime().unwrap();
        // SAFETY: the double takes any plan, address and stream.
        let engine = unsafe { runtime.load(PLAN) }.unwrap();
        let mut context = engine.context().unwrap();
        // SAFETY: as above.
        unsafe {
            let error = context.set_address(2, STREAM).unwrap_err();
            assert!(
                matches!(error, RuntimeError::NoTensor { index: 2, count: 2 }),
                "{error}"
            );
            let error = context.set_address(1, std::ptr::null_mut()).unwrap_err();
            assert_eq!(error.to_string(), "setTensorAddress of `map` failed");
            assert!(context.set_optimization_profile(0, STREAM).is_ok());
            assert!(context.set_optimization_profile(1, STREAM).is_err());
        }
        assert!(context.set_input_shape(0, &[1; 9]).is_err(), "nine axes");
        assert!(context.report_profile().is_err(), "there is no profiler");
        double.set("fail_enqueue", 1);
        // SAFETY: the double takes any address.
        unsafe {
            context.set_address(0, STREAM).unwrap();
            context.set_address(1, STREAM).unwrap();
            assert!(context.enqueue(STREAM).is_err());
        }
        double.set("no_context", 1);
        assert!(
            engine
                .context()
                .map(drop)
                .unwrap_err()
                .to_string()
                .contains("no context")
        );
    });
}

#[test]
fn inspector_describes_layers_as_json() {
    Double::each("inspector_describes_layers_as_json", |double| {
        let runtime = double.open().runtime().unwrap();
        // SAFETY: the double takes any plan.
        let engine = unsafe { runtime.load(PLAN) }.unwrap();
        let inspector = engine.inspector().unwrap();
        drop((engine, runtime));
        assert_eq!(inspector.engine_json(), "{\"Layers\":[]}");
        assert_eq!(inspector.layer_json(6).unwrap(), "{\"Name\":\"layer\"}");
        assert_eq!(inspector.layer_json(7), None);
        let calls = double.calls().join("\n");
        assert!(
            calls.contains("inspector.getLayerInformation 6 1"),
            "{calls}"
        );
    });
}

#[test]
fn header_check_is_of_rtx_and_no_seal() {
    Double::each("header_check_is_of_rtx_and_no_seal", |double| {
        let runtime = double.open().runtime().unwrap();
        if double.abi != Abi::Rtx {
            assert!(matches!(
                runtime.plan_validity(PLAN),
                Err(RuntimeError::Unsupported { .. })
            ));
            assert_eq!(runtime.plan_header_bytes(), None);
            return;
        }
        assert_eq!(runtime.plan_header_bytes(), Some(64));
        assert_eq!(
            runtime.plan_validity(&[0; 64]).unwrap(),
            PlanValidity::Valid
        );
        let short = runtime.plan_validity(&[0; 63]).unwrap();
        assert_eq!(short, PlanValidity::Invalid { diagnostics: 0x20 });
        // The library may leave the reason as it was: then it reads 0, not what lay there.
        let long = runtime.plan_validity(&[0; 65]).unwrap();
        assert_eq!(long, PlanValidity::Invalid { diagnostics: 0 });
    });
}

#[test]
fn run_allocates_nothing() {
    let Some(double) = Double::new(Abi::V11, "run_allocates_nothing") else {
        return;
    };
    let runtime = double.open().runtime().unwrap();
    // SAFETY: the double takes any plan, address and stream.
    let mut context = unsafe { runtime.load(PLAN) }.unwrap().context().unwrap();
    let mut bytes = [0u8; 32];
    // SAFETY: as above.
    unsafe {
        context.set_address(0, bytes.as_mut_ptr().cast()).unwrap();
        context.set_address(1, bytes.as_mut_ptr().cast()).unwrap();
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            // SAFETY: as above.
            unsafe { context.enqueue(STREAM) }.unwrap();
        }
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn dla_and_threads_reach_the_runtime() {
    Double::each("dla_and_threads_reach_the_runtime", |double| {
        double.set("dla_cores", 2);
        let runtime = double.open().runtime().unwrap();
        assert_eq!(runtime.dla_cores(), 2);
        runtime.set_dla_core(1);
        assert!(runtime.set_max_threads(3));
        assert!(!runtime.set_max_threads(0));
        let calls = double.calls().join("\n");
        assert!(
            calls.contains("runtime.setDLACore 1\nsetMaxThreads 3"),
            "{calls}"
        );
    });
}
