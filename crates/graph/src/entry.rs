//! Feeds pictures to a graph that runs on the CPU engine.

use rten::{ValueOrView, ValueView};
use rten_tensor::{NdTensorView, TensorView};
use unmask_engine::{FrameEncoder, Preprocessor};
use unmask_frame::Picture;
use unmask_model::ModelMetadata;

/// The way in, with its buffers.
pub(crate) enum GraphEntry {
    /// Resized and normalised: the input's shape.
    Picture([usize; 4], Box<Preprocessor>),
    /// As the bytes of a camera's frame, for a prepared graph.
    Frame(FrameEncoder),
}

impl GraphEntry {
    /// The way into the model that `metadata` describes.
    pub fn new(metadata: &ModelMetadata) -> Self {
        match &metadata.camera {
            Some(camera) => Self::Frame(FrameEncoder::new(camera.format)),
            None => Self::Picture(
                [1, 3, metadata.input.h, metadata.input.w],
                Box::new(Preprocessor::new(
                    metadata.input,
                    metadata.mean,
                    metadata.std,
                )),
            ),
        }
    }

    /// `picture` as the graph's input; `None` for one without pixels.
    pub fn value(&mut self, picture: &Picture) -> Option<ValueOrView<'_>> {
        Some(match self {
            Self::Picture(shape, preparer) => {
                let values = preparer.run(picture)?;
                ValueView::from(NdTensorView::from_data(*shape, values).as_dyn()).into()
            }
            Self::Frame(frames) => {
                let shape = frames.format().shape();
                let bytes = frames.encode(picture)?;
                ValueView::from(TensorView::from_data(shape.as_slice(), bytes)).into()
            }
        })
    }
}
