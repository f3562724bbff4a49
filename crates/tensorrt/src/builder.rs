//! Building plans.

use crate::config::{BuilderConfig, ConfigError};
use crate::driver::DriverError;
use crate::host_memory::HostMemory;
use crate::library::Library;
use crate::message;
use crate::network::Network;
use crate::optimization_profile::OptimizationProfile;
use crate::sys::Abi;
use crate::sys::interface::Recorder;
use crate::sys::methods;
use crate::sys::object::{Object, Owned};
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
    #[error("the library made no {what}{}", said(messages))]
    NoObject {
        /// What was asked for.
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
    #[error("the build ran out of workspace{}{}", wanted(*needed_bytes), said(messages))]
    OutOfMemory {
        /// The size that the library asked for.
        needed_bytes: Option<u64>,
        /// What it said, the cause first.
        messages: Vec<String>,
    },
    /// The library refused.
    #[error("the library did not build the network{}", said(messages))]
    Refused {
        /// What it said, the cause first.
        messages: Vec<String>,
    },
}

fn said(messages: &[String]) -> String {
    match messages.first() {
        Some(first) => format!(": {}", first.trim()),
        None => ", without a reason; its log has more".to_owned(),
    }
}

fn wanted(needed_bytes: Option<u64>) -> String {
    match needed_bytes {
        Some(bytes) => format!("; it asked for {bytes} bytes"),
        None => String::new(),
    }
}

/// Phrases by which the builder says that the workspace limit was the cause.
const WORKSPACE_PHRASES: [&str; 4] = [
    "OutOfMemory",
    "out of memory",
    "within workspace limit",
    "workspace memory greater than 0",
];

/// Makes networks, configurations and plans. Its own objects cannot outlive it.
pub struct Builder {
    builder: Owned,
    // Freed after the builder, which holds its address.
    recorder: Box<Recorder>,
    library: Library,
}

impl Builder {
    pub(crate) fn new(
        library: Library,
        address: *mut std::ffi::c_void,
    ) -> Result<Self, BuildError> {
        let object = Object::new(address).map_err(|_| BuildError::NoObject {
            what: "builder",
            messages: Vec::new(),
        })?;
        // SAFETY: the library has just made this public object, for us alone.
        let builder = unsafe { Owned::public(object) };
        let recorder = library.recorder();
        // SAFETY: the builder is live; the recorder lives until after it.
        unsafe {
            methods::builder::set_error_recorder(library.abi(), object, recorder.address());
        }
        Ok(Self {
            builder,
            recorder,
            library,
        })
    }

    /// The library that this builder belongs to.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Number of DLA cores; 0 where there are none.
    pub fn dla_cores(&self) -> u32 {
        // SAFETY: the builder is live.
        let count = unsafe { methods::builder::dla_cores(self.abi(), self.object()) };
        u32::try_from(count).unwrap_or(0)
    }

    /// Threads that a build may use; false where the library refuses the number.
    pub fn set_max_threads(&self, threads: u32) -> bool {
        let threads = i32::try_from(threads).unwrap_or(i32::MAX);
        // SAFETY: the builder is live.
        unsafe { methods::builder::set_max_threads(self.abi(), self.object(), threads) }
    }

