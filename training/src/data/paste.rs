//! Pasting outlier objects into road pictures (Mask2Anomaly, outlier supervision).

mod stamp;

use serde::{Deserialize, Serialize};
use unmask_frame::Size;

use super::{DataError, OutlierObject, Rng};
use stamp::ScaledObject;

/// How objects are pasted. The authors' code pastes at the object's own size anywhere into
/// 2048×1024 pictures; here the size is a share of the picture's height, since pictures and
/// objects come in any size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasteSettings {
    /// Probability that an example gets objects (0.2 in the authors' code).
    pub probability: f32,
    /// If it does: one to so many, all equally likely.
    pub max_objects: usize,
    /// Height of an object, from and to, as a share of the picture's height; log-uniform.
    pub height: (f32, f32),
    /// No object is enlarged more than so many times: it would be a blur.
    pub max_enlarge: f32,
    /// Probability that an object stands with its foot on a ground pixel instead of anywhere.
    pub on_ground: f32,
    /// Train ids of the ground, such as [`super::CAMVID_GROUND`].
    pub ground: Vec<u8>,
    /// Place objects in the part that the crop will show, not in the whole picture.
    pub inside_crop: bool,
    /// Mirror half of the objects.
    pub hflip: bool,
    /// Blend the outermost pixel of an object with what lies behind it.
    pub feather: bool,
    /// How far brightness and contrast of an object move to those around it: 0 not, 1 fully.
    pub match_light: f32,
}

impl Default for PasteSettings {
    fn default() -> Self {
        Self {
            probability: 0.2,
            max_objects: 1,
            height: (0.05, 0.45),
            max_enlarge: 2.0,
            on_ground: 0.5,
            ground: Vec::new(),
            inside_crop: true,
            hflip: true,
            feather: false,
            match_light: 0.0,
        }
    }
}

/// Part of a picture: left, top, right, bottom, px; right and bottom are just outside.
pub(super) type Region = (usize, usize, usize, usize);

/// Widest share of the picture's width an object may take.
const MAX_WIDTH: f64 = 0.9;

impl PasteSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`DataError::Setting`] naming the setting.
    pub fn check(&self) -> Result<(), DataError> {
        let wrong = |name, what: &str| {
            Err(DataError::Setting {
                name,
                what: what.into(),
            })
        };
        let share = |v: f32| (0.0..=1.0).contains(&v);
        if !share(self.probability) || !share(self.on_ground) {
            return wrong(
                "paste.probability, paste.on_ground",
                "a probability is 0 to 1",
            );
        }
        if !share(self.match_light) {
            return wrong("paste.match_light", "must be 0 to 1");
        }
        let (low, high) = self.height;
        if !(low > 0.0 && low <= high && high <= 1.0) {
            return wrong(
                "paste.height",
                "give two shares above 0 and up to 1, low before high",
            );
        }
        if !(self.max_enlarge > 0.0 && self.max_enlarge.is_finite()) {
            return wrong("paste.max_enlarge", "must be above 0");
        }
        if self.max_objects == 0 {
            return wrong(
                "paste.max_objects",
                "must be 1 or more; probability 0 turns pasting off",
            );
        }
        if self.on_ground > 0.0 && self.ground.is_empty() {
            return wrong(
                "paste.ground",
                "list the train ids of the ground, or set on_ground to 0",
            );
        }
        Ok(())
    }

    /// Draws whether and how many objects an example gets.
    pub(super) fn draw_count(&self, rng: &mut Rng) -> usize {
        let on = rng.chance(self.probability);
        let count = 1 + rng.below(self.max_objects);
        if on { count } else { 0 }
    }

    /// Pastes one of `outliers` into the picture, in or on the edge of `region`. Returns the
    /// number of pixels it covers there: 0 where it became too thin.
    pub(super) fn stamp(
        &self,
        rgb: &mut [u8],
        labels: &mut [u8],
        size: Size,
        region: Region,
        outliers: &[OutlierObject],
        rng: &mut Rng,
    ) -> usize {
        let drawn = outliers.get(rng.below(outliers.len()));
        let Some(outlier) = drawn.filter(|o| o.is_sound()) else {
            return 0;
        };
        let flip = rng.chance(0.5) && self.hflip;
        let share = rng.log_between(f64::from(self.height.0), f64::from(self.height.1));
        let ground = rng.chance(self.on_ground);
        let (u, v) = (rng.unit(), rng.unit());

        let scale = (share * size.h as f64 / outlier.h as f64)
            .min(f64::from(self.max_enlarge))
            .min(MAX_WIDTH * size.w as f64 / outlier.w as f64);
        let side = |v: usize| ((v as f64 * scale).round() as usize).max(1);
        let object = ScaledObject::new(
            outlier,
            side(outlier.w),
            side(outlier.h),
            flip,
            self.feather,
        );

        let foot = if ground {
            self.ground_pixel(labels, size, region, u)
        } else {
            None
        };
        let (x, y) = match foot {
            Some((x, y)) => (
                x as i64 - object.w as i64 / 2,
                y as i64 + 1 - object.h as i64,
            ),
            None => {
                // An object larger than the region reaches over it on both sides.
                let (x0, y0, x1, y1) = region;
                let somewhere = |from: usize, to: usize, len: usize, t: f64| {
                    from as i64 + ((to as f64 - from as f64 - len as f64) * t).round() as i64
                };
                (
                    somewhere(x0, x1, object.w, u),
                    somewhere(y0, y1, object.h, v),
                )
            }
        };
        object.put(rgb, labels, size, (x, y), self.match_light)
    }

    /// The pixel that share `u` of all ground pixels in `region` comes before, or `None` where
    /// there is no ground.
    fn ground_pixel(
        &self,
        labels: &[u8],
        size: Size,
        (x0, y0, x1, y1): Region,
        u: f64,
    ) -> Option<(usize, usize)> {
        let mut is_ground = [false; 256];
        for &id in &self.ground {
            is_ground[usize::from(id)] = true;
        }
        let row = |y: usize| &labels[y * size.w + x0..y * size.w + x1];
        let in_row = |y: usize| {
            row(y)
                .iter()
                .filter(|&&v| is_ground[usize::from(v)])
                .count()
        };
        let counts: Vec<usize> = (y0..y1).map(in_row).collect();
        let total: usize = counts.iter().sum();
        let mut left = (u * total as f64) as usize;
        for (y, count) in (y0..y1).zip(counts) {
            if left < count {
                let mut ground = (0..x1 - x0).filter(|&i| is_ground[usize::from(row(y)[i])]);
                return ground.nth(left).map(|i| (x0 + i, y));
            }
            left -= count;
        }
        None
    }
}

#[cfg(test)]
mod tests;
