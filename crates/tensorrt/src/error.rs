//! Errors of the library.

use crate::driver::DriverError;
use crate::version::Version;
use std::path::PathBuf;

/// Why a plan was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The library is a runtime only.
    #[error("{}: has no builder; a lean runtime cannot build plans, install the full TensorRT", file.display())]
    NoBuilder {
        /// The library.
        file: PathBuf,
    },
    /// The parser's library is not there.
    #[error("no ONNX parser: {}: {reason}; install the parser of the same version", file.display())]
    NoParser {
        /// The file that was looked for.
        file: PathBuf,
        /// The loader's reason.
        reason: String,
    },
    /// There is no driver, and this library needs one.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The library made no object.
    #[error("the library made no {what}{}", cause_or_none(messages))]
    NoObject {
        /// The requested value.
        what: &'static str,
        /// What it said.
        messages: Vec<String>,
    },
    /// The network came out without strong typing, so precisions would be chosen by the builder.
    #[error("the library ignored strong typing: flags of the network are {flags:#x}")]
    NotStronglyTyped {
        /// What the library answered.
        flags: u32,
    },
    /// The configuration lacks something.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The progress monitor asked for the end.
    #[error("the build was canceled")]
    Canceled,
    /// Memory did not suffice.
    #[error("the build ran out of workspace{}{}", wanted(*needed_bytes), cause_or_none(messages))]
    OutOfMemory {
        /// The size that the library asked for.
        needed_bytes: Option<u64>,
        /// What it said, the cause first.
        messages: Vec<String>,
    },
    /// The library refused.
    #[error("the library did not build the network{}", cause_or_none(messages))]
    Refused {
        /// What it said, the cause first.
        messages: Vec<String>,
    },
}

/// A setting that the library does not take.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// This library does not have it.
    #[error("{library} has no {setting}; {fix}")]
    Unsupported {
        /// The setting.
        setting: &'static str,
        /// The library.
        library: Version,
        /// What to do instead.
        fix: &'static str,
    },
    /// The value is out of range.
    #[error("{setting} {value}: must be {range}")]
    Range {
        /// The setting.
        setting: &'static str,
        /// The value.
        value: u64,
        /// What is allowed.
        range: String,
    },
    /// The library kept another value.
    #[error("{setting}: the library kept {kept} instead of {wanted}")]
    Ignored {
        /// The setting.
        setting: &'static str,
        /// The value that was set.
        wanted: u64,
        /// The value that the library reports.
        kept: u64,
    },
    /// TensorRT-RTX builds for stated GPUs only.
    #[error(
        "no compute capability given: {library} would build a plan for no stated GPU; give one, such as 86 or 120"
    )]
    NoComputeCapability {
        /// The library.
        library: Version,
    },
    /// The library does not build for this GPU.
    #[error("{library} does not build for compute capability {}.{}{}", capability / 10, capability % 10, reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    ComputeCapability {
        /// The library.
        library: Version,
        /// The capability, 86 for 8.6.
        capability: u32,
        /// The library's words.
        reason: Option<String>,
    },
    /// A timing cache of another library, version or GPU, or a damaged one.
    #[error(
        "the timing cache was not accepted (another version or GPU, or damaged); delete it, a build makes a new one"
    )]
    TimingCache,
    /// An optimisation profile whose sizes do not fit together.
    #[error(
        "the optimisation profile was not accepted: smallest ≤ best ≤ largest must hold for each input"
    )]
    Profile,
}

/// Why a plan was not loaded or not run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The library has no runtime.
    #[error("{}: has no runtime", file.display())]
    NoRuntime {
        /// The library.
        file: PathBuf,
    },
    /// There is no driver, and this needs one.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The library returned something that is not an object: the sign that it found no driver.
    #[error("the library made no runtime (it returned {address:#x}): it could not start CUDA")]
    NoObject {
        /// What it returned.
        address: usize,
    },
    /// The plan was not accepted.
    #[error("the library did not load the plan{}", cause(messages))]
    Refused {
        /// What the library said, the cause first.
        messages: Vec<String>,
    },
    /// The engine made no context or inspector.
    #[error("the engine made no {what}{}", cause(messages))]
    NoPart {
        /// The requested value.
        what: &'static str,
        /// What the library said, the cause first.
        messages: Vec<String>,
    },
    /// The engine has no such tensor.
    #[error("the engine has no input or output {index}; it has {count}")]
    NoTensor {
        /// Its position.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A call of the library failed.
    #[error("{call} failed{}", cause(messages))]
    Call {
        /// The call, with the tensor that it is about.
        call: String,
        /// What the library said, the cause first.
        messages: Vec<String>,
    },
    /// A tensor has no address.
    #[error("no address was set for `{name}`")]
    NoAddress {
        /// The tensor.
        name: String,
    },
    /// The library does not have this.
    #[error("{library} has no {what}")]
    Unsupported {
        /// The library.
        library: Version,
        /// The requested value.
        what: &'static str,
    },
}

/// The cause, for the end of a message; nothing where the library gave none.
fn cause(messages: &[String]) -> String {
    match messages.first() {
        Some(first) => format!(": {}", first.trim()),
        None => String::new(),
    }
}

/// As [`cause`], but a missing one is mentioned.
fn cause_or_none(messages: &[String]) -> String {
    match messages.is_empty() {
        true => ", without a reason; its log has more".to_owned(),
        false => cause(messages),
    }
}

fn wanted(needed_bytes: Option<u64>) -> String {
    match needed_bytes {
        Some(bytes) => format!("; it asked for {bytes} bytes"),
        None => String::new(),
    }
}
