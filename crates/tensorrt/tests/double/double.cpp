// A double of TensorRT and its ONNX parser: every call is recorded, nothing is computed.
//
// Objects are tables of our own. With HEADERS their numbers come from NVIDIA's class definitions,
// which also check arguments and results, and the caller's interfaces (logger, recorder, monitor,
// profiler) are called through NVIDIA's classes. Without, for TensorRT 10, whose headers are in no
// package, numbers come from `slots.h`, which the test writes, and interfaces are those below.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#ifdef HEADERS
#include <NvInfer.h>
#include <NvOnnxParser.h>
#include <type_traits>
using nvinfer1::IErrorRecorder;
using nvinfer1::ILogger;
using nvinfer1::IProfiler;
using nvinfer1::IProgressMonitor;
using Severity = nvinfer1::ILogger::Severity;
using RecordedCode = nvinfer1::ErrorCode;
#else
// The caller's interfaces as TensorRT 10 has them.
enum class Severity : int32_t {};
enum class RecordedCode : int32_t {};
struct InterfaceInfo { char const* kind; int32_t major; int32_t minor; };
struct ILogger {
    virtual void log(Severity severity, char const* message) noexcept = 0;
    virtual ~ILogger() = default;
};
struct IProfiler {
    virtual void reportLayerTime(char const* layer, float time) noexcept = 0;
    virtual ~IProfiler() = default;
};
struct IVersionedInterface {
    virtual int32_t getAPILanguage() const noexcept { return 0; }
    virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;
    virtual ~IVersionedInterface() = default;
};
struct IErrorRecorder : IVersionedInterface {
    virtual int32_t getNbErrors() const noexcept = 0;
    virtual RecordedCode getErrorCode(int32_t index) const noexcept = 0;
    virtual char const* getErrorDesc(int32_t index) const noexcept = 0;
    virtual bool hasOverflowed() const noexcept = 0;
    virtual void clear() noexcept = 0;
    virtual bool reportError(RecordedCode code, char const* text) noexcept = 0;
    virtual int32_t incRefCount() noexcept = 0;
    virtual int32_t decRefCount() noexcept = 0;
};
struct IProgressMonitor : IVersionedInterface {
    virtual void phaseStart(char const* phase, char const* parent, int32_t steps) noexcept = 0;
    virtual bool stepComplete(char const* phase, int32_t step) noexcept = 0;
    virtual void phaseFinish(char const* phase) noexcept = 0;
};
#endif

