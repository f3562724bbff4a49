//! Resolves and checks the metadata that describes a network.

use super::written::{ClassReference, WrittenMetadata, shorten};
use super::{MetadataError, OutputForm};
use std::path::Path;

/// Values of std up to this one mean that mean and std are on the scale 0–1.
const UNIT_SCALE_STD: f32 = 1.5;

/// What describes a network besides its sizes: checkpoints and models alike.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelDescription {
    /// Mean of red, green, blue, on the scale 0–255.
    pub mean: [f32; 3],
    /// Standard deviation of red, green, blue, on the scale 0–255.
    pub std: [f32; 3],
    /// Names of the known classes, in the order of the network's columns.
    pub classes: Vec<String>,
    /// Classes one drives on, as indices into `classes`.
    pub road: Vec<usize>,
    /// Classes that mask refinement may suppress, as indices into `classes`.
    pub stuff: Vec<usize>,
    /// Score above which a cell counts as anomalous, where there is one.
    pub threshold: Option<f32>,
}

/// The description of a network with `known` classes from what is `written` in `place`.
///
/// # Errors
/// A value is missing, or does not fit.
pub fn describe(
    place: &Path,
    written: WrittenMetadata,
    known: usize,
) -> Result<ModelDescription, MetadataError> {
    let places = MetadataPaths {
        model: Path::new(""),
        sidecar: place,
    };
    places.describe(WrittenMetadata::default(), written, known, true)
}

/// A value and the file it came from.
type MetadataOrigin<'a, T> = (T, &'a Path);

/// The places that metadata come from.
pub(super) struct MetadataPaths<'a> {
    pub model: &'a Path,
    pub sidecar: &'a Path,
}

