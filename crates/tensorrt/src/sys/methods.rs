//! The numbers and signatures of the virtual methods, by class and interface.
//!
//! Each row reads: numbers in TensorRT 10, TensorRT 11 and TensorRT-RTX (`-` where there is none),
//! NVIDIA's name, our name, arguments, result. Slots 0 and 1 of an internal class are its
//! destructors.

use super::object::{Dims, Object, method};
use std::ffi::{c_char, c_void};

/// One of the three binary interfaces that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abi {
    /// TensorRT 10.0 to the last 10.x.
    V10 = 0,
    /// TensorRT 11.
    V11 = 1,
    /// TensorRT-RTX 1.5 and later: that of TensorRT 11 but for a few classes.
    Rtx = 2,
}

/// Number of a method that an interface does not have.
pub const ABSENT: usize = usize::MAX;

/// Where one virtual method lies.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// NVIDIA's class (`VBuilder`) or, for what has no class behind it, interface (`IParser`).
    pub class: &'static str,
    /// NVIDIA's name of the method.
    pub method: &'static str,
    /// Numbers in TensorRT 10, 11, RTX; [`ABSENT`] where there is none.
    pub numbers: [usize; 3],
}

/// Every method that this crate calls.
pub fn all() -> impl Iterator<Item = &'static Slot> {
    let classes: [&'static [Slot]; 14] = [
        builder::SLOTS,
        config::SLOTS,
        network::SLOTS,
        tensor::SLOTS,
        optimization_profile::SLOTS,
        timing_cache::SLOTS,
        host_memory::SLOTS,
        runtime::SLOTS,
        engine::SLOTS,
        context::SLOTS,
        inspector::SLOTS,
        parser::SLOTS,
        parser_error::SLOTS,
        layer::SLOTS,
    ];
    classes.into_iter().flatten()
}

macro_rules! number {
    (-) => {
        ABSENT
    };
    ($number:literal) => {
        $number
    };
}

/// `Behind`: the method belongs to the object's `mImpl`; `Own`: to the object itself.
macro_rules! receiver {
    (Behind $object:ident) => {
        $object.implementation()
    };
    (Own $object:ident) => {
        $object.address()
    };
}