namespace {

std::mutex lock;
std::string calls;
std::map<std::string, long> settings;
using Callback = void (*)(void** addresses, int32_t count);
Callback callback = nullptr;

// Notes a call; the test compares the text.
template <typename... A> void note(char const* format, A... arguments) {
    char line[512];
    std::snprintf(line, sizeof(line), format, arguments...);
    std::lock_guard<std::mutex> guard(lock);
    calls += line;
    calls += '\n';
}

long setting(char const* name, long otherwise = 0) {
    auto found = settings.find(name);
    return found == settings.end() ? otherwise : found->second;
}

struct Dims { int32_t count; int64_t sizes[8]; };

[[noreturn]] void unexpected() {
    std::fputs("double: a method was called that the binding does not know\n", stderr);
    std::abort();
}

constexpr size_t TABLE_LENGTH = 128;

// The object behind a public one.
struct Behind {
    void** table;
    char const* kind;
    std::map<int32_t, int64_t> numbers;
    std::vector<void*> addresses;
    std::string bytes;
    IErrorRecorder* recorder = nullptr;
    IProgressMonitor* monitor = nullptr;
    IProfiler* profiler = nullptr;
    bool emits = true;
    int64_t index = 0;
};

// A public object, {table, mImpl}.
struct Public { void** table; Behind* behind; };

void destroy_public(Public* self) {
    note("delete %s", self->behind->kind);
    if (self->behind->recorder != nullptr) self->behind->recorder->decRefCount();
    delete self->behind;
    delete self;
}

void complete_destructor(Public*) { unexpected(); }

void** table_of(char const* kind);
void* public_table[2] = {reinterpret_cast<void*>(complete_destructor), reinterpret_cast<void*>(destroy_public)};

Public* make(char const* kind) {
    auto* object = new Public{public_table, new Behind{table_of(kind), kind}};
    note("make %s", kind);
    return object;
}

Behind* behind(void* object) { return static_cast<Public*>(object)->behind; }

ILogger* logger = nullptr;

// TensorRT tells the recorder where there is one, else the logger.
void complain(Behind* self, int32_t code, char const* text) {
    if (self->recorder != nullptr) self->recorder->reportError(RecordedCode(code), text);
    else logger->log(Severity(1), text);
}

char const* const ECHO = "IRuntime: Error Code 1: Cuda Runtime (driver is insufficient)";

#ifdef HEADERS
// Whether an argument or result of ours is passed like NVIDIA's.
template <typename T> struct Plain { using Type = T; };
template <typename T> struct Plain<T&> { using Type = T*; };
template <typename T, typename U> constexpr bool alike() {
    if constexpr (std::is_void_v<T> || std::is_void_v<U>) {
        return std::is_void_v<T> == std::is_void_v<U>;
    } else {
        using A = typename Plain<T>::Type;
        using B = typename Plain<U>::Type;
        return sizeof(A) == sizeof(B) && std::is_floating_point_v<A> == std::is_floating_point_v<B>
            && std::is_pointer_v<A> == std::is_pointer_v<B>;
    }
}
template <typename R, typename... A> struct Signature {
    template <typename Q, typename S, typename... B> static constexpr bool matches(Q (*)(S*, B...)) {
        if constexpr (sizeof...(A) == sizeof...(B)) return (alike<A, B>() && ...) && alike<R, Q>();
        return false;
    }
};
template <typename C, typename R, typename... A> Signature<R, A...> signature(R (C::*)(A...)) { return {}; }
template <typename C, typename R, typename... A> Signature<R, A...> signature(R (C::*)(A...) const) { return {}; }
// The Itanium ABI keeps a virtual method as its offset, marked in the lowest bit: of the pointer,
// or on ARM of the adjustment.
template <typename F> size_t slot(F method) {
    size_t words[2];
    std::memcpy(words, &method, sizeof(words));
#if defined(__aarch64__)
    return words[0] / 8;
#else
    return (words[0] - 1) / 8;
#endif
}
#define PUT_AS(METHOD, FUNCTION) \
    static_assert(decltype(signature(METHOD))::matches(static_cast<decltype(&FUNCTION)>(nullptr)), #METHOD); \
    table[slot(METHOD)] = reinterpret_cast<void*>(FUNCTION)
#define PUT(CLASS, METHOD, FUNCTION) PUT_AS(&CLASS::METHOD, FUNCTION)
using namespace nvinfer1::apiv;
using nvonnxparser::IParser;
using nvonnxparser::IParserError;
#else
#include "slots.h"
#define PUT(CLASS, METHOD, FUNCTION) table[SLOT_##CLASS##_##METHOD] = reinterpret_cast<void*>(FUNCTION)
#endif

void set_recorder(Behind* self, IErrorRecorder* recorder) {
    recorder->incRefCount();
    self->recorder = recorder;
    note("%s.setErrorRecorder", self->kind);
}

// ---- builder ----
int32_t dla_cores(Behind*) { return int32_t(setting("dla_cores")); }
void* create_config(Behind*) { return make("config"); }
void* create_network(Behind* self, uint32_t flags) {
    note("builder.createNetworkV2 %u", flags);
    if (setting("no_network") != 0) { complain(self, 3, "no network today"); complain(self, 1, ECHO); return nullptr; }
    auto* network = make("network");
    network->behind->numbers[0] = setting("ignore_typing") ? 0 : flags;
    return network;
}
void* create_profile(Behind*) {
    // The builder owns its profiles, so that this one is never deleted by the caller.
    static Public profile{public_table, new Behind{table_of("profile"), "profile"}};
    return &profile;
}
void* build(Behind* self, void* network, void* config) {
    note("builder.buildSerializedNetwork %s %s", behind(network)->kind, behind(config)->kind);
    IProgressMonitor* monitor = behind(config)->monitor;
    if (monitor != nullptr) {
        monitor->phaseStart("outer", nullptr, 2);
        monitor->phaseStart("inner", "outer", 3);
        for (int32_t step = 0; step < 3; ++step) {
            if (!monitor->stepComplete("inner", step)) {
                complain(self, 7, "Error Code 7: BuildCanceled");
                monitor->phaseFinish("inner");
                monitor->phaseFinish("outer");
                note("canceled at step %d", step);
                return nullptr;
            }
        }
        monitor->phaseFinish("inner");
        monitor->phaseFinish("outer");
    }
    if (setting("refuse_build") == 1) {
        complain(self, 4, "Error Code 4: the cause");
        complain(self, 1, ECHO);
        return nullptr;
    }
    if (setting("refuse_build") == 2) {
        complain(self, 10, "Error Code 10: no tactics within workspace limit");
        complain(self, 2, "Error Code 2: OutOfMemory (Requested size was 71338480 bytes)");
        return nullptr;
    }
    if (setting("refuse_build") == 3) return nullptr;
    auto* memory = make("memory");
    memory->behind->bytes = "PLAN of the double";
    return memory;
}
bool is_supported(Behind*, void*, void*) { return setting("unsupported") == 0; }
bool set_max_threads(Behind*, int32_t threads) { note("setMaxThreads %d", threads); return threads > 0; }

// ---- config ----
void set_number(Behind* self, int32_t key, int64_t value) {
    if (setting("ignore_settings") == 0) self->numbers[key] = value;
}
int64_t number(Behind* self, int32_t key) { return self->numbers.count(key) ? self->numbers[key] : 0; }
void set_timing_iterations(Behind*, int32_t count) { note("config.setAvgTimingIterations %d", count); }
void set_flag(Behind* self, int32_t flag) { note("config.setFlag %d", flag); set_number(self, 100 + flag, 1); }
bool get_flag(Behind* self, int32_t flag) { return number(self, 100 + flag) != 0; }
bool can_run_on_dla(Behind*, void* layer) { return std::strcmp(behind(layer)->kind, "layer") == 0; }
void set_dla_core(Behind* self, int32_t core) { note("%s.setDLACore %d", self->kind, core); }
void set_device_type(Behind*, int32_t device) { note("config.setDefaultDeviceType %d", device); }
int32_t add_profile(Behind*, void* profile) {
    note("config.addOptimizationProfile %s", behind(profile)->kind);
    return int32_t(setting("profile_index"));
}
void set_verbosity(Behind* self, int32_t value) { note("config.setProfilingVerbosity %d", value); set_number(self, 1, value); }
int32_t get_verbosity(Behind* self) { return int32_t(number(self, 1)); }
void* create_timing_cache(Behind*, void const* blob, size_t size) {
    note("config.createTimingCache %zu", size);
    if (size == 4 && std::memcmp(blob, "junk", 4) == 0) return nullptr;
    auto* cache = make("cache");
    cache->behind->bytes.assign(static_cast<char const*>(blob), size);
    cache->behind->bytes += "+times";
    return cache;
}
bool set_timing_cache(Behind*, void*, bool ignore) {
    note("config.setTimingCache %d", int(ignore));
    return setting("refuse_cache") == 0;
}
void set_pool(Behind* self, int32_t pool, size_t size) {
    note("config.setMemoryPoolLimit %d %zu", pool, size);
    set_number(self, 200 + pool, int64_t(size));
}
size_t get_pool(Behind* self, int32_t pool) { return size_t(number(self, 200 + pool)); }
void set_level(Behind* self, int32_t level) { note("config.setBuilderOptimizationLevel %d", level); set_number(self, 2, level); }
int32_t get_level(Behind* self) { return int32_t(number(self, 2)); }
void set_compatibility(Behind*, int32_t level) { note("config.setHardwareCompatibilityLevel %d", level); }
// It returns nothing in TensorRT 10.
#if defined(HEADERS) && NV_TENSORRT_MAJOR != 10
bool set_aux_streams(Behind*, int32_t count) { note("config.setMaxAuxStreams %d", count); return true; }
#else
void set_aux_streams(Behind*, int32_t count) { note("config.setMaxAuxStreams %d", count); }
#endif
void set_monitor(Behind* self, IProgressMonitor* monitor) { self->monitor = monitor; }
bool set_capability_count(Behind*, int32_t count) { note("config.setNbComputeCapabilities %d", count); return true; }
bool set_capability(Behind* self, int32_t capability, int32_t index) {
    note("config.setComputeCapability %d %d", capability, index);
    if (capability == 87) return false;
    self->numbers[300 + index] = capability;
    return true;
}
int32_t get_capability(Behind* self, int32_t index) { return int32_t(number(self, 300 + index)); }

// ---- network, tensors, layers ----
int32_t layer_count(Behind* self) { return int32_t(number(self, 1)); }
void* get_layer(Behind*, int32_t index) {
    static Public layer{public_table, new Behind{table_of("layer"), "layer"}};
    layer.behind->index = index;
    return &layer;
}
int32_t input_count(Behind* self) { return int32_t(number(self, 2)); }
int32_t output_count(Behind* self) { return int32_t(number(self, 3)); }
Public* tensor(int32_t index) {
    static Public tensors[2] = {
        {public_table, new Behind{table_of("tensor"), "tensor"}},
        {public_table, new Behind{table_of("tensor"), "tensor"}},
    };
    tensors[index].behind->index = index;
    return &tensors[index];
}
void* get_input(Behind*, int32_t) { return tensor(0); }
void* get_output(Behind*, int32_t) { return tensor(1); }
void set_name(Behind*, char const* name) { note("network.setName %s", name); }
uint32_t get_flags(Behind* self) { return uint32_t(number(self, 0)); }
char const* const NAMES[2] = {"image", "map"};
char const* tensor_name(Behind* self) { return NAMES[self->index]; }
Dims shape_of(int64_t index) { return index == 0 ? Dims{4, {1, 2, 4, 3}} : Dims{3, {1, 2, 4}}; }
Dims dimensions(Behind* self) { return shape_of(self->index); }
int32_t data_type(Behind* self) { return self->index == 0 ? 5 : 0; }
void set_formats(Behind* self, uint32_t formats) { note("tensor.setAllowedFormats %d %u", int(self->index), formats); }
char const* layer_name(Behind* self) { return self->index == 1 ? "/second" : "/other"; }

// ---- profile ----
bool profile_set(Behind*, char const* name, int32_t selector, Dims const* dims) {
    note("profile.setDimensions %s %d %d:%d", name, selector, int(dims->count), int(dims->sizes[0]));
    return true;
}
bool profile_valid(Behind*) { return true; }

// ---- bytes ----
void* serialize(Behind* self) {
    auto* memory = make("memory");
    memory->behind->bytes = self->bytes;
    return memory;
}
void const* data(Behind* self) { return self->bytes.data(); }
size_t size(Behind* self) { return self->bytes.size(); }

// ---- runtime ----
void* deserialize(Behind* self, void const* blob, size_t length) {
    note("runtime.deserializeCudaEngine %zu", length);
    if (length < 4 || std::memcmp(blob, "PLAN", 4) != 0) {
        complain(self, 1, "Error Code 1: Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed");
        complain(self, 1, ECHO);
        return nullptr;
    }
    auto* engine = make("engine");
    engine->behind->recorder = nullptr;
    return engine;
}
int64_t header_size(Behind*) { return 64; }
int32_t validity(Behind*, void const*, int64_t length, uint64_t* diagnostics) {
    note("runtime.getEngineValidity %d", int(length));
    // As the real one without a driver: invalid, and the reason is left as it was.
    if (length < 64) *diagnostics = 0x20;
    return length == 64 ? 0 : 2;
}

// ---- engine ----
void* create_context(Behind*, int32_t strategy) {
    note("engine.createExecutionContext %d", strategy);
    if (setting("no_context") != 0) return nullptr;
    auto* context = make("context");
    context->behind->addresses.assign(2, nullptr);
    return context;
}
char const* engine_name(Behind*) { return "the engine"; }
int32_t engine_layers(Behind*) { return 7; }
int32_t engine_verbosity(Behind*) { return 2; }
void* create_inspector(Behind*) { return make("inspector"); }
int64_t index_of(char const* name) { return std::strcmp(name, NAMES[1]) == 0 ? 1 : 0; }
Dims engine_shape(Behind*, char const* name) { return shape_of(index_of(name)); }
int32_t engine_type(Behind*, char const* name) { return index_of(name) == 0 ? 5 : 0; }
int32_t engine_mode(Behind*, char const* name) { return index_of(name) == 0 ? 1 : 2; }
int32_t engine_bytes(Behind*, char const* name) { return index_of(name) == 0 ? 1 : 4; }
int32_t engine_format(Behind*, char const* name) { return index_of(name) == 0 ? 0 : int32_t(setting("format")); }
int32_t engine_count(Behind*) { return 2; }
char const* engine_tensor(Behind*, int32_t index) { return NAMES[index]; }
int64_t engine_memory(Behind*) { return int64_t(5) << 32; }

// ---- context ----
void set_profiler(Behind* self, IProfiler* profiler) { note("context.setProfiler"); self->profiler = profiler; }
bool all_specified(Behind*) { return setting("unspecified") == 0; }
bool set_profile_async(Behind*, int32_t index, void* stream) {
    note("context.setOptimizationProfileAsync %d %zu", index, size_t(stream));
    return index == 0;
}
void set_emits(Behind* self, bool emits) { note("context.setEnqueueEmitsProfile %d", int(emits)); self->emits = emits; }
void profile(Behind* self) {
    if (self->profiler == nullptr) return;
    self->profiler->reportLayerTime("first", 0.25F);
    self->profiler->reportLayerTime("second", 1.5F);
}
bool report(Behind* self) { note("context.reportToProfiler"); profile(self); return self->profiler != nullptr; }
bool set_shape(Behind*, char const* name, Dims const* dims) {
    note("context.setInputShape %s %d:%d", name, int(dims->count), int(dims->sizes[3]));
    return true;
}
bool set_address(Behind* self, char const* name, void* address) {
    note("context.setTensorAddress %s %d", name, int(address != nullptr));
    if (address == nullptr) return false;
    self->addresses[size_t(index_of(name))] = address;
    return true;
}
int32_t infer_shapes(Behind*, int32_t, char const**) { return int32_t(setting("unspecified")); }
bool enqueue(Behind* self, void* stream) {
    // No note: the test counts allocations of a run.
    if (setting("fail_enqueue") != 0) return false;
    if (setting("note_enqueue") != 0) note("context.enqueueV3 %zu", size_t(stream));
    if (callback != nullptr) callback(self->addresses.data(), int32_t(self->addresses.size()));
    if (self->emits) profile(self);
    return true;
}

// ---- inspector ----
char const* layer_information(Behind*, int32_t index, int32_t format) {
    note("inspector.getLayerInformation %d %d", index, format);
    return "{\"Name\":\"layer\"}";
}
char const* engine_information(Behind*, int32_t format) {
    note("inspector.getEngineInformation %d", format);
    return "{\"Layers\":[]}";
}

void fill(std::string const& kind, void** table) {
    if (kind == "builder") {
        PUT(VBuilder, getNbDLACores, dla_cores);
        PUT(VBuilder, createBuilderConfig, create_config);
        PUT(VBuilder, createNetworkV2, create_network);
        PUT(VBuilder, createOptimizationProfile, create_profile);
        PUT(VBuilder, setErrorRecorder, set_recorder);
        PUT(VBuilder, buildSerializedNetwork, build);
        PUT(VBuilder, isNetworkSupported, is_supported);
        PUT(VBuilder, setMaxThreads, set_max_threads);
    } else if (kind == "config") {
        PUT(VBuilderConfig, setAvgTimingIterations, set_timing_iterations);
        PUT(VBuilderConfig, setFlag, set_flag);
        PUT(VBuilderConfig, getFlag, get_flag);
        PUT(VBuilderConfig, canRunOnDLA, can_run_on_dla);
        PUT(VBuilderConfig, setDLACore, set_dla_core);
        PUT(VBuilderConfig, setDefaultDeviceType, set_device_type);
        PUT(VBuilderConfig, addOptimizationProfile, add_profile);
        PUT(VBuilderConfig, setProfilingVerbosity, set_verbosity);
        PUT(VBuilderConfig, getProfilingVerbosity, get_verbosity);
        PUT(VBuilderConfig, createTimingCache, create_timing_cache);
        PUT(VBuilderConfig, setTimingCache, set_timing_cache);
        PUT(VBuilderConfig, setMemoryPoolLimit, set_pool);
        PUT(VBuilderConfig, getMemoryPoolLimit, get_pool);
        PUT(VBuilderConfig, setBuilderOptimizationLevel, set_level);
        PUT(VBuilderConfig, getBuilderOptimizationLevel, get_level);
        PUT(VBuilderConfig, setHardwareCompatibilityLevel, set_compatibility);
        PUT(VBuilderConfig, setMaxAuxStreams, set_aux_streams);
        PUT(VBuilderConfig, setProgressMonitor, set_monitor);
#ifdef RTX
        PUT(VBuilderConfig, setNbComputeCapabilities, set_capability_count);
        PUT(VBuilderConfig, setComputeCapability, set_capability);
        PUT(VBuilderConfig, getComputeCapability, get_capability);
#endif
    } else if (kind == "network") {
        PUT(VNetworkDefinition, getNbLayers, layer_count);
        PUT(VNetworkDefinition, getLayer, get_layer);
        PUT(VNetworkDefinition, getNbInputs, input_count);
        PUT(VNetworkDefinition, getInput, get_input);
        PUT(VNetworkDefinition, getNbOutputs, output_count);
        PUT(VNetworkDefinition, getOutput, get_output);
        PUT(VNetworkDefinition, setName, set_name);
        PUT(VNetworkDefinition, getFlags, get_flags);
    } else if (kind == "tensor") {
        PUT(VTensor, getName, tensor_name);
        PUT(VTensor, getDimensions, dimensions);
        PUT(VTensor, getType, data_type);
        PUT(VTensor, setAllowedFormats, set_formats);
    } else if (kind == "layer") {
        PUT(VLayer, getName, layer_name);
    } else if (kind == "profile") {
        PUT(VOptimizationProfile, setDimensions, profile_set);
        PUT(VOptimizationProfile, isValid, profile_valid);
    } else if (kind == "cache") {
        PUT(VTimingCache, serialize, serialize);
    } else if (kind == "memory") {
        PUT(VHostMemory, data, data);
        PUT(VHostMemory, size, size);
    } else if (kind == "runtime") {
#ifdef HEADERS
        using Load = nvinfer1::ICudaEngine* (VRuntime::*)(void const*, std::size_t);
        PUT_AS(static_cast<Load>(&VRuntime::deserializeCudaEngine), deserialize);
#else
        PUT(VRuntime, deserializeCudaEngine, deserialize);
#endif
        PUT(VRuntime, setDLACore, set_dla_core);
        PUT(VRuntime, getNbDLACores, dla_cores);
        PUT(VRuntime, setErrorRecorder, set_recorder);
        PUT(VRuntime, setMaxThreads, set_max_threads);
#ifdef RTX
        PUT(VRuntime, getEngineHeaderSize, header_size);
        PUT(VRuntime, getEngineValidity, validity);
#endif
    } else if (kind == "engine") {
        PUT(VCudaEngine, getNbLayers, engine_layers);
        PUT(VCudaEngine, createExecutionContext, create_context);
        PUT(VCudaEngine, getName, engine_name);
        PUT(VCudaEngine, getProfilingVerbosity, engine_verbosity);
        PUT(VCudaEngine, createEngineInspector, create_inspector);
        PUT(VCudaEngine, getTensorShape, engine_shape);
        PUT(VCudaEngine, getTensorDataType, engine_type);
        PUT(VCudaEngine, getTensorIOMode, engine_mode);
        PUT(VCudaEngine, getTensorBytesPerComponent, engine_bytes);
        PUT(VCudaEngine, getTensorFormat, engine_format);
        PUT(VCudaEngine, getNbIOTensors, engine_count);
        PUT(VCudaEngine, getIOTensorName, engine_tensor);
        PUT(VCudaEngine, getDeviceMemorySizeV2, engine_memory);
    } else if (kind == "context") {
        PUT(VExecutionContext, setProfiler, set_profiler);
        PUT(VExecutionContext, allInputDimensionsSpecified, all_specified);
        PUT(VExecutionContext, setOptimizationProfileAsync, set_profile_async);
        PUT(VExecutionContext, setEnqueueEmitsProfile, set_emits);
        PUT(VExecutionContext, reportToProfiler, report);
        PUT(VExecutionContext, setInputShape, set_shape);
        PUT(VExecutionContext, setTensorAddress, set_address);
        PUT(VExecutionContext, inferShapes, infer_shapes);
        PUT(VExecutionContext, enqueueV3, enqueue);
    } else if (kind == "inspector") {
        PUT(VEngineInspector, getLayerInformation, layer_information);
        PUT(VEngineInspector, getEngineInformation, engine_information);
    }
}

void** table_of(char const* kind) {
    static std::map<std::string, std::vector<void*>> tables;
    static std::mutex guard;
    std::lock_guard<std::mutex> held(guard);
    auto& table = tables[kind];
    if (table.empty()) {
        table.assign(TABLE_LENGTH, reinterpret_cast<void*>(unexpected));
        fill(kind, table.data());
    }
    return table.data();
}

// ---- parser: its methods are its own ----
struct Error { void** table; int32_t code, node, line; char const *text, *name, *op; };
int32_t error_code(Error* self) { return self->code; }
char const* error_text(Error* self) { return self->text; }
char const* error_file(Error*) { return "import.cpp"; }
int32_t error_line(Error* self) { return self->line; }
char const* error_function(Error*) { return "importUnique"; }
int32_t error_node(Error* self) { return self->node; }
char const* error_name(Error* self) { return self->name; }
char const* error_operator(Error* self) { return self->op; }

struct Parser { void** table; Behind* network; std::vector<Error> errors; };
void** error_table() {
    static void* table[TABLE_LENGTH];
    PUT(IParserError, code, error_code);
    PUT(IParserError, desc, error_text);
    PUT(IParserError, file, error_file);
    PUT(IParserError, line, error_line);
    PUT(IParserError, func, error_function);
    PUT(IParserError, node, error_node);
    PUT(IParserError, nodeName, error_name);
    PUT(IParserError, nodeOperator, error_operator);
    return table;
}
bool parse(Parser* self, void const* model, size_t length, char const* path) {
    note("parser.parse %zu %s", length, path == nullptr ? "-" : path);
    std::string text(static_cast<char const*>(model), length);
    if (text == "refuse" || text == "both") {
        self->errors.push_back({error_table(), 8, 3, 71, "false", "/head/Unique", "Unique"});
        self->errors.push_back({error_table(), 6, 5, 72, "the cause\nError Code 1: Cuda Runtime (no driver)", "", "Add"});
        if (text == "refuse") return false;
    }
    if (text == "silent") return false;
    // The real parser takes anything for a model; this is one of three layers.
    if (text == "model" || text == "both") self->network->numbers[1] = 3;
    self->network->numbers[2] = self->network->numbers[3] = text == "hello" ? 0 : 1;
    return true;
}
int32_t parser_error_count(Parser* self) { return int32_t(self->errors.size()); }
void* parser_error(Parser* self, int32_t index) { return &self->errors[size_t(index)]; }
void parser_destroy(Parser* self) { note("delete parser"); delete self; }

}  // namespace

extern "C" {

char const* double_calls() {
    static std::string copy;
    std::lock_guard<std::mutex> guard(lock);
    copy.swap(calls);
    calls.clear();
    return copy.c_str();
}
void double_set(char const* name, long value) { settings[name] = value; }
void double_on_enqueue(Callback function) { callback = function; }

int32_t getInferLibVersion() noexcept { return int32_t(setting("version", VERSION)); }

void* createInferBuilder_INTERNAL(void* given, int32_t version) noexcept {
    note("createInferBuilder %d", version);
    logger = static_cast<ILogger*>(given);
#ifdef HEADERS
    note("%s %d.%d", logger->getInterfaceInfo().kind, logger->getInterfaceInfo().major, logger->getInterfaceInfo().minor);
#endif
    logger->log(Severity(3), "a builder is made");
    if (setting("builder_address") != 0) return reinterpret_cast<void*>(setting("builder_address"));
    return make("builder");
}

void* createInferRuntime_INTERNAL(void* given, int32_t version) noexcept {
    note("createInferRuntime %d", version);
    logger = static_cast<ILogger*>(given);
    logger->log(Severity(4), "a runtime is made");
    if (setting("runtime_address") != 0) return reinterpret_cast<void*>(setting("runtime_address"));
    return make("runtime");
}

int32_t getNvOnnxParserVersion() noexcept { return 200; }

void* createNvOnnxParser_INTERNAL(void* network, void*, int32_t version) noexcept {
    note("createNvOnnxParser %d", version);
    static void* table[TABLE_LENGTH];
    PUT(IParser, parse, parse);
    PUT(IParser, getNbErrors, parser_error_count);
    PUT(IParser, getError, parser_error);
    for (auto*& entry : table) if (entry == nullptr) entry = reinterpret_cast<void*>(unexpected);
#ifdef HEADERS
    // The destructors stand behind clearErrors, the deleting one second.
    table[slot(&IParser::clearErrors) + 2] = reinterpret_cast<void*>(parser_destroy);
#else
    table[SLOT_IParser_delete] = reinterpret_cast<void*>(parser_destroy);
#endif
    if (setting("no_parser") != 0) return nullptr;
    return new Parser{table, behind(network), {}};
}

int32_t cuInit(uint32_t) {
    note("cuInit");
    return int32_t(setting("cu_init"));
}
int32_t cuDriverGetVersion(int32_t* version) { *version = 12060; return 0; }
int32_t cuDeviceGetCount(int32_t* count) { *count = 1; return 0; }
int32_t cuDeviceGet(int32_t* device, int32_t ordinal) { *device = ordinal; return 0; }
int32_t cuDeviceGetName(char* name, int32_t length, int32_t) { snprintf(name, size_t(length), "Orin"); return 0; }
int32_t cuDeviceGetAttribute(int32_t* value, int32_t attribute, int32_t) { *value = attribute == 75 ? 8 : 7; return 0; }
int32_t cuDeviceTotalMem_v2(size_t* bytes, int32_t) { *bytes = size_t(8) << 30; return 0; }

}
