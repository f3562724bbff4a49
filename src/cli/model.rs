//! Opening the model that a subcommand was given.

use super::score_kind::ScoreKind;
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use unmask_engine::{Engine, EngineOptions, find_model};
use unmask_frame::Size;
use unmask_graph::export::write_checked;

/// `model`, or the shipped one.
pub(super) fn path(model: Option<&Path>) -> anyhow::Result<PathBuf> {
    Ok(match model {
        Some(model) => model.to_owned(),
        None => find_model()?,
    })
}

/// Opens `model`, or the shipped one. A model's size is fixed when it is exported: another `size`
/// is refused with the way to get it. `score` must fit the model.
pub(super) fn open(
    model: Option<&Path>,
    size: Option<Size>,
    threads: usize,
    score: Option<ScoreKind>,
) -> anyhow::Result<Engine> {
    let model = path(model)?;
    let mut engine = Engine::open(&model, EngineOptions { threads })?;
    if let Some(kind) = score {
        kind.apply_to(&mut engine)?;
    }
    let input = engine.model_metadata().input;
    if let Some(wanted) = size {
        ensure!(
            wanted == input,
            "--size {}x{} does not fit: the model {} is fixed at {}x{} (height x width). Export \
             it again: unmask export --size {0}x{1}",
            wanted.h,
            wanted.w,
            model.display(),
            input.h,
            input.w
        );
    }
    Ok(engine)
}

/// Writes a model file that the engine takes: it is opened where it lies, as a user's next command
/// opens it, before it gets its name.
pub(super) fn write(out: &Path, bytes: &[u8], options: EngineOptions) -> anyhow::Result<()> {
    write_checked(out, bytes, |file| {
        let opened = Engine::open(file, options);
        opened.map(drop).with_context(|| {
            format!(
                "{} is not written, since the engine does not take it",
                out.display()
            )
        })
    })
}

/// Reads `HxW`: any size a model may have been exported at.
pub(super) fn parse_size(text: &str) -> Result<Size, String> {
    let sides = text.split_once(['x', 'X']).and_then(|(h, w)| {
        let (h, w) = (h.parse().ok()?, w.parse().ok()?);
        (h > 0 && w > 0).then_some(Size::new(w, h))
    });
    sides.ok_or_else(|| format!("'{text}' is not HEIGHTxWIDTH, for example 256x512"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_height_by_width() {
        assert_eq!(parse_size("256x512"), Ok(Size::new(512, 256)));
        for bad in ["256", "0x512", "256x", "ax1", "1x2x3", "-1x2"] {
            assert!(
                parse_size(bad).unwrap_err().contains("HEIGHTxWIDTH"),
                "{bad}"
            );
        }
    }
}
