//! Batches, made ahead of the training step.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::{
    AugmentSettings, DataError, GROUP, GROUPS_MAX, InputNormalisation, OutlierObject,
    PasteSettings, Rng, SourceMixture, TrainingExample, make_example,
};

/// What a training step consumes.
#[derive(Clone, Debug, PartialEq)]
pub struct ExampleBatch {
    /// The step it belongs to.
    pub step: u64,
    /// Number of examples.
    pub n: usize,
    /// Width, px.
    pub w: usize,
    /// Height, px.
    pub h: usize,
    /// `[n, 3, h, w]`, normalised.
    pub images: Vec<f32>,
    /// `[n, h, w]`, train ids, [`super::VOID`] or [`super::PASTED`].
    pub labels: Vec<u8>,
    /// Names of the `n` samples.
    pub names: Vec<String>,
}

/// Gives the examples of a batch.
pub trait BatchProvider: Send + Sync {
    /// Examples in a batch.
    fn batch_size(&self) -> usize;

    /// Width and height of every example, px.
    fn size(&self) -> (usize, usize);

    /// Example `slot` of step `step`; the same for the same three numbers.
    ///
    /// # Errors
    /// Whatever is wrong with the data.
    fn example(&self, seed: u64, step: u64, slot: usize) -> Result<TrainingExample, DataError>;
}

/// Everything that makes an example: the usual [`BatchProvider`].
#[derive(Clone, Debug)]
pub struct LoaderRecipe {
    /// Where samples come from.
    pub mixture: SourceMixture,
    /// How examples are cut.
    pub augment: AugmentSettings,
    /// Whether and how objects are pasted; `None` in the closed-set stage.
    pub paste: Option<(PasteSettings, Arc<[OutlierObject]>)>,
    /// Normalisation of the network.
    pub normalise: InputNormalisation,
    /// Examples in a batch.
    pub batch_size: usize,
}

impl LoaderRecipe {
    /// Checks all settings.
    ///
    /// # Errors
    /// [`DataError::Setting`] naming the setting.
    pub fn check(&self) -> Result<(), DataError> {
        self.augment.check()?;
        self.normalise.check()?;
        if self.batch_size == 0 {
            return Err(DataError::Setting {
                name: "batch_size",
                what: "must be 1 or more".into(),
            });
        }
        if let Some((paste, outliers)) = &self.paste {
            paste.check()?;
            let classes = self.mixture.classes();
            let is_train_id = |id: u8| {
                usize::from(id) < classes
                    || id
                        .checked_sub(GROUP)
                        .is_some_and(|group| group < GROUPS_MAX)
            };
            if let Some(id) = paste.ground.iter().find(|&&id| !is_train_id(id)) {
                return Err(DataError::Setting {
                    name: "paste.ground",
                    what: format!(
                        "{id} is no train id: classes are 0 to {}, groups {GROUP} to {}",
                        classes - 1,
                        GROUP + GROUPS_MAX - 1
                    ),
                });
            }
            if let Some(outlier) = outliers.iter().find(|o| !o.is_sound()) {
                return Err(DataError::Setting {
                    name: "paste",
                    what: format!("outlier '{}' has a wrong size; read it again", outlier.name),
                });
            }
            if outliers.is_empty() && paste.probability > 0.0 {
                return Err(DataError::Setting {
                    name: "paste",
                    what: "no outlier objects to paste; read some or set probability to 0".into(),
                });
            }
        }
        Ok(())
    }
}

impl BatchProvider for LoaderRecipe {
    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn size(&self) -> (usize, usize) {
        self.augment.crop
    }

    fn example(&self, seed: u64, step: u64, slot: usize) -> Result<TrainingExample, DataError> {
        let draw = step
            .wrapping_mul(self.batch_size as u64)
            .wrapping_add(slot as u64);
        let sample = self.mixture.get(seed, draw)?;
        let paste = self
            .paste
            .as_ref()
            .map(|(paste, outliers)| (paste, outliers.as_ref()));
        let mut rng = Rng::new(&[seed, 3, step, slot as u64]);
        make_example(&sample, &self.augment, paste, &self.normalise, &mut rng)
    }
}

/// A batch under way: its step, and where it will arrive.
type ComingBatches = (u64, Receiver<Result<ExampleBatch, DataError>>);

/// Makes batches on threads of its own, one batch ahead.
///
/// Batch `n` depends on the provider, the seed and `n` only: not on the number of threads, and not
/// on which batches were asked for before.
pub struct BatchLoader {
    provider: Arc<dyn BatchProvider>,
    seed: u64,
    pool: rayon::ThreadPool,
    ahead: Mutex<Option<ComingBatches>>,
}

