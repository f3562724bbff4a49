//! Inspector of the layers of a loaded plan.

use crate::engine::Engine;
use crate::error::RuntimeError;
use crate::sys::methods;
use crate::sys::object::{Owned, text};

/// `LayerInformationFormat::kJSON`.
const JSON: i32 = 1;

/// Describes the layers of an engine as JSON.
///
/// How much it reports was decided when the plan was built: [`Engine::describes_layers`].
pub struct Inspector {
    inspector: Owned,
    engine: Engine,
}

impl Engine {
    /// Describes the layers.
    pub fn inspector(&self) -> Result<Inspector, RuntimeError> {
        let (abi, engine) = (self.shared().abi(), self.shared().object());
        // SAFETY: the engine is live.
        let address = unsafe { methods::engine::create_inspector(abi, engine) };
        // SAFETY: the library makes inspectors for the caller, who deletes them.
        let inspector = unsafe { self.take_part(address, "inspector")? };
        Ok(Inspector {
            inspector,
            engine: self.clone(),
        })
    }
}

impl Inspector {
    /// The whole engine, as one JSON object.
    pub fn engine_json(&self) -> String {
        let (abi, inspector) = (self.engine.abi(), self.inspector.get());
        // SAFETY: the inspector is live; the text is copied before it is asked again.
        unsafe { text(methods::inspector::engine_information(abi, inspector, JSON)) }
    }

    /// Layer `index`, as JSON; `None` where there is no such layer.
    pub fn layer_json(&self, index: usize) -> Option<String> {
        if index >= self.engine.layer_count() {
            return None;
        }
        let index = i32::try_from(index).ok()?;
        let (abi, inspector) = (self.engine.abi(), self.inspector.get());
        // SAFETY: the inspector is live and the index below the count; the text is copied before
        // it is asked again.
        Some(unsafe {
            text(methods::inspector::layer_information(
                abi, inspector, index, JSON,
            ))
        })
    }
}
