//! Host memory that the library owns.

use crate::library::Library;
use crate::sys::methods;
use crate::sys::object::Owned;
use std::ops::Deref;

/// Bytes that the library owns: a plan, or a serialised timing cache.
pub struct HostMemory {
    memory: Owned,
    library: Library,
}

// SAFETY: the bytes are only read, and deleted by the last owner; no thread is special to them.
unsafe impl Send for HostMemory {}
// SAFETY: as above.
unsafe impl Sync for HostMemory {}

impl HostMemory {
    pub(crate) fn new(library: Library, memory: Owned) -> Self {
        Self { memory, library }
    }
}

impl Deref for HostMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let (abi, object) = (self.library.abi(), self.memory.get());
        // SAFETY: the object is live; its bytes stay where they are until it is deleted.
        unsafe {
            let data = methods::host_memory::data(abi, object);
            let size = methods::host_memory::size(abi, object);
            if data.is_null() || size == 0 {
                return &[];
            }
            std::slice::from_raw_parts(data.cast(), size)
        }
    }
}

impl std::fmt::Debug for HostMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostMemory({} bytes)", self.len())
    }
}
