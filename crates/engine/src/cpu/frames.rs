//! Pictures as camera frames, and a prepared graph's maps as maps of the whole frame.

use crate::Preprocessor;
use unmask_frame::{LabelMap, Picture, ScoreMap, Size};
use unmask_model::{CameraInput, FrameFormat};
use unmask_score::ScoredFrame;

/// Turns pictures into the bytes of a frame.
pub struct FrameEncoder {
    format: FrameFormat,
    resize: Preprocessor,
    bytes: Vec<u8>,
}

impl FrameEncoder {
    /// Frames of `format`.
    pub fn new(format: FrameFormat) -> Self {
        Self {
            format,
            resize: Preprocessor::new(format.size, [0.0; 3], [1.0; 3]),
            bytes: Vec::new(),
        }
    }

    /// The format of the frames.
    pub fn format(&self) -> &FrameFormat {
        &self.format
    }

    /// The bytes of a frame that shows `picture`, resized to the frame's size where it has
    /// another. `None` for a picture without pixels.
    pub fn encode(&mut self, picture: &Picture) -> Option<&[u8]> {
        self.bytes = if picture.size() == self.format.size {
            self.format.encode(picture)?
        } else {
            let planes = self.resize.run(picture)?;
            let area = self.format.size.area_px();
            let (red, rest) = planes.split_at(area);
            let (green, blue) = rest.split_at(area);
            let colours = red.iter().zip(green).zip(blue);
            let rgb = colours.flat_map(|((r, g), b)| [*r, *g, *b].map(|v| v.round() as u8));
            let picture = Picture::new(self.format.size, rgb.collect())?;
            self.format.encode(&picture)?
        };
        Some(&self.bytes)
    }
}

/// Refuses maps with scores that are no numbers, or with classes that the model does not know.
pub(super) fn check(scored: &ScoredFrame, known: usize) -> Result<(), String> {
    if let Some(at) = scored.score.data().iter().position(|v| !v.is_finite()) {
        return Err(format!(
            "its map holds {} at cell {at}: the model is damaged or its input is far from what it \
             was trained on",
            scored.score.data()[at]
        ));
    }
    let classes = scored.classes.data();
    match classes.iter().find(|&&c| usize::from(c) >= known) {
        Some(class) => Err(format!("it gave class {class}, but knows {known}")),
        None => Ok(()),
    }
}

/// A map of the part of the frame that the graph sees, as a map of the whole frame: as fine, each
/// cell the nearest one of the part; 0 and class 0 where the graph sees nothing.
pub(super) fn spread(scored: &ScoredFrame, camera: &CameraInput) -> ScoredFrame {
    let (frame, view) = (camera.format.size, camera.view);
    if view.size == frame {
        return scored.clone();
    }
    let part = scored.score.size();
    let cells = |all: usize, seen: usize, cells: usize| (all * cells + seen / 2) / seen;
    let whole = Size::new(
        cells(frame.w, view.size.w, part.w).max(1),
        cells(frame.h, view.size.h, part.h).max(1),
    );
    // Which cell of the part the middle of each cell of the whole lies in.
    let places = |whole: usize, frame: usize, from: usize, seen: usize, part: usize| {
        let places = (0..whole).map(move |i| {
            let px = (i as f64 + 0.5) * frame as f64 / whole as f64 - from as f64;
            let inside = px >= 0.0 && px < seen as f64;
            inside.then(|| ((px * part as f64 / seen as f64) as usize).min(part - 1))
        });
        places.collect::<Vec<Option<usize>>>()
    };
    let columns = places(whole.w, frame.w, view.x, view.size.w, part.w);
    let rows = places(whole.h, frame.h, view.y, view.size.h, part.h);
    let mut score = vec![0.0f32; whole.area_px()];
    let mut classes = vec![0u8; whole.area_px()];
    let lines = score
        .chunks_exact_mut(whole.w)
        .zip(classes.chunks_exact_mut(whole.w));
    for ((score, classes), row) in lines.zip(rows) {
        let Some(y) = row else { continue };
        for ((score, class), column) in score.iter_mut().zip(classes).zip(&columns) {
            if let Some(x) = *column {
                *score = scored.score.at(x, y);
                *class = scored.classes.at(x, y);
            }
        }
    }
    let own = "maps of their own size";
    ScoredFrame {
        score: ScoreMap::new(whole, score).expect(own),
        classes: LabelMap::new(whole, classes).expect(own),
        qualified: scored.qualified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_model::{ColourMatrix, ColourRange, FrameFit, FrameView, PixelFormat};

    fn format(size: Size) -> FrameFormat {
        FrameFormat {
            pixels: PixelFormat::Bgr24,
            size,
            matrix: ColourMatrix::Bt601,
            range: ColourRange::Full,
        }
    }

    fn maps(size: Size) -> ScoredFrame {
        let cells = 0..size.area_px();
        ScoredFrame {
            score: ScoreMap::new(size, cells.clone().map(|i| i as f32 + 1.0).collect()).unwrap(),
            classes: LabelMap::new(size, cells.map(|i| i as u8 % 3).collect()).unwrap(),
            qualified: 0,
        }
    }

    #[test]
    fn a_picture_of_another_size_is_resized_and_rounded() {
        let mut frames = FrameEncoder::new(format(Size::new(2, 1)));
        let picture = Picture::new(Size::new(4, 1), [10, 20, 30, 11, 20, 30].repeat(2)).unwrap();
        let bytes = frames.encode(&picture).unwrap();
        assert_eq!((bytes.len(), &bytes[..2]), (6, &[30, 20][..]));
        assert!([10, 11].contains(&bytes[2]));
        let exact = Picture::new(Size::new(2, 1), vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(frames.encode(&exact).unwrap(), [3, 2, 1, 6, 5, 4]);
        assert!(
            frames
                .encode(&Picture::filled(Size::new(0, 0), [0; 3]))
                .is_none()
        );
    }

    #[test]
    fn a_crop_lies_where_it_was_cut() {
        let camera = CameraInput {
            format: format(Size::new(80, 40)),
            fit: FrameFit::Crop,
            view: FrameView {
                x: 20,
                y: 0,
                size: Size::new(40, 40),
            },
        };
        let whole = spread(&maps(Size::new(4, 4)), &camera);
        assert_eq!(whole.score.size(), Size::new(8, 4));
        assert_eq!(whole.score.row(1), [0.0, 0.0, 5.0, 6.0, 7.0, 8.0, 0.0, 0.0]);
        assert_eq!(whole.classes.row(0), [0, 0, 0, 1, 2, 0, 0, 0]);
    }

    #[test]
    fn a_whole_view_is_left_alone() {
        let size = Size::new(80, 40);
        let camera = CameraInput {
            format: format(size),
            fit: FrameFit::Stretch,
            view: FrameView { x: 0, y: 0, size },
        };
        let part = maps(Size::new(5, 3));
        assert_eq!(spread(&part, &camera), part);
    }

    #[test]
    fn bad_maps_are_refused() {
        let mut scored = maps(Size::new(3, 1));
        assert!(check(&scored, 3).is_ok());
        let error = check(&scored, 2).unwrap_err();
        assert!(error.contains("class 2"), "{error}");
        scored.score.data_mut()[1] = f32::NAN;
        let error = check(&scored, 3).unwrap_err();
        assert!(error.contains("NaN at cell 1"), "{error}");
    }
}