    /// An empty, strongly typed network: precisions are those of the graph.
    pub fn network(&self) -> Result<Network<'_>, BuildError> {
        // Bit 1 is strong typing in TensorRT 10; in 11 and RTX every network has it, bit 0 says
        // so, and bit 1 is another thing that RTX answers with null.
        let bit = match self.abi() {
            Abi::V10 => 1 << 1,
            Abi::V11 | Abi::Rtx => 1 << 0,
        };
        // SAFETY: the builder is live.
        let address = unsafe { methods::builder::create_network(self.abi(), self.object(), bit) };
        let network = self.take_object(address, "network")?;
        Network::new(self, network, bit)
    }

    /// A configuration with the library's defaults.
    pub fn config(&self) -> Result<BuilderConfig<'_>, BuildError> {
        // SAFETY: the builder is live.
        let address = unsafe { methods::builder::create_config(self.abi(), self.object()) };
        Ok(BuilderConfig::new(
            self,
            self.take_object(address, "configuration")?,
        ))
    }

    /// A range of sizes for dynamic inputs.
    pub fn optimization_profile(&self) -> Result<OptimizationProfile<'_>, BuildError> {
        // SAFETY: the builder is live.
        let address =
            unsafe { methods::builder::create_optimization_profile(self.abi(), self.object()) };
        // The builder owns its profiles: nothing is taken over here.
        let object = Object::new(address).map_err(|_| self.no_object("optimisation profile"))?;
        Ok(OptimizationProfile::new(self, object))
    }

    /// Whether the library would build the network. It checks less than a build does.
    pub fn supports(&self, network: &Network<'_>, config: &BuilderConfig<'_>) -> bool {
        let (network, config) = (network.object().address(), config.object().address());
        // SAFETY: all three are live and belong together, since both borrow from a builder.
        unsafe {
            methods::builder::is_network_supported(self.abi(), self.object(), network, config)
        }
    }

    /// Builds the plan. Takes seconds to many minutes.
    ///
    /// A build may use all memory, and a failed allocation inside the library can end the process:
    /// run it in one of its own where that matters.
    pub fn build(
        &self,
        network: &Network<'_>,
        config: &BuilderConfig<'_>,
    ) -> Result<HostMemory, BuildError> {
        config.validate()?;
        self.recorder.take();
        let (network, config_address) = (network.object().address(), config.object().address());
        // SAFETY: all three are live and belong together; the monitor lives as long as the
        // configuration.
        let address =
            unsafe { methods::builder::build(self.abi(), self.object(), network, config_address) };
        if let Some(panic) = config.monitor().and_then(|monitor| monitor.take_panic()) {
            // The library's frames are gone, so the monitor's panic can go on.
            std::panic::resume_unwind(panic);
        }
        let messages = self.errors();
        match Object::new(address) {
            // SAFETY: the library has just made this object, for us alone.
            Ok(object) => Ok(HostMemory::new(self.library.clone(), unsafe {
                Owned::public(object)
            })),
            Err(_)
                if config
                    .monitor()
                    .is_some_and(|monitor| monitor.was_canceled()) =>
            {
                Err(BuildError::Canceled)
            }
            Err(_) => Err(failure(messages)),
        }
    }

    /// Errors since the last call, the cause first: without a driver, each is followed by one of
    /// the CUDA runtime, which is dropped where another stands before it.
    pub(crate) fn errors(&self) -> Vec<String> {
        let errors: Vec<String> = self
            .recorder
            .take()
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        without_echoes(errors)
    }

    pub(crate) fn abi(&self) -> Abi {
        self.library.abi()
    }

    pub(crate) fn object(&self) -> Object {
        self.builder.get()
    }

    pub(crate) fn no_object(&self, what: &'static str) -> BuildError {
        BuildError::NoObject {
            what,
            messages: self.errors(),
        }
    }

    /// Takes over a public object that the library has just made for us.
    fn take_object(
        &self,
        address: *mut std::ffi::c_void,
        what: &'static str,
    ) -> Result<Owned, BuildError> {
        let object = Object::new(address).map_err(|_| self.no_object(what))?;
        // SAFETY: networks and configurations are made for the caller, who deletes them.
        Ok(unsafe { Owned::public(object) })
    }
}

pub(crate) fn without_echoes(errors: Vec<String>) -> Vec<String> {
    let real: Vec<String> = errors
        .iter()
        .filter(|text| !message::is_cuda_echo(text))
        .cloned()
        .collect();
    if real.is_empty() { errors } else { real }
}

/// The error that messages of a failed build mean.
fn failure(messages: Vec<String>) -> BuildError {
    let is_workspace = |text: &String| WORKSPACE_PHRASES.iter().any(|phrase| text.contains(phrase));
    if messages.iter().any(is_workspace) {
        let needed_bytes = messages
            .iter()
            .find_map(|text| message::requested_bytes(text));
        return BuildError::OutOfMemory {
            needed_bytes,
            messages,
        };
    }
    BuildError::Refused { messages }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: &str = "[h.cpp::f::51] Error Code 1: Cuda Runtime (CUDA driver version)";

    #[test]
    fn echo_of_the_cuda_runtime_is_dropped() {
        let both = vec!["the cause".to_owned(), ECHO.to_owned()];
        assert_eq!(without_echoes(both), ["the cause"]);
        assert_eq!(
            without_echoes(vec![ECHO.to_owned()]),
            [ECHO],
            "alone it is the cause"
        );
    }

    #[test]
    fn workspace_failures_are_recognised() {
        let text = "Error Code 10: OutOfMemory (Requested size was 71338480 bytes)".to_owned();
        let error = failure(vec!["no tactics".to_owned(), text]);
        assert!(
            matches!(
                error,
                BuildError::OutOfMemory {
                    needed_bytes: Some(71_338_480),
                    ..
                }
            ),
            "{error}"
        );
        let error = failure(vec!["no tactics within workspace limit".to_owned()]);
        assert!(
            matches!(
                error,
                BuildError::OutOfMemory {
                    needed_bytes: None,
                    ..
                }
            ),
            "{error}"
        );
        let error = failure(vec!["something else".to_owned()]);
        assert!(
            error
                .to_string()
                .ends_with("did not build the network: something else")
        );
        assert!(failure(Vec::new()).to_string().contains("without a reason"));
    }
}
