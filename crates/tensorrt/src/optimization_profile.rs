//! Sizes of dynamic inputs.

use crate::builder::Builder;
use crate::error::BuildError;
use crate::sys::methods;
use crate::sys::object::{Dims, Object};
use std::ffi::CString;

/// The sizes of dynamic inputs that a plan shall serve. It belongs to the builder.
pub struct OptimizationProfile<'b> {
    builder: &'b Builder,
    object: Object,
}

impl Builder {
    /// A range of sizes for dynamic inputs.
    pub fn optimization_profile(&self) -> Result<OptimizationProfile<'_>, BuildError> {
        // SAFETY: the builder is live.
        let address =
            unsafe { methods::builder::create_optimization_profile(self.abi(), self.object()) };
        // The builder owns its profiles: nothing is taken over here.
        let object = Object::new(address).map_err(|_| self.no_object("optimisation profile"))?;
        Ok(OptimizationProfile {
            builder: self,
            object,
        })
    }
}

impl OptimizationProfile<'_> {
    /// Smallest, best and largest sizes of `input`; false where the library refuses them.
    pub fn set_shapes(&self, input: &str, shapes: [&[i64]; 3]) -> bool {
        // kMIN 0, kOPT 1, kMAX 2; the library checks their order only once all are set.
        const SELECTORS: [i32; 3] = [0, 1, 2];
        let Ok(input) = CString::new(input) else {
            return false;
        };
        SELECTORS.into_iter().zip(shapes).all(|(selector, sizes)| {
            let Some(dims) = Dims::from_sizes(sizes) else {
                return false;
            };
            // SAFETY: the builder, which owns the profile, is borrowed and so alive; name and
            // sizes are read during the call only.
            unsafe {
                methods::optimization_profile::set_dimensions(
                    self.builder.abi(),
                    self.object,
                    input.as_ptr(),
                    selector,
                    &raw const dims,
                )
            }
        })
    }

    /// Whether the sizes fit together.
    pub fn is_valid(&self) -> bool {
        // SAFETY: the builder, which owns the profile, is borrowed and so alive.
        unsafe { methods::optimization_profile::is_valid(self.builder.abi(), self.object) }
    }

    pub(crate) fn object(&self) -> Object {
        self.object
    }
}
