//! Loading plans.

use crate::builder::without_echoes;
use crate::driver::DriverError;
use crate::engine::Engine;
use crate::library::Library;
use crate::sys::Abi;
use crate::sys::interface::Recorder;
use crate::sys::methods;
use crate::sys::object::{Object, Owned};
use crate::version::{Product, Version};
use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

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
    /// The library returned something that is no object: the sign that it found no driver.
    #[error("the library made no runtime (it returned {address:#x}): it could not start CUDA")]
    NoObject {
        /// What it returned.
        address: usize,
    },
    /// The plan was not accepted.
    #[error("the library did not load the plan{}", said(messages))]
    Refused {
        /// What the library said, the cause first.
        messages: Vec<String>,
    },
    /// The engine made no context or inspector.
    #[error("the engine made no {what}{}", said(messages))]
    NoPart {
        /// What was asked for.
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
    #[error("{call} failed{}", said(messages))]
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
        /// What was asked for.
        what: &'static str,
    },
}

fn said(messages: &[String]) -> String {
    match messages.first() {
        Some(first) => format!(": {}", first.trim()),
        None => String::new(),
    }
}

/// What TensorRT-RTX says about a plan without loading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanValidity {
    /// It can be loaded.
    Valid,
    /// It can be loaded, but was built for another driver or GPU.
    Suboptimal,
    /// It cannot be loaded here; the bits say why, and are 0 where the library gave no reason.
    Invalid {
        /// 0x1 version, 0x2 compute capability, 0x4 old driver, 0x8 old CUDA, 0x10 memory,
        /// 0x20 malformed, 0x40 CUDA failed.
        diagnostics: u64,
    },
}

/// Makes engines from plans. Cloning is cheap; engines keep their runtime alive.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    runtime: Owned,
    // Freed after the runtime, which holds its address.
    recorder: Box<Recorder>,
    /// One plan is loaded at a time, so that messages belong to it.
    loading: Mutex<()>,
    library: Library,
}

// SAFETY: a runtime may be used by any thread; calls that change it take `loading` first.
unsafe impl Send for Shared {}
// SAFETY: as above; the others only read.
unsafe impl Sync for Shared {}

impl Runtime {
    pub(crate) fn new(library: Library, address: *mut c_void) -> Result<Self, RuntimeError> {
        let object = Object::new(address).map_err(|address| RuntimeError::NoObject { address })?;
        // SAFETY: the library has just made this public object, for us alone.
        let runtime = unsafe { Owned::public(object) };
        let recorder = library.recorder();
        // SAFETY: the runtime is live; the recorder lives until after it.
        unsafe {
            methods::runtime::set_error_recorder(library.abi(), object, recorder.address());
        }
        let shared = Shared {
            runtime,
            recorder,
            loading: Mutex::default(),
            library,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The library that this runtime belongs to.
    pub fn library(&self) -> &Library {
        &self.shared.library
    }

    /// Number of DLA cores; 0 where there are none.
    pub fn dla_cores(&self) -> u32 {
        // SAFETY: the runtime is live.
        let count = unsafe { methods::runtime::dla_cores(self.abi(), self.object()) };
        u32::try_from(count).unwrap_or(0)
    }

    /// The DLA core on which plans that were built for one will run.
    pub fn set_dla_core(&self, core: u32) {
        let core = i32::try_from(core).unwrap_or(i32::MAX);
        let _loading = self.shared.lock();
        // SAFETY: the runtime is live, and only one thread changes or uses it.
        unsafe { methods::runtime::set_dla_core(self.abi(), self.object(), core) }
    }

    /// Threads that loading may use; false where the library refuses the number.
    pub fn set_max_threads(&self, threads: u32) -> bool {
        let threads = i32::try_from(threads).unwrap_or(i32::MAX);
        let _loading = self.shared.lock();
        // SAFETY: the runtime is live, and only one thread changes or uses it.
        unsafe { methods::runtime::set_max_threads(self.abi(), self.object(), threads) }
    }

    /// Loads a plan.
    ///
    /// A plan is executable code and the library does not check it: a changed byte may do
    /// anything. Verify a checksum of your own first.
    ///
    /// # Safety
    /// `plan` is, byte for byte, what a builder made.
    pub unsafe fn load(&self, plan: &[u8]) -> Result<Engine, RuntimeError> {
        // TensorRT-RTX makes a runtime without a driver, so this is the first time to ask.
        if self.library().version().product == Product::TensorRtRtx {
            self.library().initialise_driver()?;
        }
        let _loading = self.shared.lock();
        self.shared.recorder.take();
        let (data, size) = (plan.as_ptr().cast(), plan.len());
        // SAFETY: the runtime is live; the caller vouches for the plan, which is read during the
        // call only.
        let address =
            unsafe { methods::runtime::deserialize(self.abi(), self.object(), data, size) };
        let object = Object::new(address).map_err(|_| RuntimeError::Refused {
            messages: self.shared.messages(),
        })?;
        // SAFETY: the library has just made this object, for us alone.
        Ok(Engine::new(self.shared.clone(), unsafe {
            Owned::public(object)
        }))
    }

    /// What TensorRT-RTX says about a plan without loading it.
    ///
    /// This is no seal: the library looks at the first four bytes and the versions, and does not
    /// see a changed or missing rest.
    pub fn plan_validity(&self, plan: &[u8]) -> Result<PlanValidity, RuntimeError> {
        let library = self.library().version();
        if library.product != Product::TensorRtRtx {
            return Err(RuntimeError::Unsupported {
                library,
                what: "check of a plan's header",
            });
        }
        let size = i64::try_from(plan.len()).unwrap_or(i64::MAX);
        // Not every refusal writes this, against the header's promise.
        let mut diagnostics = 0;
        // SAFETY: the runtime is live; the plan is read during the call only.
        let verdict = unsafe {
            let (abi, runtime) = (self.abi(), self.object());
            let plan = plan.as_ptr().cast();
            methods::runtime::engine_validity(abi, runtime, plan, size, &raw mut diagnostics)
        };
        Ok(match verdict {
            0 => PlanValidity::Valid,
            1 => PlanValidity::Suboptimal,
            _ => PlanValidity::Invalid { diagnostics },
        })
    }

    /// Bytes of a plan that [`Runtime::plan_validity`] reads; TensorRT-RTX only.
    pub fn plan_header_bytes(&self) -> Option<u64> {
        if self.library().version().product != Product::TensorRtRtx {
            return None;
        }
        // SAFETY: the runtime is live.
        let size = unsafe { methods::runtime::engine_header_size(self.abi(), self.object()) };
        u64::try_from(size).ok()
    }

    fn abi(&self) -> Abi {
        self.shared.abi()
    }

    fn object(&self) -> Object {
        self.shared.runtime.get()
    }
}

impl Shared {
    pub(crate) fn abi(&self) -> Abi {
        self.library.abi()
    }

    /// Errors since the last call, the cause first.
    pub(crate) fn messages(&self) -> Vec<String> {
        without_echoes(
            self.recorder
                .take()
                .into_iter()
                .map(|(_, text)| text)
                .collect(),
        )
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.loading
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
