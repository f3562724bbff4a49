//! The time of each block of the network.

use super::report::Layer;
use crate::cli::run::watch::RunResult;
use unmask_drive::{Drive, DriveSettings};
use unmask_graph::layers;

/// Measures each block `passes` times; none for no pass. Where that cannot be measured, the rest
/// of the profile still can.
pub(super) fn measure(passes: usize, seen: &RunResult) -> Option<Vec<Layer>> {
    if passes == 0 {
        return None;
    }
    let (_, _, threads) = seen.engine();
    let measured = Drive::new(DriveSettings::default())
        .map_err(|e| e.to_string())
        .and_then(|drive| {
            let picture = drive.scene(0).picture;
            layers::measure(seen.model(), seen.facts(), &picture, threads, passes)
                .map_err(|e| e.to_string())
        });
    match measured {
        Ok(layers) => Some(layers.into_iter().map(Layer::from).collect()),
        Err(reason) => {
            eprintln!("unmask: the times of the network's blocks are left out: {reason}");
            None
        }
    }
}
