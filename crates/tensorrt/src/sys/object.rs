//! C++ objects as they lie in memory.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;

/// Addresses below this are not objects: without a driver, `createInferRuntime` of TensorRT 10 and
/// 11 returns a small non-null number (0x228 on x86-64, 0x260 on aarch64).
const FIRST_VALID_ADDRESS: usize = 4096;

/// Position of the deleting destructor in the table of a public object.
const DELETE_SLOT: usize = 1;

/// A C++ object that the library made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Object(NonNull<c_void>);

impl Object {
    /// The object at `address`, or `Err(address)` for null and for what cannot be an address.
    pub(crate) fn new(address: *mut c_void) -> Result<Self, usize> {
        let number = address as usize;
        if number < FIRST_VALID_ADDRESS {
            return Err(number);
        }
        NonNull::new(address).map(Self).ok_or(number)
    }

    /// The object's own address, to hand it to the library.
    pub(crate) fn address(self) -> *mut c_void {
        self.0.as_ptr()
    }

    /// The object behind a public one that has the interface's methods.
    ///
    /// # Safety
    /// `self` is a live public object, `{vtable, mImpl}`.
    pub(crate) unsafe fn implementation(self) -> *mut c_void {
        // SAFETY: a public object is two pointers long, the second is `mImpl`.
        unsafe { *self.address().cast::<*mut c_void>().add(1) }
    }

    /// Calls the destructor at `slot` of the object's own table.
    ///
    /// # Safety
    /// `self` is live, `slot` is its deleting destructor, and nothing uses it afterwards.
    pub(crate) unsafe fn delete_at(self, slot: usize) {
        // SAFETY: the caller names the slot of a destructor, which takes only `this`.
        unsafe {
            let method: unsafe extern "C" fn(*mut c_void) =
                std::mem::transmute(method(self.address(), slot));
            method(self.address());
        }
    }
}

/// The address of virtual method `slot` of the object at `this`.
///
/// # Safety
/// `this` points to a C++ object whose virtual table has more than `slot` entries.
pub(crate) unsafe fn method(this: *mut c_void, slot: usize) -> *const c_void {
    // SAFETY: an object begins with the address of its table, an array of function pointers.
    unsafe { *(*this.cast::<*const *const c_void>()).add(slot) }
}

/// An object that is deleted when this is dropped. Neither `Send` nor `Sync`: the types that hold
/// one decide which objects may be used from several threads.
#[derive(Debug)]
pub(crate) struct Owned {
    object: Object,
    delete_slot: usize,
}

impl Owned {
    /// Takes over a public object.
    ///
    /// # Safety
    /// `object` is live, is a public object, and nothing else deletes it.
    pub(crate) unsafe fn public(object: Object) -> Self {
        Self {
            object,
            delete_slot: DELETE_SLOT,
        }
    }

    /// Takes over an object whose deleting destructor is not in the usual place.
    ///
    /// # Safety
    /// As [`Owned::public`], and `delete_slot` is the deleting destructor.
    pub(crate) unsafe fn with_delete_slot(object: Object, delete_slot: usize) -> Self {
        Self {
            object,
            delete_slot,
        }
    }

    /// The object.
    pub(crate) fn get(&self) -> Object {
        self.object
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the constructors promise a live object that only this deletes, and its slot.
        unsafe { self.object.delete_at(self.delete_slot) }
    }
}

/// `nvinfer1::Dims`: a count and eight sizes, 72 bytes, returned through a hidden pointer.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Dims {
    /// Number of axes; −1 where the library does not know the tensor.
    pub count: i32,
    /// Sizes of the axes; −1 for one that is known at run time only.
    pub sizes: [i64; 8],
}

impl Dims {
    /// The sizes as a list; empty for a scalar and for an invalid count.
    pub fn to_vec(self) -> Vec<i64> {
        let count = usize::try_from(self.count)
            .unwrap_or(0)
            .min(self.sizes.len());
        self.sizes[..count].to_vec()
    }

    /// Sizes for the library; `None` with more than eight axes.
    pub fn from_sizes(sizes: &[i64]) -> Option<Self> {
        let mut dims = Self {
            count: i32::try_from(sizes.len()).ok()?,
            ..Self::default()
        };
        dims.sizes.get_mut(..sizes.len())?.copy_from_slice(sizes);
        Some(dims)
    }
}

/// A copy of a C string; empty for null.
///
/// # Safety
/// `text` is null or points to a string that ends with a zero byte.
pub(crate) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller promises a terminated string.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// A count of the library as a number of ours.
pub(crate) fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_addresses_are_not_objects() {
        for address in [0usize, 0x228, 0x260, 4095] {
            assert_eq!(Object::new(address as *mut c_void), Err(address));
        }
        assert!(Object::new(4096 as *mut c_void).is_ok());
    }

    #[test]
    fn dims_are_72_bytes() {
        assert_eq!(size_of::<Dims>(), 72);
        assert_eq!(std::mem::offset_of!(Dims, sizes), 8);
        assert!(Dims::from_sizes(&[1; 9]).is_none());
        assert_eq!(Dims::from_sizes(&[1, 3, 4]).unwrap().to_vec(), [1, 3, 4]);
        assert!(
            Dims {
                count: -1,
                ..Dims::default()
            }
            .to_vec()
            .is_empty()
        );
        assert_eq!(
            Dims {
                count: 99,
                ..Dims::default()
            }
            .to_vec()
            .len(),
            8
        );
    }
}