impl std::fmt::Debug for BatchLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl BatchLoader {
    /// A loader with `threads` threads of its own (at least one).
    ///
    /// # Errors
    /// [`DataError::Setting`] where the system gives no threads.
    pub fn new(
        provider: impl BatchProvider + 'static,
        threads: usize,
        seed: u64,
    ) -> Result<Self, DataError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|i| format!("loader-{i}"))
            // A panic in a provider must end the training step, not the process.
            .panic_handler(|_| ())
            .build()
            .map_err(|e| DataError::Setting {
                name: "threads",
                what: e.to_string(),
            })?;
        Ok(Self {
            provider: Arc::new(provider),
            seed,
            pool,
            ahead: Mutex::new(None),
        })
    }

    /// Batch `step`, and starts on batch `step + 1` in the background.
    ///
    /// # Errors
    /// The first error, in the order of the slots, among the examples of the batch;
    /// [`DataError::Stopped`] where a provider panicked. The next batch can still be asked for.
    pub fn batch(&self, step: u64) -> Result<ExampleBatch, DataError> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let coming = match ahead.take() {
            Some((number, coming)) if number == step => coming,
            // Another step was made ahead (a resumed run, a jump): its result is dropped.
            _ => self.start(step),
        };
        let batch = coming.recv().unwrap_or_else(|_| {
            Err(DataError::Stopped {
                step,
                what: "a provider of samples panicked".into(),
            })
        });
        let next = step.wrapping_add(1);
        *ahead = Some((next, self.start(next)));
        batch
    }

    fn start(&self, step: u64) -> Receiver<Result<ExampleBatch, DataError>> {
        let (out, coming) = sync_channel(1);
        let (provider, seed) = (Arc::clone(&self.provider), self.seed);
        self.pool.spawn(move || {
            // Nobody may want it any more; then it is dropped.
            let _ = out.send(gather(provider.as_ref(), seed, step));
        });
        coming
    }
}

