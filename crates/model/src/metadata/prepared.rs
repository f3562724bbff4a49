//! Metadata of a prepared graph: its score, and the camera frames that it reads.

use super::{MetadataError, list, shorten};
use crate::camera_input::{CameraInput, FrameFormat, FrameView};
use clap::ValueEnum;
use std::path::Path;
use unmask_frame::Size;
use unmask_score::PixelScore;

/// How a prepared graph computes its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreHead {
    /// From masks, with refinement.
    MaskRefined,
    /// From masks, without refinement.
    Mask,
    /// From the logits of a per-pixel network.
    Pixel(PixelScore),
}

impl std::fmt::Display for ScoreHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MaskRefined => f.write_str("mask-refined"),
            Self::Mask => f.write_str("mask"),
            Self::Pixel(kind) => kind.fmt(f),
        }
    }
}

impl std::str::FromStr for ScoreHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "mask-refined" => Ok(Self::MaskRefined),
            "mask" => Ok(Self::Mask),
            kind => PixelScore::from_str(kind, false).map(Self::Pixel),
        }
    }
}

/// What only a prepared graph says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreparedMetadata {
    /// How the score was computed inside the graph.
    pub head: ScoreHead,
    /// The camera frames that the graph takes.
    pub camera: CameraInput,
    /// Size of the network's input, px.
    pub input: Size,
}

/// Reads what a prepared graph says of itself; `None` where it is not a prepared graph.
///
/// # Errors
/// A key is missing or its value invalid.
pub fn prepared<'a>(
    model: &Path,
    get: impl Fn(&str) -> Option<&'a str>,
) -> Result<Option<PreparedMetadata>, MetadataError> {
    let bad = |key: &str, reason: String| MetadataError::Value {
        place: model.to_path_buf(),
        key: key.to_string(),
        reason: format!("{reason}; write the file again with `unmask prepare`"),
    };
    let Some(head) = get("unmask.head") else {
        return Ok(None);
    };
    let head = head.parse().map_err(|_| {
        bad(
            "unmask.head",
            format!("`{}` is not a score head", shorten(head)),
        )
    })?;
    let text = |key: &str| get(key).ok_or_else(|| bad(key, "it is missing".into()));
    fn named<T: ValueEnum>(text: &str) -> Option<T> {
        T::from_str(text, false).ok()
    }
    let value = |key: &str| text(key).map(|text| (key.to_string(), text));
    let unknown =
        |(key, text): (String, &str)| bad(&key, format!("`{}` is unknown", shorten(text)));
    macro_rules! choice {
        ($key:literal) => {{
            let found = value($key)?;
            named(found.1).ok_or_else(|| unknown(found))?
        }};
    }
    let size = |key: &str| {
        let found = value(key)?;
        size_of(found.1).ok_or_else(|| unknown(found))
    };
    let view = value("unmask.input.view")?;
    let [x, y, w, h] = list::<usize>(view.1, |s| s.parse().ok())
        .and_then(|numbers| <[usize; 4]>::try_from(numbers).ok())
        .ok_or_else(|| unknown(view))?;
    let format = FrameFormat {
        pixels: choice!("unmask.input.format"),
        size: size("unmask.input.size")?,
        matrix: choice!("unmask.input.matrix"),
        range: choice!("unmask.input.range"),
    };
    let inside = |from: usize, part: usize, all: usize| {
        part > 0 && from.checked_add(part).is_some_and(|end| end <= all)
    };
    if !inside(x, w, format.size.w) || !inside(y, h, format.size.h) {
        let reason = format!("[{x}, {y}, {w}, {h}] lies outside {}", format.size);
        return Err(bad("unmask.input.view", reason));
    }
    Ok(Some(PreparedMetadata {
        head,
        camera: CameraInput {
            format,
            fit: choice!("unmask.input.fit"),
            view: FrameView {
                x,
                y,
                size: Size::new(w, h),
            },
        },
        input: size("unmask.size")?,
    }))
}

/// Reads `HxW`, each side from 1 to 65535.
fn size_of(text: &str) -> Option<Size> {
    let (h, w) = text.split_once('x')?;
    let (h, w) = (h.parse::<u16>().ok()?, w.parse::<u16>().ok()?);
    (h > 0 && w > 0).then(|| Size::new(w.into(), h.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColourMatrix, ColourRange, FrameFit, PixelFormat};

    const WHOLE: [(&str, &str); 8] = [
        ("unmask.head", "mask-refined"),
        ("unmask.size", "256x512"),
        ("unmask.input.format", "nv12"),
        ("unmask.input.size", "720x1280"),
        ("unmask.input.fit", "crop"),
        ("unmask.input.matrix", "bt709"),
        ("unmask.input.range", "full"),
        ("unmask.input.view", "[0, 40, 1280, 640]"),
    ];

    fn read(pairs: &[(&str, &str)]) -> Result<Option<PreparedMetadata>, MetadataError> {
        prepared(Path::new("/m/net.onnx"), |key| {
            pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
        })
    }

    #[test]
    fn every_fact_is_read() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&WHOLE[1..]).unwrap(), None, "no head: not prepared");
        let metadata = read(&WHOLE).unwrap().unwrap();
        assert_eq!(metadata.head, ScoreHead::MaskRefined);
        assert_eq!(metadata.input, Size::new(512, 256));
        let CameraInput { format, fit, view } = metadata.camera;
        assert_eq!(fit, FrameFit::Crop);
        assert_eq!(
            format,
            FrameFormat {
                pixels: PixelFormat::Nv12,
                size: Size::new(1280, 720),
                matrix: ColourMatrix::Bt709,
                range: ColourRange::Full,
            }
        );
        assert_eq!((view.x, view.y, view.size), (0, 40, Size::new(1280, 640)));
    }

    #[test]
    fn a_missing_or_wrong_fact_is_named() {
        for (key, _) in &WHOLE[1..] {
            let without: Vec<_> = WHOLE.iter().copied().filter(|p| p.0 != *key).collect();
            let error = read(&without).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("missing"), "{error}");
            for wrong in ["", "nonsense", "[0, 100, 1280, 640]", "0x0"] {
                let changed: Vec<_> = WHOLE
                    .iter()
                    .map(|&(k, v)| (k, if k == *key { wrong } else { v }))
                    .collect();
                let error = read(&changed).unwrap_err().to_string();
                assert!(error.contains(key) && error.contains("net.onnx"), "{error}");
            }
        }
        let error = read(&[("unmask.head", "guess")]).unwrap_err().to_string();
        assert!(error.contains("`guess` is not a score head"), "{error}");
    }

    #[test]
    fn heads_are_written_as_they_are_read() {
        use PixelScore::{Entropy, MaxLogit, MaxSoftmax};
        for head in [ScoreHead::Mask, ScoreHead::MaskRefined]
            .into_iter()
            .chain([MaxSoftmax, MaxLogit, Entropy].map(ScoreHead::Pixel))
        {
            assert_eq!(head.to_string().parse(), Ok(head));
        }
    }
}
