//! The classes of the known layouts, and the numbers their label files use for them.

use std::path::Path;

use crate::data::{DataError, VOID};

/// The 11 classes of CamVid, in the order of their train ids (Brostow et al. 2009, the common
/// 11-class grouping).
pub const CAMVID_CLASSES: [&str; 11] = [
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
];

/// Train ids of CamVid that things stand on: road, pavement.
pub const CAMVID_GROUND: [u8; 2] = [3, 4];

/// The 19 classes of Cityscapes, in the order of their train ids.
pub use unmask_graph::import::CITYSCAPES as CITYSCAPES_CLASSES;

/// Train ids of Cityscapes that things stand on: road, sidewalk.
pub const CITYSCAPES_GROUND: [u8; 2] = [0, 1];

/// Cityscapes `labelIds` of the 19 train ids (cityscapesScripts, `labels.py`).
const CITYSCAPES_IDS: [u8; 19] = [
    7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
];

/// From a stored value to a train id, or `None` where the value must not occur.
pub(super) type Table = [Option<u8>; 256];

/// Train ids `0..classes` as they are, and 255 as void.
fn train_ids(classes: usize) -> Table {
    let mut table = [None; 256];
    for (id, slot) in (0..=254).zip(&mut table).take(classes) {
        *slot = Some(id);
    }
    table[usize::from(VOID)] = Some(VOID);
    table
}

pub(super) fn camvid_table() -> Table {
    let mut table = train_ids(CAMVID_CLASSES.len());
    table[CAMVID_CLASSES.len()] = Some(VOID);
    table
}

pub(super) fn cityscapes_train_table() -> Table {
    train_ids(CITYSCAPES_CLASSES.len())
}

pub(super) fn cityscapes_id_table() -> Table {
    let mut table = [None; 256];
    table[..34].fill(Some(VOID));
    table[usize::from(VOID)] = Some(VOID);
    for (train, id) in CITYSCAPES_IDS.into_iter().enumerate() {
        table[usize::from(id)] = Some(train as u8);
    }
    table
}

pub(super) fn relabel(
    path: &Path,
    w: usize,
    values: &[u8],
    table: &Table,
    allowed: impl FnOnce() -> String,
) -> Result<Vec<u8>, DataError> {
    let mut wrong = None;
    let labels = values
        .iter()
        .enumerate()
        .map(|(i, &value)| {
            table[usize::from(value)].unwrap_or_else(|| {
                wrong.get_or_insert((i, value));
                VOID
            })
        })
        .collect();
    match wrong {
        None => Ok(labels),
        Some((i, value)) => Err(DataError::LabelValue {
            path: path.to_owned(),
            value,
            x: i % w.max(1),
            y: i / w.max(1),
            allowed: allowed(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_city_class_has_its_own_label_id() {
        let table = cityscapes_id_table();
        for train in 0..19u8 {
            assert_eq!(table.iter().filter(|&&v| v == Some(train)).count(), 1);
        }
    }
}