fn gather(provider: &dyn BatchProvider, seed: u64, step: u64) -> Result<ExampleBatch, DataError> {
    let n = provider.batch_size();
    let (w, h) = provider.size();
    // Every slot ends before the first error is taken, so that it does not depend on timing.
    let made: Vec<Result<TrainingExample, DataError>> = (0..n)
        .into_par_iter()
        .map(|slot| provider.example(seed, step, slot))
        .collect();
    let mut batch = ExampleBatch {
        step,
        n,
        w,
        h,
        images: Vec::with_capacity(n * 3 * h * w),
        labels: Vec::with_capacity(n * h * w),
        names: Vec::with_capacity(n),
    };
    for example in made {
        let example = example?;
        if (example.w, example.h) != (w, h)
            || example.image.len() != 3 * w * h
            || example.labels.len() != w * h
        {
            let what = format!("'{}' is not {w}x{h} as its batch", example.name);
            return Err(DataError::Stopped { step, what });
        }
        batch.images.extend_from_slice(&example.image);
        batch.labels.extend_from_slice(&example.labels);
        batch.names.push(example.name);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{LabelledSample, PictureDataset};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use unmask_frame::{Picture, Size};

    fn recipe(batch_size: usize) -> LoaderRecipe {
        let set = PictureDataset::frames("frames", 9, 4, |i| {
            let size = Size::new(40, 30);
            let rgb = (0..size.area_px() * 3)
                .map(|k| (k as u64 * (i + 3) % 251) as u8)
                .collect();
            Ok(LabelledSample {
                name: format!("frame {i}"),
                picture: Picture::new(size, rgb).unwrap(),
                labels: vec![(i % 4) as u8; size.area_px()],
            })
        });
        let outlier = OutlierObject {
            name: "o".into(),
            w: 5,
            h: 5,
            rgb: vec![200; 75],
            alpha: vec![255; 25],
        };
        let paste = PasteSettings {
            probability: 0.5,
            ground: vec![1],
            ..PasteSettings::default()
        };
        LoaderRecipe {
            mixture: SourceMixture::new(vec![(set, 1.0)]).unwrap(),
            augment: AugmentSettings {
                crop: (32, 16),
                ..AugmentSettings::default()
            },
            paste: Some((paste, vec![outlier].into())),
            normalise: InputNormalisation::default(),
            batch_size,
        }
    }

    #[test]
    fn batches_do_not_depend_on_threads_or_on_what_was_asked_before() {
        let one = BatchLoader::new(recipe(4), 1, 7).unwrap();
        let all: Vec<ExampleBatch> = (0..6).map(|step| one.batch(step).unwrap()).collect();
        assert_eq!(all[0].images.len(), 4 * 3 * 16 * 32);
        assert_eq!(
            (all[0].n, all[0].w, all[0].h, all[0].labels.len()),
            (4, 32, 16, 4 * 16 * 32)
        );
        assert_ne!(all[0].images, all[1].images);

        let three = BatchLoader::new(recipe(4), 3, 7).unwrap();
        for step in [4usize, 5, 0, 3, 3] {
            assert_eq!(three.batch(step as u64).unwrap(), all[step], "step {step}");
        }
        let other = BatchLoader::new(recipe(4), 0, 8).unwrap();
        assert_ne!(other.batch(0).unwrap(), all[0]);
    }

    /// Fails in step 1, panics in step 2, gives a wrong size in step 3, counts its calls.
    struct FlakyProvider(Arc<AtomicUsize>);

    impl BatchProvider for FlakyProvider {
        fn batch_size(&self) -> usize {
            3
        }

        fn size(&self) -> (usize, usize) {
            (2, 1)
        }

        fn example(
            &self,
            _seed: u64,
            step: u64,
            slot: usize,
        ) -> Result<TrainingExample, DataError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            match (step, slot) {
                (1, 1 | 2) => Err(DataError::Setting {
                    name: "slot",
                    what: slot.to_string(),
                }),
                (2, 1) => panic!("asked for step 2"),
                _ => Ok(TrainingExample {
                    name: format!("{step}.{slot}"),
                    w: 2,
                    h: 1,
                    image: vec![step as f32; if (step, slot) == (3, 2) { 5 } else { 6 }],
                    labels: vec![slot as u8; 2],
                }),
            }
        }
    }

    #[test]
    fn errors_and_panics_end_their_own_batch_only() {
        let loader = BatchLoader::new(FlakyProvider(Arc::default()), 2, 0).unwrap();
        let first = loader.batch(0).unwrap();
        assert_eq!(first.names, ["0.0", "0.1", "0.2"]);
        assert_eq!(first.labels, [0, 0, 1, 1, 2, 2]);
        let error = loader.batch(1).unwrap_err().to_string();
        assert_eq!(error, "setting slot: 1", "the first slot that failed");
        assert!(matches!(
            loader.batch(2).unwrap_err(),
            DataError::Stopped { step: 2, .. }
        ));
        let error = loader.batch(3).unwrap_err().to_string();
        assert!(error.contains("'3.2' is not 2x1"), "{error}");
        assert_eq!(loader.batch(4).unwrap().images, [4.0; 18]);
    }

    #[test]
    fn the_next_batch_is_made_before_it_is_asked_for() {
        let calls = Arc::new(AtomicUsize::new(0));
        let loader = BatchLoader::new(FlakyProvider(Arc::clone(&calls)), 1, 0).unwrap();
        loader.batch(4).unwrap();
        for _ in 0..500 {
            if calls.load(Ordering::SeqCst) == 6 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!(
            "batch 5 was not started: {} calls",
            calls.load(Ordering::SeqCst)
        );
    }

    #[test]
    fn settings_are_checked_together() {
        assert!(recipe(1).check().is_ok());
        let message = |change: fn(&mut LoaderRecipe)| {
            let mut recipe = recipe(1);
            change(&mut recipe);
            recipe.check().unwrap_err().to_string()
        };
        assert!(message(|r| r.batch_size = 0).contains("batch_size"));
        assert!(message(|r| r.augment.crop.0 = 0).contains("crop"));
        assert!(message(|r| r.normalise.std[1] = 0.0).contains("std"));
        assert!(message(|r| r.paste.as_mut().unwrap().0.ground = vec![4]).contains("no train id"));
        let mut grouped = recipe(1);
        grouped.paste.as_mut().unwrap().0.ground = vec![1, GROUP, GROUP + 1];
        assert!(grouped.check().is_ok());
        assert!(message(|r| r.paste.as_mut().unwrap().0.max_objects = 0).contains("max_objects"));
        assert!(message(|r| r.paste.as_mut().unwrap().1 = Arc::new([])).contains("no outlier"));
        let unsound = message(|r| {
            let outlier = OutlierObject {
                name: "x:1".into(),
                w: 2,
                h: 2,
                rgb: vec![],
                alpha: vec![],
            };
            r.paste.as_mut().unwrap().1 = vec![outlier].into();
        });
        assert!(unsound.contains("x:1"), "{unsound}");
    }
}
