//! What is known about a segmentation model besides its graph: the names of its inputs and
//! outputs, its metadata, the camera formats that a prepared graph takes, and the filter that
//! resizes pictures for it.
#![forbid(unsafe_code)]

mod camera_input;
mod filter;
mod metadata;
mod names;

pub use camera_input::{
    CameraInput, ColourMatrix, ColourRange, FrameFit, FrameFormat, FrameView, PixelFormat, name_of,
};
pub use filter::ResizeAxis;
pub use metadata::{
    ClassReference, MeasuredMetadata, MetadataError, ModelDescription, ModelMetadata, OutputForm,
    OutputNames, PreparedMetadata, ScoreHead, WrittenMetadata, describe, prepared, settle,
};
pub use names::{ANOMALY, CLASSES, FRAME, LogitNames, ModelNames, QUERY_EMBEDDING};
