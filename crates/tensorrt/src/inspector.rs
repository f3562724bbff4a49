//! What a loaded plan says about its layers.

use crate::engine::Engine;
use crate::sys::methods;
use crate::sys::object::{Owned, text};

/// `LayerInformationFormat::kJSON`.
const JSON: i32 = 1;

/// Describes the layers of an engine as JSON.
///
/// How much it tells was settled when the plan was built: [`Engine::describes_layers`].
pub struct Inspector {
    inspector: Owned,
    engine: Engine,
}

impl Inspector {
    pub(crate) fn new(engine: Engine, inspector: Owned) -> Self {
        Self { inspector, engine }
    }

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
