//! Loaded plans.

use crate::error::RuntimeError;
use crate::runtime::{Runtime, Shared};
use crate::sys::Abi;
use crate::sys::methods;
use crate::sys::object::{Object, Owned, count, text};
use crate::tensor::DataType;
use crate::version::Product;
use std::ffi::{CStr, CString};
use std::sync::Arc;

/// Direction of a tensor of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorMode {
    /// The caller fills it.
    Input,
    /// The engine fills it.
    Output,
}

/// An input or output of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineTensor {
    /// Its name.
    pub name: String,
    /// Its direction.
    pub mode: TensorMode,
    /// Type of its values.
    pub data_type: DataType,
    /// Its sizes; −1 where they are known at run time only.
    pub shape: Vec<i64>,
    /// NVIDIA's number of the memory layout; 0 is plain row-major.
    pub format: i32,
    /// Bytes of one value, or of one component of a packed layout.
    pub bytes_per_component: u32,
}

impl EngineTensor {
    /// Whether the values lie row-major without gaps.
    pub fn is_row_major(&self) -> bool {
        self.format == 0
    }

    /// Number of values; `None` where a size is known at run time only.
    pub fn value_count(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &size| {
            product.checked_mul(usize::try_from(size).ok()?)
        })
    }

    /// Size in bytes when laid out row-major.
    pub fn byte_count(&self) -> Option<usize> {
        let bits = usize::try_from(self.data_type.bits()?).ok()?;
        Some(self.value_count()?.checked_mul(bits)?.div_ceil(8))
    }
}

/// A loaded plan. Cloning is cheap; contexts keep their engine alive.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<EngineShared>,
}

pub(crate) struct EngineShared {
    engine: Owned,
    tensors: Vec<EngineTensor>,
    names: Vec<CString>,
    // Freed after the engine.
    runtime: Arc<Shared>,
}

// SAFETY: an engine is not changed once it is made; NVIDIA documents its methods, all of which
// only read or make new objects, as safe to call from several threads.
unsafe impl Send for EngineShared {}
// SAFETY: as above.
unsafe impl Sync for EngineShared {}

impl Runtime {
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
        let _loading = self.shared().lock();
        // What was said before is not a cause of this.
        self.shared().messages();
        let (data, size) = (plan.as_ptr().cast(), plan.len());
        // SAFETY: the runtime is live; the caller vouches for the plan, which is read during the
        // call only.
        let address =
            unsafe { methods::runtime::deserialize(self.abi(), self.object(), data, size) };
        let object = Object::new(address).map_err(|_| RuntimeError::Refused {
            messages: self.shared().messages(),
        })?;
        // SAFETY: the library has just made this object, for us alone.
        Ok(Engine::new(self.shared().clone(), unsafe {
            Owned::public(object)
        }))
    }
}

impl Engine {
    fn new(runtime: Arc<Shared>, engine: Owned) -> Self {
        let (tensors, names) = describe(runtime.abi(), engine.get());
        Self {
            shared: Arc::new(EngineShared {
                engine,
                tensors,
                names,
                runtime,
            }),
        }
    }

    /// Inputs and outputs in the engine's order, which need not be the graph's.
    pub fn tensors(&self) -> &[EngineTensor] {
        &self.shared.tensors
    }

    /// Position of the tensor called `name`.
    pub fn tensor_index(&self, name: &str) -> Option<usize> {
        self.tensors().iter().position(|tensor| tensor.name == name)
    }

    /// Number of layers, after all were merged that can be.
    pub fn layer_count(&self) -> usize {
        // SAFETY: the engine is live.
        count(unsafe { methods::engine::layer_count(self.shared.abi(), self.shared.object()) })
    }

    /// Name of the network that the plan was built from.
    pub fn name(&self) -> String {
        // SAFETY: the engine is live; the name is copied at once.
        unsafe {
            text(methods::engine::name(
                self.shared.abi(),
                self.shared.object(),
            ))
        }
    }

    /// GPU memory that a context takes, in bytes.
    pub fn device_memory_bytes(&self) -> u64 {
        let (abi, engine) = (self.shared.abi(), self.shared.object());
        // SAFETY: the engine is live.
        let size = unsafe { methods::engine::device_memory_size(abi, engine) };
        u64::try_from(size).unwrap_or(0)
    }

    /// Whether the plan describes its layers fully, so that the inspector has something to tell.
    pub fn describes_layers(&self) -> bool {
        const DETAILED: i32 = 2;
        let (abi, engine) = (self.shared.abi(), self.shared.object());
        // SAFETY: the engine is live.
        unsafe { methods::engine::profiling_verbosity(abi, engine) == DETAILED }
    }

    pub(crate) fn abi(&self) -> Abi {
        self.shared.abi()
    }

    pub(crate) fn shared(&self) -> &Arc<EngineShared> {
        &self.shared
    }

    /// Takes over a context or an inspector.
    ///
    /// # Safety
    /// `address` is what the library returned for a new public object, or none.
    pub(crate) unsafe fn take_part(
        &self,
        address: *mut std::ffi::c_void,
        what: &'static str,
    ) -> Result<Owned, RuntimeError> {
        let object = Object::new(address).map_err(|_| RuntimeError::NoPart {
            what,
            messages: self.shared.messages(),
        })?;
        // SAFETY: the caller promises it.
        Ok(unsafe { Owned::public(object) })
    }
}

impl EngineShared {
    pub(crate) fn abi(&self) -> Abi {
        self.runtime.abi()
    }

    pub(crate) fn object(&self) -> Object {
        self.engine.get()
    }

    pub(crate) fn names(&self) -> &[CString] {
        &self.names
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        self.runtime.messages()
    }
}

fn describe(abi: Abi, engine: Object) -> (Vec<EngineTensor>, Vec<CString>) {
    // SAFETY: the engine is live.
    let tensor_count = unsafe { methods::engine::tensor_count(abi, engine) };
    let tensors = (0..tensor_count).filter_map(|index| {
        // SAFETY: indices below the count are valid; the name is null or a terminated string of
        // the engine, and is copied at once.
        let name = unsafe {
            let name = methods::engine::tensor_name(abi, engine, index);
            if name.is_null() {
                return None;
            }
            CStr::from_ptr(name).to_owned()
        };
        let address = name.as_ptr();
        // SAFETY: the engine is live and the name is of one of its tensors.
        let tensor = unsafe {
            EngineTensor {
                name: name.to_string_lossy().into_owned(),
                // kNONE 0, kINPUT 1, kOUTPUT 2.
                mode: match methods::engine::tensor_mode(abi, engine, address) {
                    1 => TensorMode::Input,
                    2 => TensorMode::Output,
                    _ => return None,
                },
                data_type: DataType::from_number(methods::engine::tensor_data_type(
                    abi, engine, address,
                )),
                shape: methods::engine::tensor_shape(abi, engine, address).to_vec(),
                format: methods::engine::tensor_format(abi, engine, address),
                bytes_per_component: u32::try_from(methods::engine::tensor_bytes_per_component(
                    abi, engine, address,
                ))
                .unwrap_or(0),
            }
        };
        Some((tensor, name))
    });
    tensors.unzip()
}
