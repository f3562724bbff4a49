//! Pasting outlier objects into road pictures (Mask2Anomaly, outlier supervision).

use serde::{Deserialize, Serialize};
use unmask::frame::Size;

use super::resample::{self, Window};
use super::{DataError, Outlier, PASTED, Rng};

/// How objects are pasted. The authors' code pastes at the object's own size anywhere into
/// 2048×1024 pictures; here the size is a share of the picture's height, since pictures and
/// objects come in any size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paste {
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

impl Default for Paste {
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

impl Paste {
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
        outliers: &[Outlier],
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
        let object = Scaled::new(
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

/// An object at the size it is pasted in.
struct Scaled {
    w: usize,
    h: usize,
    /// RGB of the object, 0 to 255, and the share it covers of the pixel, 0 where it is not.
    pixels: Vec<([f32; 3], f32)>,
}

impl Scaled {
    fn new(outlier: &Outlier, w: usize, h: usize, flip: bool, feather: bool) -> Self {
        // Colours count as much as the object covers them, or its old surroundings would bleed in.
        let mut source = Vec::with_capacity(outlier.alpha.len() * 4);
        for (rgb, &alpha) in outlier.rgb.chunks_exact(3).zip(&outlier.alpha) {
            let on = if alpha >= 128 { 255 } else { 0 };
            source.extend(rgb.iter().map(|&v| v & on));
            source.push(on);
        }
        let window = Window {
            source: (outlier.w, outlier.h),
            resized: (w, h),
            offset: (0, 0),
            size: (w, h),
        };
        let resized = resample::bilinear::<4>(&source, &window);
        let mut pixels = Vec::with_capacity(w * h);
        for line in resized.chunks_exact(w * 4) {
            let one = |p: &[f32]| {
                let share = p[3] / 255.0;
                // A hard edge: half covered or more is object, the rest is not.
                if share < 0.5 {
                    return ([0.0; 3], 0.0);
                }
                ([p[0] / share, p[1] / share, p[2] / share], 1.0)
            };
            if flip {
                pixels.extend(line.rchunks_exact(4).map(one));
            } else {
                pixels.extend(line.chunks_exact(4).map(one));
            }
        }
        if feather {
            feather_edge(&mut pixels, w, h);
        }
        Self { w, h, pixels }
    }

    /// Puts the object with its top left at `at`; parts outside are cut off.
    fn put(
        &self,
        rgb: &mut [u8],
        labels: &mut [u8],
        size: Size,
        at: (i64, i64),
        match_light: f32,
    ) -> usize {
        let (gain, middle, shift) = if match_light > 0.0 {
            self.light(rgb, size, at, match_light)
        } else {
            (1.0, 0.0, 0.0)
        };
        let mut count = 0;
        for (i, &(colour, share)) in self.pixels.iter().enumerate() {
            if share == 0.0 {
                continue;
            }
            let (x, y) = (at.0 + (i % self.w) as i64, at.1 + (i / self.w) as i64);
            let Some(there) = index(x, y, size) else {
                continue;
            };
            for (old, new) in rgb[there * 3..there * 3 + 3].iter_mut().zip(colour) {
                let new = (new - middle) * gain + middle + shift;
                let mixed = share * new + (1.0 - share) * f32::from(*old);
                *old = mixed.round().clamp(0.0, 255.0) as u8;
            }
            labels[there] = PASTED;
            count += 1;
        }
        count
    }

    /// Gain, its fixed point and shift that move the object's brightness towards that of its
    /// surroundings: the box around it, a quarter larger on each side.
    fn light(&self, rgb: &[u8], size: Size, at: (i64, i64), strength: f32) -> (f32, f32, f32) {
        let luma = |c: [f32; 3]| 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
        let on: Vec<f32> = self
            .pixels
            .iter()
            .filter(|p| p.1 > 0.0)
            .map(|p| luma(p.0))
            .collect();
        let (mx, my) = ((self.w as i64 / 4).max(4), (self.h as i64 / 4).max(4));
        let mut around = Vec::new();
        for y in -my..self.h as i64 + my {
            for x in -mx..self.w as i64 + mx {
                let covered =
                    index(x, y, Size::new(self.w, self.h)).is_some_and(|i| self.pixels[i].1 > 0.0);
                if let (false, Some(i)) = (covered, index(at.0 + x, at.1 + y, size)) {
                    let c = &rgb[i * 3..i * 3 + 3];
                    around.push(luma([f32::from(c[0]), f32::from(c[1]), f32::from(c[2])]));
                }
            }
        }
        let (Some(own), Some(there)) = (spread(&on), spread(&around)) else {
            return (1.0, 0.0, 0.0);
        };
        // A plain wall must not flatten the object, nor foliage turn it into noise.
        let wanted = (there.1 / own.1.max(1.0)).clamp(0.6, 1.6);
        (
            1.0 + strength * (wanted - 1.0),
            own.0,
            strength * (there.0 - own.0),
        )
    }
}

/// Mean and standard deviation.
fn spread(values: &[f32]) -> Option<(f32, f32)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
    Some((mean, variance.sqrt()))
}

/// Index of a pixel, `None` outside.
fn index(x: i64, y: i64, size: Size) -> Option<usize> {
    let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
    (x < size.w && y < size.h).then_some(y * size.w + x)
}

/// Gives object pixels at the edge the share of their 3×3 neighbourhood that is object.
fn feather_edge(pixels: &mut [([f32; 3], f32)], w: usize, h: usize) {
    let size = Size::new(w, h);
    let shares: Vec<f32> = pixels.iter().map(|p| p.1).collect();
    for (i, pixel) in pixels.iter_mut().enumerate().filter(|(_, p)| p.1 > 0.0) {
        let (x, y) = ((i % w) as i64, (i / w) as i64);
        let near = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (x + dx, y + dy)));
        let sum: f32 = near
            .filter_map(|(x, y)| index(x, y, size))
            .map(|j| shares[j])
            .sum();
        pixel.1 = sum / 9.0;
    }
}