impl<'a> MetadataPaths<'a> {
    /// The value, and where it was found first.
    pub(super) fn pick<T>(
        &self,
        inside: Option<T>,
        sidecar: Option<T>,
    ) -> Option<MetadataOrigin<'a, T>> {
        inside
            .map(|v| (v, self.model))
            .or(sidecar.map(|v| (v, self.sidecar)))
    }

    fn invalid(&self, place: &Path, key: &str, reason: String) -> MetadataError {
        let prefix = if place == self.model { "unmask." } else { "" };
        MetadataError::Value {
            place: place.to_path_buf(),
            key: format!("{prefix}{key}"),
            reason,
        }
    }

    /// The description of a network with `known` classes; `masks`: it classifies masks.
    pub(super) fn describe(
        &self,
        inside: WrittenMetadata,
        sidecar: WrittenMetadata,
        known: usize,
        masks: bool,
    ) -> Result<ModelDescription, MetadataError> {
        let mean = self.pick(inside.mean, sidecar.mean);
        let std = self.pick(inside.std, sidecar.std);
        let classes = self.pick(inside.classes, sidecar.classes);
        let road = self.pick(inside.road, sidecar.road);
        let mut stuff = self.pick(inside.stuff, sidecar.stuff);
        if !masks {
            // A per-pixel model has no masks to refine with: it need not say what is stuff.
            stuff = stuff.or(Some((Vec::new(), self.model)));
        }
        let missing: Vec<String> = [
            ("unmask.mean", mean.is_none()),
            ("unmask.std", std.is_none()),
            ("unmask.classes", classes.is_none()),
            ("unmask.road", road.is_none()),
            ("unmask.stuff", stuff.is_none()),
        ]
        .into_iter()
        .filter(|(_, gone)| *gone)
        .map(|(key, _)| key.to_string())
        .collect();
        let (Some(mean), Some(std), Some(classes), Some(road), Some(stuff)) =
            (mean, std, classes, road, stuff)
        else {
            return Err(MetadataError::Missing {
                model: self.model.to_path_buf(),
                sidecar: self.sidecar.to_path_buf(),
                missing,
            });
        };
        let (mean, std) = self.colours(mean, std)?;
        let classes = self.classes(classes, known)?;
        Ok(ModelDescription {
            mean,
            std,
            road: self.indices("road", road, &classes, 1)?,
            stuff: self.indices("stuff", stuff, &classes, 0)?,
            threshold: self.threshold(self.pick(inside.threshold, sidecar.threshold))?,
            classes,
        })
    }

    fn colours(
        &self,
        mean: MetadataOrigin<'_, Vec<f32>>,
        std: MetadataOrigin<'_, Vec<f32>>,
    ) -> Result<([f32; 3], [f32; 3]), MetadataError> {
        let three = |key: &str, (values, place): MetadataOrigin<'_, Vec<f32>>| {
            <[f32; 3]>::try_from(values.as_slice())
                .ok()
                .filter(|v| v.iter().all(|x| x.is_finite()))
                .ok_or_else(|| {
                    self.invalid(place, key, "expected three finite numbers (RGB)".into())
                })
        };
        let std_place = std.1;
        let (mean, std) = (three("mean", mean)?, three("std", std)?);
        if std.iter().any(|&s| s <= 0.0) {
            let reason = format!("{std:?}: every value must lie above 0");
            return Err(self.invalid(std_place, "std", reason));
        }
        let unit = std.iter().all(|&s| s <= UNIT_SCALE_STD);
        let scale = if unit { 255.0 } else { 1.0 };
        Ok((mean.map(|v| v * scale), std.map(|v| v * scale)))
    }

    fn classes(
        &self,
        (classes, place): MetadataOrigin<'_, Vec<String>>,
        known: usize,
    ) -> Result<Vec<String>, MetadataError> {
        if classes.len() != known {
            let reason = format!("{} names, but the network knows {known}", classes.len());
            return Err(self.invalid(place, "classes", reason));
        }
        for (i, name) in classes.iter().enumerate() {
            if name.trim().is_empty() || classes[..i].contains(name) {
                let reason = format!("name {i} (`{name}`) is empty or stands there twice");
                return Err(self.invalid(place, "classes", reason));
            }
        }
        Ok(classes)
    }

    fn indices(
        &self,
        key: &str,
        (wanted, place): MetadataOrigin<'_, Vec<ClassReference>>,
        classes: &[String],
        least: usize,
    ) -> Result<Vec<usize>, MetadataError> {
        let mut indices = Vec::with_capacity(wanted.len());
        for class in wanted {
            let found = match &class {
                ClassReference::Index(i) => (*i < classes.len()).then_some(*i),
                ClassReference::Name(name) => classes.iter().position(|c| c == name),
            };
            let Some(index) = found else {
                let shown = match class {
                    ClassReference::Index(i) => i.to_string(),
                    ClassReference::Name(name) => name,
                };
                let reason = format!(
                    "`{}` is none of the {} classes: {}",
                    shorten(&shown),
                    classes.len(),
                    shorten(&classes.join(", "))
                );
                return Err(self.invalid(place, key, reason));
            };
            if !indices.contains(&index) {
                indices.push(index);
            }
        }
        if indices.len() < least {
            return Err(self.invalid(place, key, "expected at least one class".into()));
        }
        indices.sort_unstable();
        Ok(indices)
    }

    /// Column of "no object" of a mask model.
    pub(super) fn no_object(
        &self,
        value: Option<MetadataOrigin<'_, usize>>,
        output: OutputForm,
    ) -> Result<Option<usize>, MetadataError> {
        match (value, output) {
            (Some((column, place)), OutputForm::Mask { known, .. }) if column > known => {
                let reason = format!("{column}, but the class logits have {} columns", known + 1);
                Err(self.invalid(place, "no_object", reason))
            }
            (Some((_, place)), OutputForm::Pixel { .. }) => Err(self.invalid(
                place,
                "no_object",
                "only mask models have such a column; take the key out".into(),
            )),
            (value, OutputForm::Mask { known, .. }) => Ok(Some(value.map_or(known, |v| v.0))),
            _ => Ok(None),
        }
    }

    fn threshold(
        &self,
        value: Option<MetadataOrigin<'_, f32>>,
    ) -> Result<Option<f32>, MetadataError> {
        match value {
            Some((t, place)) if !t.is_finite() => {
                Err(self.invalid(place, "threshold", format!("{t} is not a finite number")))
            }
            other => Ok(other.map(|(t, _)| t)),
        }
    }
}
