//! The engines of a run: the usual one and those of the degrade ladder.

use super::{RunBuilder, RunError};
use crate::config::RunConfig;
use crate::pipeline::DegradeSettings;
use std::path::Path;
use unmask_engine::{Engine, EngineOptions};
use unmask_frame::Picture;
use unmask_model::ModelMetadata;

/// Grey images that an engine computes before the first frame.
const WARM_UP_IMAGES: usize = 3;

/// Opens a model on a thread that has what `[realtime]` asks for: the engine's own threads inherit
/// it, and threads that are started later do not.
pub(super) fn open(model: &Path, config: &RunConfig) -> Result<Engine, RunError> {
    let options = EngineOptions {
        threads: config.model.threads,
    };
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| -> Result<Engine, RunError> {
            config.realtime.enter()?;
            Ok(Engine::open(model, options)?)
        });
        opening.join().unwrap_or_else(|_| {
            Err(RunError::EngineThread {
                model: model.to_path_buf(),
            })
        })
    })
}

/// Runs the engine on grey images, so that its memory and the caches are as they will be.
pub(super) fn warm_up(engine: &mut Engine, refine: bool) -> Result<(), RunError> {
    let grey = Picture::filled(engine.model_metadata().input, [127; 3]);
    for _ in 0..WARM_UP_IMAGES {
        engine.score_at_mask_size(&grey, refine)?;
    }
    Ok(())
}

/// The degrade ladder, with the models that its steps name; a model that several steps name is
/// opened once.
pub(super) fn ladder(
    builder: &RunBuilder,
    usual: &ModelMetadata,
) -> Result<(Option<DegradeSettings>, Vec<Engine>), RunError> {
    let config = &builder.config;
    let mut degrade = config.ladder.degrade();
    let mut engines: Vec<Engine> = Vec::new();
    let mut opened: Vec<&Path> = Vec::new();
    let steps = degrade.iter_mut().flat_map(|degrade| &mut degrade.steps);
    for (step, wanted) in steps.zip(&config.ladder.steps) {
        let Some(model) = &wanted.model else {
            continue;
        };
        let index = match opened.iter().position(|file| *file == model.as_path()) {
            Some(index) => index,
            None => {
                engines.push(open(model, config)?);
                opened.push(model.as_path());
                engines.len() - 1
            }
        };
        let refuse = |reason| RunError::LadderModel {
            step: wanted.name.clone(),
            model: model.clone(),
            reason,
        };
        let metadata = engines[index].model_metadata();
        if metadata.road != usual.road || metadata.classes != usual.classes {
            return Err(refuse(
                "knows other classes than the usual one; a step needs a model of the same classes",
            ));
        }
        let threshold = config.filter.threshold.or(metadata.threshold);
        let threshold = threshold
            .ok_or_else(|| refuse("has no threshold; write unmask.threshold into the model"))?;
        let settings = builder.alert_settings(threshold);
        step.engine = index + 1;
        step.thresholds = Some((settings.threshold, settings.low_threshold));
    }
    Ok((degrade, engines))
}
