//! Numbers of the classes, by name.

pub(super) const BUILDING: u8 = 1;
pub(super) const POLE: u8 = 2;
pub(super) const TREE: u8 = 5;
pub(super) const SIGN: u8 = 6;
pub(super) const FENCE: u8 = 7;
pub(super) const CAR: u8 = 8;
pub(super) const PEDESTRIAN: u8 = 9;
pub(super) const BICYCLIST: u8 = 10;
/// Where something stands that does not belong.
pub(super) const ANOMALY: u8 = 255;
