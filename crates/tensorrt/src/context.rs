//! Running an engine.

use crate::engine::{Engine, EngineShared};
use crate::error::RuntimeError;
use crate::sys::interface::Profiler;
use crate::sys::methods;
use crate::sys::object::{Dims, Object, Owned};
use std::ffi::c_void;
use std::sync::Arc;

/// The memory of one run at a time, with the addresses of inputs and outputs.
///
/// Addresses are set once, by position in [`Engine::tensors`]; a run then allocates nothing here.
pub struct Context {
    context: Owned,
    // Freed after the context, which holds its address.
    profiler: Option<Box<Profiler>>,
    /// Whether each tensor has an address.
    bound: Vec<bool>,
    engine: Arc<EngineShared>,
}

// SAFETY: a context may be used by any thread, one at a time: all that uses it takes `&mut self`
// or only reads, and it is not `Sync`.
unsafe impl Send for Context {}

impl Engine {
    /// A context: the memory of one run at a time.
    pub fn context(&self) -> Result<Context, RuntimeError> {
        const STATIC_ALLOCATION: i32 = 0;
        let (abi, engine) = (self.shared().abi(), self.shared().object());
        // SAFETY: the engine is live.
        let address = unsafe { methods::engine::create_context(abi, engine, STATIC_ALLOCATION) };
        // SAFETY: the library makes contexts for the caller, who deletes them.
        let context = unsafe { self.take_part(address, "context")? };
        Ok(Context::new(self.shared().clone(), context))
    }
}

impl Context {
    fn new(engine: Arc<EngineShared>, context: Owned) -> Self {
        let bound = vec![false; engine.names().len()];
        Self {
            context,
            profiler: None,
            bound,
            engine,
        }
    }

    /// Sets where tensor `index` lies.
    ///
    /// # Safety
    /// `address` is one that the GPU can use, of at least the tensor's size, aligned to 256 bytes,
    /// and stays so until another is set or the context is dropped.
    pub unsafe fn set_address(
        &mut self,
        index: usize,
        address: *mut c_void,
    ) -> Result<(), RuntimeError> {
        let name = self.name(index)?;
        // SAFETY: the context is live, the name is of its engine, the caller vouches for the
        // address.
        let accepted = unsafe {
            methods::context::set_tensor_address(self.engine.abi(), self.object(), name, address)
        };
        self.check(accepted, "setTensorAddress", index)?;
        self.bound[index] = true;
        Ok(())
    }

    /// Sets the sizes of dynamic input `index`.
    pub fn set_input_shape(&mut self, index: usize, sizes: &[i64]) -> Result<(), RuntimeError> {
        let name = self.name(index)?;
        let accepted = Dims::from_sizes(sizes).is_some_and(|dims| {
            let dims = &raw const dims;
            // SAFETY: the context is live, the name is of its engine, sizes are read during the
            // call only.
            unsafe {
                methods::context::set_input_shape(self.engine.abi(), self.object(), name, dims)
            }
        });
        self.check(accepted, "setInputShape", index)
    }

    /// Whether every dynamic input has its sizes.
    pub fn all_inputs_have_sizes(&self) -> bool {
        let (abi, context) = (self.engine.abi(), self.object());
        // SAFETY: the context is live.
        unsafe { methods::context::all_input_dimensions_specified(abi, context) }
    }

    /// Number of inputs that lack sizes or values for sizes to be inferred.
    pub fn missing_inputs(&self) -> usize {
        let (abi, context) = (self.engine.abi(), self.object());
        // SAFETY: the context is live; with room for no names, none are written.
        let missing =
            unsafe { methods::context::infer_shapes(abi, context, 0, std::ptr::null_mut()) };
        usize::try_from(missing).unwrap_or(0)
    }

