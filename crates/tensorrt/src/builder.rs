//! Builders, which make networks, configurations and plans.

use crate::error::BuildError;
use crate::library::Library;
use crate::message::without_echoes;
use crate::sys::Abi;
use crate::sys::interface::Recorder;
use crate::sys::methods;
use crate::sys::object::{Object, Owned};
use crate::version::Product;

/// Makes networks, configurations and plans. Its own objects cannot outlive it.
pub struct Builder {
    builder: Owned,
    // Freed after the builder, which holds its address.
    recorder: Box<Recorder>,
    library: Library,
}

impl Library {
    /// A builder. TensorRT needs a GPU for it, TensorRT-RTX does not.
    pub fn builder(&self) -> Result<Builder, BuildError> {
        let missing = || BuildError::NoBuilder {
            file: self.files().core.clone(),
        };
        let create = self.core().create_builder.ok_or_else(missing)?;
        if self.version().product == Product::TensorRt {
            self.initialise_driver()?;
        }
        // SAFETY: the logger lives for the rest of the process and has the table of this
        // library's interface; the version is the library's own.
        let address = unsafe { create(self.logger().address(), self.version_number()) };
        Builder::new(self.clone(), address)
    }
}

impl Builder {
    fn new(library: Library, address: *mut std::ffi::c_void) -> Result<Self, BuildError> {
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
    pub(crate) fn take_object(
        &self,
        address: *mut std::ffi::c_void,
        what: &'static str,
    ) -> Result<Owned, BuildError> {
        let object = Object::new(address).map_err(|_| self.no_object(what))?;
        // SAFETY: networks and configurations are made for the caller, who deletes them.
        Ok(unsafe { Owned::public(object) })
    }
}
