//! What happens to a camera while its frames are read.

use tracing::{info, warn};

/// Something that happened to a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEvent {
    /// One word for what it is about.
    pub reason: &'static str,
    /// What happened; it may hold text of the device.
    pub text: String,
    /// Whether it is a fault; else it works again, or a property became known.
    pub is_fault: bool,
}

impl SourceEvent {
    /// Logs it: a fault as a warning.
    pub fn log(&self) {
        match self.is_fault {
            true => warn!("{}", self.text),
            false => info!("{}", self.text),
        }
    }
}
