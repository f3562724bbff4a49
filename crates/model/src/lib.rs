//! What is known about a segmentation model besides its graph: the names of its inputs and
//! outputs, its metadata, the camera formats that a prepared graph takes, and the filter that
//! resizes pictures for it.
#![forbid(unsafe_code)]

mod camera_input;
mod facts;
mod filter;
mod names;

pub use camera_input::{CameraInput, Fit, FrameFormat, Matrix, PixelFormat, Range, View, name_of};
pub use facts::{
    Class, Description, Facts, FactsError, Head, Measured, Output, OutputNames, PreparedFacts,
    Written, describe, prepared, settle,
};
pub use filter::Axis;
pub use names::{ANOMALY, CLASSES, FRAME, LogitNames, ModelNames, QUERY_EMBEDDING};