    /// Chooses among the ranges of sizes that the plan was built for.
    ///
    /// # Safety
    /// `stream` is a live CUDA stream.
    pub unsafe fn set_optimization_profile(
        &mut self,
        index: u32,
        stream: *mut c_void,
    ) -> Result<(), RuntimeError> {
        let number = i32::try_from(index).unwrap_or(i32::MAX);
        let (abi, context) = (self.engine.abi(), self.object());
        // SAFETY: the context is live, the caller vouches for the stream.
        let accepted =
            unsafe { methods::context::set_optimization_profile(abi, context, number, stream) };
        self.check_call(accepted, "setOptimizationProfileAsync")
    }

    /// Times of layers go to `sink`, name and milliseconds, after each run.
    ///
    /// Each run then waits for the GPU. With [`Context::set_reports_every_run`] off, times are
    /// only collected, and reported by [`Context::report_profile`].
    pub fn set_profiler(&mut self, sink: impl FnMut(&str, f32) + Send + 'static) {
        let profiler = Profiler::new(self.engine.abi(), Box::new(sink));
        let (abi, context) = (self.engine.abi(), self.object());
        // SAFETY: the context is live; the profiler is kept until another is set or the context
        // is gone.
        unsafe { methods::context::set_profiler(abi, context, profiler.address()) }
        self.profiler = Some(profiler);
    }

    /// Whether a run reports to the profiler by itself, which it does at first.
    pub fn set_reports_every_run(&mut self, reports: bool) {
        let (abi, context) = (self.engine.abi(), self.object());
        // SAFETY: the context is live.
        unsafe { methods::context::set_enqueue_emits_profile(abi, context, reports) }
    }

    /// Reports the last run to the profiler.
    pub fn report_profile(&mut self) -> Result<(), RuntimeError> {
        let (abi, context) = (self.engine.abi(), self.object());
        // SAFETY: the context is live.
        let reported = unsafe { methods::context::report_to_profiler(abi, context) };
        self.check_call(reported, "reportToProfiler")
    }

    /// Starts a run on `stream` and returns at once.
    ///
    /// # Errors
    /// A tensor without an address is reported before the library is called.
    ///
    /// # Safety
    /// `stream` is a live CUDA stream, and until it has done this, nothing else uses outputs or
    /// changes inputs.
    pub unsafe fn enqueue(&mut self, stream: *mut c_void) -> Result<(), RuntimeError> {
        if let Some(index) = self.bound.iter().position(|bound| !bound) {
            return Err(RuntimeError::NoAddress {
                name: self.name_text(index),
            });
        }
        let (abi, context) = (self.engine.abi(), self.object());
        // SAFETY: the context is live, all addresses are set, the caller vouches for the stream.
        let started = unsafe { methods::context::enqueue(abi, context, stream) };
        self.check_call(started, "enqueueV3")
    }

    pub(crate) fn object(&self) -> Object {
        self.context.get()
    }

    fn name(&self, index: usize) -> Result<*const std::ffi::c_char, RuntimeError> {
        let names = self.engine.names();
        let missing = RuntimeError::NoTensor {
            index,
            count: names.len(),
        };
        names.get(index).map(|name| name.as_ptr()).ok_or(missing)
    }

    fn name_text(&self, index: usize) -> String {
        let name = self.engine.names().get(index);
        name.map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    fn check(&self, accepted: bool, call: &str, index: usize) -> Result<(), RuntimeError> {
        if accepted {
            return Ok(());
        }
        let call = format!("{call} of `{}`", self.name_text(index));
        Err(RuntimeError::Call {
            call,
            messages: self.engine.messages(),
        })
    }

    fn check_call(&self, accepted: bool, call: &str) -> Result<(), RuntimeError> {
        if accepted {
            return Ok(());
        }
        Err(RuntimeError::Call {
            call: call.to_owned(),
            messages: self.engine.messages(),
        })
    }
}

/// What the documentation of the crate promises about threads.
const _: fn() = || {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Context>();
    is_send::<Engine>();
    is_sync::<Engine>();
};
