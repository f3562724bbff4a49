//! Runtimes, which load plans.

use crate::error::RuntimeError;
use crate::library::Library;
use crate::message::without_echoes;
use crate::sys::Abi;
use crate::sys::interface::Recorder;
use crate::sys::methods;
use crate::sys::object::{Object, Owned};
use crate::version::Product;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard};

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

impl Library {
    /// A runtime. TensorRT needs a driver for it; TensorRT-RTX only when a plan is loaded.
    pub fn runtime(&self) -> Result<Runtime, RuntimeError> {
        let missing = || RuntimeError::NoRuntime {
            file: self.files().core.clone(),
        };
        let create = self.core().create_runtime.ok_or_else(missing)?;
        if self.version().product == Product::TensorRt {
            self.initialise_driver()?;
        }
        // SAFETY: the logger lives for the rest of the process and has the table of this
        // library's interface; the version is the library's own.
        let address = unsafe { create(self.logger().address(), self.version_number()) };
        Runtime::new(self.clone(), address)
    }
}

impl Runtime {
    fn new(library: Library, address: *mut c_void) -> Result<Self, RuntimeError> {
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

    /// What TensorRT-RTX says about a plan without loading it.
    ///
    /// This is not a seal: the library looks at the first four bytes and the versions, and does not
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

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn abi(&self) -> Abi {
        self.shared.abi()
    }

    pub(crate) fn object(&self) -> Object {
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

    /// Held while a plan is loaded, or the runtime changed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.loading
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