macro_rules! class {
    (
        $(#[$doc:meta])*
        $module:ident: $class:ident, $receiver:ident {
            $([$v10:tt $v11:tt $rtx:tt] $method:ident $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*
        }
    ) => {
        $(#[$doc])*
        pub(crate) mod $module {
            #[allow(unused_imports)]
            use super::*;

            pub(crate) const SLOTS: &[Slot] = &[
                $(Slot {
                    class: stringify!($class),
                    method: stringify!($method),
                    numbers: [number!($v10), number!($v11), number!($rtx)],
                },)*
            ];

            $(
                /// Calls the method of NVIDIA's class.
                ///
                /// # Safety
                /// `object` is a live object of this class in a library with interface `abi`, and
                /// pointers among the arguments are what the method expects.
                pub(crate) unsafe fn $name(abi: Abi, object: Object $(, $arg: $type)*) $(-> $result)? {
                    type Method = unsafe extern "C" fn(*mut c_void $(, $type)*) $(-> $result)?;
                    let number = [number!($v10), number!($v11), number!($rtx)][abi as usize];
                    assert_ne!(number, ABSENT, concat!(stringify!($method), " does not exist here"));
                    // SAFETY: the caller promises object, interface and arguments; the numbers and
                    // signatures of this table are those of NVIDIA's class definitions.
                    unsafe {
                        let this = receiver!($receiver object);
                        let method: Method = std::mem::transmute(method(this, number));
                        method(this $(, $arg)*)
                    }
                }
            )*
        }
    };
}

class! {
    /// Makes networks, configurations and plans.
    builder: VBuilder, Behind {
        [5 3 3] getNbDLACores dla_cores() -> i32;
        [7 5 5] createBuilderConfig create_config() -> *mut c_void;
        [8 6 6] createNetworkV2 create_network(flags: u32) -> *mut c_void;
        [9 7 7] createOptimizationProfile create_optimization_profile() -> *mut c_void;
        [10 8 8] setErrorRecorder set_error_recorder(recorder: *mut c_void);
        [14 11 11] buildSerializedNetwork build(network: *mut c_void, config: *mut c_void) -> *mut c_void;
        [15 12 12] isNetworkSupported is_network_supported(network: *mut c_void, config: *mut c_void) -> bool;
        [17 14 14] setMaxThreads set_max_threads(threads: i32) -> bool;
    }
}

class! {
    /// How a plan is built.
    config: VBuilderConfig, Behind {
        [2 2 2] setAvgTimingIterations set_average_timing_iterations(iterations: i32);
        [11 9 9] setFlag set_flag(flag: i32);
        [12 10 10] getFlag flag(flag: i32) -> bool;
        [17 15 15] canRunOnDLA can_run_on_dla(layer: *mut c_void) -> bool;
        [18 16 16] setDLACore set_dla_core(core: i32);
        [20 18 18] setDefaultDeviceType set_default_device_type(device: i32);
        [25 23 23] addOptimizationProfile add_optimization_profile(profile: *mut c_void) -> i32;
        [27 25 25] setProfilingVerbosity set_profiling_verbosity(verbosity: i32);
        [28 26 26] getProfilingVerbosity profiling_verbosity() -> i32;
        [40 29 29] createTimingCache create_timing_cache(blob: *const c_void, size: usize) -> *mut c_void;
        [41 30 30] setTimingCache set_timing_cache(cache: *mut c_void, ignore_mismatch: bool) -> bool;
        [43 32 32] setMemoryPoolLimit set_memory_pool_limit(pool: i32, size: usize);
        [44 33 33] getMemoryPoolLimit memory_pool_limit(pool: i32) -> usize;
        [47 36 36] setBuilderOptimizationLevel set_optimization_level(level: i32);
        [48 37 37] getBuilderOptimizationLevel optimization_level() -> i32;
        [49 38 38] setHardwareCompatibilityLevel set_hardware_compatibility(level: i32);
        [54 43 43] setMaxAuxStreams set_max_aux_streams(streams: i32);
        [56 45 45] setProgressMonitor set_progress_monitor(monitor: *mut c_void);
        [- - 55] setNbComputeCapabilities set_compute_capability_count(count: i32) -> bool;
        [- - 57] setComputeCapability set_compute_capability(capability: i32, index: i32) -> bool;
        [- - 58] getComputeCapability compute_capability(index: i32) -> i32;
    }
}

class! {
    /// A network as the builder sees it.
    network: VNetworkDefinition, Behind {
        [12 12 12] getNbLayers layer_count() -> i32;
        [13 13 13] getLayer layer(index: i32) -> *mut c_void;
        [14 14 14] getNbInputs input_count() -> i32;
        [15 15 15] getInput input(index: i32) -> *mut c_void;
        [16 16 16] getNbOutputs output_count() -> i32;
        [17 17 17] getOutput output(index: i32) -> *mut c_void;
        [30 30 28] setName set_name(name: *const c_char);
        [64 61 59] getFlags flags() -> u32;
    }
}

class! {
    /// An input or output of a network.
    tensor: VTensor, Behind {
        [3 3 3] getName name() -> *const c_char;
        [5 5 5] getDimensions dimensions() -> Dims;
        [7 6 6] getType data_type() -> i32;
        [19 13 9] setAllowedFormats set_allowed_formats(formats: u32);
    }
}

class! {
    /// A layer of a network. The class behind the public `ILayer` is its second word, as with all
    /// public objects.
    layer: VLayer, Behind {
        [4 4 4] getName name() -> *const c_char;
    }
}

class! {
    /// The sizes that a plan with dynamic inputs serves.
    optimization_profile: VOptimizationProfile, Behind {
        [2 2 2] setDimensions set_dimensions(input: *const c_char, selector: i32, dims: *const Dims) -> bool;
        [9 7 7] isValid is_valid() -> bool;
    }
}

class! {
    /// Measured times of kernels.
    timing_cache: VTimingCache, Behind {
        [2 2 2] serialize serialize() -> *mut c_void;
    }
}

class! {
    /// Bytes that the library owns.
    host_memory: VHostMemory, Behind {
        [2 2 2] data data() -> *const c_void;
        [3 3 3] size size() -> usize;
    }
}

class! {
    /// Makes engines from plans.
    runtime: VRuntime, Behind {
        [3 3 3] deserializeCudaEngine deserialize(blob: *const c_void, size: usize) -> *mut c_void;
        [5 4 4] setDLACore set_dla_core(core: i32);
        [7 6 6] getNbDLACores dla_cores() -> i32;
        [9 8 8] setErrorRecorder set_error_recorder(recorder: *mut c_void);
        [12 11 11] setMaxThreads set_max_threads(threads: i32) -> bool;
        [- - 23] getEngineHeaderSize engine_header_size() -> i64;
        [- - 24] getEngineValidity engine_validity(blob: *const c_void, size: i64, diagnostics: *mut u64) -> i32;
    }
}

class! {
    /// A loaded plan.
    engine: VCudaEngine, Behind {
        [3 3 3] getNbLayers layer_count() -> i32;
        [5 5 5] createExecutionContext create_context(strategy: i32) -> *mut c_void;
        [9 7 7] getName name() -> *const c_char;
        [17 13 13] getProfilingVerbosity profiling_verbosity() -> i32;
        [18 14 14] createEngineInspector create_inspector() -> *mut c_void;
        [19 15 15] getTensorShape tensor_shape(name: *const c_char) -> Dims;
        [20 16 16] getTensorDataType tensor_data_type(name: *const c_char) -> i32;
        [23 19 19] getTensorIOMode tensor_mode(name: *const c_char) -> i32;
        [24 20 20] getTensorBytesPerComponent tensor_bytes_per_component(name: *const c_char) -> i32;
        [26 22 22] getTensorFormat tensor_format(name: *const c_char) -> i32;
        [30 26 26] getNbIOTensors tensor_count() -> i32;
        [31 27 27] getIOTensorName tensor_name(index: i32) -> *const c_char;
        [52 44 44] getDeviceMemorySizeV2 device_memory_size() -> i64;
    }
}

class! {
    /// One user of an engine.
    context: VExecutionContext, Behind {
        [5 5 5] setProfiler set_profiler(profiler: *mut c_void);
        [12 12 12] allInputDimensionsSpecified all_input_dimensions_specified() -> bool;
        [17 16 16] setOptimizationProfileAsync set_optimization_profile(index: i32, stream: *mut c_void) -> bool;
        [18 17 17] setEnqueueEmitsProfile set_enqueue_emits_profile(emits: bool);
        [20 19 19] reportToProfiler report_to_profiler() -> bool;
        [21 20 20] setInputShape set_input_shape(name: *const c_char, dims: *const Dims) -> bool;
        [24 23 23] setTensorAddress set_tensor_address(name: *const c_char, address: *mut c_void) -> bool;
        [28 27 27] inferShapes infer_shapes(capacity: i32, names: *mut *const c_char) -> i32;
        [37 36 36] enqueueV3 enqueue(stream: *mut c_void) -> bool;
    }
}

class! {
    /// Describes the layers of an engine.
    inspector: VEngineInspector, Behind {
        [5 5 5] getLayerInformation layer_information(index: i32, format: i32) -> *const c_char;
        [6 6 6] getEngineInformation engine_information(format: i32) -> *const c_char;
    }
}

class! {
    /// The ONNX parser. It has no class behind it: the methods are its own.
    parser: IParser, Own {
        [0 0 0] parse parse(model: *const c_void, size: usize, path: *const c_char) -> bool;
        [5 3 3] getNbErrors error_count() -> i32;
        [6 4 4] getError error(index: i32) -> *mut c_void;
    }
}

/// Deleting destructor of the parser, by interface.
pub const PARSER_DELETE: [usize; 3] = [9, 7, 7];

class! {
    /// One error of the parser; its methods are its own.
    parser_error: IParserError, Own {
        [0 0 0] code code() -> i32;
        [1 1 1] desc description() -> *const c_char;
        [2 2 2] file file() -> *const c_char;
        [3 3 3] line line() -> i32;
        [4 4 4] func function() -> *const c_char;
        [5 5 5] node node() -> i32;
        [6 6 6] nodeName node_name() -> *const c_char;
        [7 7 7] nodeOperator node_operator() -> *const c_char;
    }
}
