//! The time of each block of the network.

use super::report::Layer;
use crate::runner::FinishedRun;
use tracing::warn;
use unmask_drive::{Drive, DriveSettings};
use unmask_graph::layers;

/// Measures each block `passes` times; none for no pass. Where that cannot be measured, the rest
/// of the profile still can.
pub(super) fn measure(passes: usize, finished: &FinishedRun) -> Option<Vec<Layer>> {
    if passes == 0 {
        return None;
    }
    let threads = finished.engine().threads;
    let measured = Drive::new(DriveSettings::default())
        .map_err(|e| e.to_string())
        .and_then(|drive| {
            let picture = drive.scene(0).picture;
            layers::measure(
                finished.model(),
                finished.metadata(),
                &picture,
                threads,
                passes,
            )
            .map_err(|e| e.to_string())
        });
    match measured {
        Ok(layers) => Some(layers.into_iter().map(Layer::from).collect()),
        Err(reason) => {
            warn!("the times of the network's blocks are left out: {reason}");
            None
        }
    }
}
