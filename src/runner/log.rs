//! What a run logs, and at which level. Nothing is logged per frame above `trace`.

use crate::health::blind::BlindChange;
use crate::pipeline::RunEvent;
use crate::source::SourceUri;
use std::path::Path;
use tracing::{debug, info, trace, warn};
use unmask_engine::Engine;

pub(super) fn waiting_for(source: &SourceUri) {
    info!("{source} is not there yet: waiting for it");
}

pub(super) fn opened_model(model: &Path, engine: &Engine) {
    debug!(
        "opened the model {}: engine {}, {}, {} threads",
        model.display(),
        engine.name(),
        engine.precision(),
        engine.threads()
    );
}

/// Logs `event` at its level.
pub(super) fn event(event: &RunEvent<'_>) {
    match event {
        RunEvent::Frame => trace!("frame finished"),
        RunEvent::Bad(frame) => warn!("bad frame {frame}"),
        RunEvent::Host(change) if change.begins => warn!("{change}"),
        RunEvent::Host(change) => info!("{change}"),
        RunEvent::Camera(event) => event.log(),
        RunEvent::Clock(text) => warn!("{text}"),
        RunEvent::Health(change @ BlindChange::Raised(_)) => warn!("{change}"),
        RunEvent::Health(change @ BlindChange::Cleared(_)) => info!("{change}"),
    }
}
