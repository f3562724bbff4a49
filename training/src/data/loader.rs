//! Batches, made ahead of the training step.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::{Augment, DataError, Example, Mixture, Normalise, Outlier, Paste, Rng, make_example};

/// What a training step consumes.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
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
pub trait Provider: Send + Sync {
    /// Examples in a batch.
    fn batch_size(&self) -> usize;

    /// Width and height of every example, px.
    fn size(&self) -> (usize, usize);

    /// Example `slot` of step `step`; the same for the same three numbers.
    ///
    /// # Errors
    /// Whatever is wrong with the data.
    fn example(&self, seed: u64, step: u64, slot: usize) -> Result<Example, DataError>;
}

/// Everything that makes an example: the usual [`Provider`].
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Where samples come from.
    pub mixture: Mixture,
    /// How examples are cut.
    pub augment: Augment,
    /// Whether and how objects are pasted; `None` in the closed-set stage.
    pub paste: Option<(Paste, Arc<[Outlier]>)>,
    /// Normalisation of the network.
    pub normalise: Normalise,
    /// Examples in a batch.
    pub batch_size: usize,
}

impl Recipe {
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
            if let Some(id) = paste.ground.iter().find(|&&id| usize::from(id) >= classes) {
                return Err(DataError::Setting {
                    name: "paste.ground",
                    what: format!("{id} is no train id; there are {classes} classes"),
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

impl Provider for Recipe {
    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn size(&self) -> (usize, usize) {
        self.augment.crop
    }

    fn example(&self, seed: u64, step: u64, slot: usize) -> Result<Example, DataError> {
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

/// Makes batches on threads of its own, one batch ahead.
///
/// Batch `n` depends on the provider, the seed and `n` only: not on the number of threads, and not
/// on which batches were asked for before.
pub struct Loader {
    provider: Arc<dyn Provider>,
    seed: u64,
    pool: rayon::ThreadPool,
    ahead: Mutex<Option<(u64, Receiver<Result<Batch, DataError>>)>>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// A loader with `threads` threads of its own (at least one).
    ///
    /// # Errors
    /// [`DataError::Setting`] where the system gives no threads.
    pub fn new(
        provider: impl Provider + 'static,
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
    pub fn batch(&self, step: u64) -> Result<Batch, DataError> {
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

    fn start(&self, step: u64) -> Receiver<Result<Batch, DataError>> {
        let (out, coming) = sync_channel(1);
        let (provider, seed) = (Arc::clone(&self.provider), self.seed);
        self.pool.spawn(move || {
            // Nobody may want it any more; then it is dropped.
            let _ = out.send(gather(provider.as_ref(), seed, step));
        });
        coming
    }
}

fn gather(provider: &dyn Provider, seed: u64, step: u64) -> Result<Batch, DataError> {
    let n = provider.batch_size();
    let (w, h) = provider.size();
    // Every slot ends before the first error is taken, so that it does not depend on timing.
    let made: Vec<Result<Example, DataError>> = (0..n)
        .into_par_iter()
        .map(|slot| provider.example(seed, step, slot))
        .collect();
    let mut batch = Batch {
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
