//! NVIDIA TensorRT without its headers: opened at run time, called through its C++ tables.
//!
//! One binary serves TensorRT 10 and 11 (`libnvinfer`) and TensorRT-RTX 1.5 and later
//! (`libtensorrt_rtx`). Building it needs cargo only: no CUDA, no headers, no C++, no libclang.
//! The libraries are NVIDIA's and proprietary; this crate contains nothing of them.
//!
//! | to | begin with |
//! |---|---|
//! | find the library | [`Library::find`] |
//! | read an ONNX model, with all errors of the parser | [`Builder::network`], [`Network::parse_onnx`] |
//! | build a plan | [`Builder::config`], [`Builder::build`] |
//! | see what the builder made of each layer | [`layers`] |
//! | load and run a plan | [`Library::runtime`], [`Runtime::load`], [`Engine::context`] |
//!
//! ```no_run
//! use unmask_tensorrt::{Library, Severity};
//!
//! let log = |severity: Severity, text: &str| {
//!     if severity <= Severity::Warning {
//!         eprintln!("{severity}: {text}");
//!     }
//! };
//! let library = Library::find(None, log)?;
//! let builder = library.builder()?;
//! let mut network = builder.network()?;
//! network.parse_onnx(&std::fs::read("model.onnx")?, None)?;
//! let mut config = builder.config()?;
//! config.set_optimization_level(3)?;
//! let plan = builder.build(&network, &config)?;
//! std::fs::write("model.plan", &*plan)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//! [`sys`] holds the numbers of the virtual methods and calls them; it checks nothing. The rest is
//! safe but for what only the caller can know: that a plan is one ([`Runtime::load`]), and that
//! addresses and streams are ([`Context::set_address`], [`Context::enqueue`]).
//!
//! # Threads
//! A [`Library`], [`Runtime`] and [`Engine`] may be shared. A [`Context`] may be moved, and is used
//! by one thread at a time. A [`Builder`] and what it makes stay on one thread.
//!
//! # Precision
//! Networks are strongly typed, which is all that TensorRT 11 knows and what 10 is asked for: FP16 and
//! INT8 are casts and Q/DQ pairs in the graph. There are no precision flags here.
#![warn(clippy::undocumented_unsafe_blocks)]

mod builder;
mod config;
mod context;
mod driver;
mod engine;
mod error;
mod host_memory;
mod inspector;
pub mod layers;
mod library;
mod log;
mod message;
mod network;
mod optimization_profile;
mod parser;
mod plan;
mod runtime;
pub mod sys;
mod tensor;
mod version;

pub use builder::Builder;
pub use config::{
    BuildProgress, BuilderConfig, BuilderFlag, MAX_OPTIMIZATION_LEVEL, MemoryPool,
    ProfilingVerbosity,
};
pub use context::Context;
pub use driver::{Device, Driver, DriverError};
pub use engine::{Engine, EngineTensor, TensorMode};
pub use error::{BuildError, ConfigError, RuntimeError};
pub use host_memory::HostMemory;
pub use inspector::Inspector;
pub use library::{Library, LibraryFiles, OpenError};
pub use log::{Log, Severity};
pub use network::Network;
pub use optimization_profile::OptimizationProfile;
pub use parser::{NodeError, ParseError, ParserErrorCode};
pub use runtime::{PlanValidity, Runtime};
pub use tensor::{DataType, TensorInfo};
pub use version::{Product, Version};
