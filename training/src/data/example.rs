//! From a sample to what the network is fed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use unmask_frame::Size;

use super::paste::Region;
use super::resample::{self, ResampleWindow};
use super::{AugmentSettings, DataError, LabelledSample, OutlierObject, PasteSettings, Rng, VOID};

/// Mean and standard deviation of each channel, RGB, on values 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputNormalisation {
    /// Taken away first.
    pub mean: [f32; 3],
    /// Divided by then.
    pub std: [f32; 3],
}

impl Default for InputNormalisation {
    /// The ImageNet values that Mask2Anomaly uses.
    fn default() -> Self {
        Self {
            mean: [123.675, 116.28, 103.53],
            std: [58.395, 57.12, 57.375],
        }
    }
}

impl InputNormalisation {
    /// Checks the values.
    ///
    /// # Errors
    /// [`DataError::Setting`] where one is not finite or a deviation is not above 0.
    pub fn check(&self) -> Result<(), DataError> {
        if self.mean.iter().all(|v| v.is_finite())
            && self.std.iter().all(|v| v.is_finite() && *v > 0.0)
        {
            return Ok(());
        }
        Err(DataError::Setting {
            name: "mean, std",
            what: "needs three finite numbers each, std above 0, for values 0 to 255".into(),
        })
    }
}

/// One input of the network with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingExample {
    /// Name of the sample.
    pub name: String,
    /// Width, px.
    pub w: usize,
    /// Height, px.
    pub h: usize,
    /// `3 * h * w` values, channel by channel (RGB), normalised. 0 where there is no picture.
    pub image: Vec<f32>,
    /// `h * w` train ids, [`VOID`] or [`super::PASTED`].
    pub labels: Vec<u8>,
}

/// Makes a training example of `augment.crop`: draws the crop, pastes objects into the picture
/// where `paste` is given, scales, mirrors, recolours and normalises. Labels [`super::PASTED`]
/// that the sample brings along stay.
///
/// # Errors
/// [`DataError::SizeMismatch`] where the sample has not one label a pixel, [`DataError::Decode`]
/// where it has no pixels. Settings are not checked here, see [`AugmentSettings::check`] and
/// [`PasteSettings::check`]; odd ones give odd pictures, never a panic.
pub fn make_example(
    sample: &LabelledSample,
    augment: &AugmentSettings,
    paste: Option<(&PasteSettings, &[OutlierObject])>,
    normalise: &InputNormalisation,
    rng: &mut Rng,
) -> Result<TrainingExample, DataError> {
    sample.check()?;
    let size = sample.picture.size();
    let (window, flip) = augment.draw(size, rng);
    let mut rgb = Cow::Borrowed(sample.picture.rgb());
    let mut labels = Cow::Borrowed(sample.labels.as_slice());
    if let Some((paste, outliers)) = paste {
        let region = if paste.inside_crop {
            seen(&window)
        } else {
            (0, 0, size.w, size.h)
        };
        for _ in 0..paste.draw_count(rng) {
            paste.stamp(rgb.to_mut(), labels.to_mut(), size, region, outliers, rng);
        }
    }
    let mut pixels = resample::bilinear::<3>(&rgb, &window);
    let labels = resample::nearest(&labels, &window);
    augment.colour.apply(&mut pixels, rng);
    Ok(lay_out(
        &sample.name,
        &pixels,
        &labels,
        window.size,
        augment.crop,
        flip,
        normalise,
    ))
}

/// Makes an example of the whole picture, squeezed to `size` (width, height), without any draw:
/// for validation, and the same as what the network sees in use.
///
/// # Errors
/// As [`make_example`], and [`DataError::Setting`] for a size of 0.
pub fn fit_example(
    sample: &LabelledSample,
    size: (usize, usize),
    normalise: &InputNormalisation,
) -> Result<TrainingExample, DataError> {
    sample.check()?;
    if size.0 == 0 || size.1 == 0 {
        return Err(DataError::Setting {
            name: "size",
            what: "width and height must be 1 or more".into(),
        });
    }
    let Size { w, h } = sample.picture.size();
    let window = ResampleWindow {
        source: (w, h),
        resized: size,
        offset: (0, 0),
        size,
    };
    let pixels = resample::bilinear::<3>(sample.picture.rgb(), &window);
    let labels = resample::nearest(&sample.labels, &window);
    Ok(lay_out(
        &sample.name,
        &pixels,
        &labels,
        size,
        size,
        false,
        normalise,
    ))
}

/// The part of the source picture that a window shows.
fn seen(window: &ResampleWindow) -> Region {
    let axis = |offset: usize, len: usize, source: usize, resized: usize| {
        let from = (offset * source / resized).min(source - 1);
        let to = ((offset + len) * source).div_ceil(resized).min(source);
        (from, to.max(from + 1))
    };
    let (x0, x1) = axis(
        window.offset.0,
        window.size.0,
        window.source.0,
        window.resized.0,
    );
    let (y0, y1) = axis(
        window.offset.1,
        window.size.1,
        window.source.1,
        window.resized.1,
    );
    (x0, y0, x1, y1)
}

/// Channel by channel, normalised, mirrored where asked, filled up to `full`.
fn lay_out(
    name: &str,
    pixels: &[f32],
    labels: &[u8],
    (w, h): (usize, usize),
    full: (usize, usize),
    flip: bool,
    normalise: &InputNormalisation,
) -> TrainingExample {
    let area = full.0 * full.1;
    let mut image = vec![0.0; 3 * area];
    let mut out = vec![VOID; area];
    let scale = normalise.std.map(|v| 1.0 / v);
    for y in 0..h {
        let line = &pixels[y * w * 3..(y + 1) * w * 3];
        for c in 0..3 {
            let row = &mut image[c * area + y * full.0..][..w];
            for (o, pixel) in row.iter_mut().zip(line.chunks_exact(3)) {
                *o = (pixel[c] - normalise.mean[c]) * scale[c];
            }
            if flip {
                row.reverse();
            }
        }
        let row = &mut out[y * full.0..][..w];
        row.copy_from_slice(&labels[y * w..(y + 1) * w]);
        if flip {
            row.reverse();
        }
    }
    TrainingExample {
        name: name.to_owned(),
        w: full.0,
        h: full.1,
        image,
        labels: out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ColourJitter, PASTED, ShortSide};
    use unmask_frame::Picture;

    const PLAIN: InputNormalisation = InputNormalisation {
        mean: [0.0; 3],
        std: [1.0; 3],
    };

    /// Red counts columns, green rows; labels are columns / 8.
    fn sample(w: usize, h: usize) -> LabelledSample {
        let pixels = (0..w * h).flat_map(|i| [(i % w) as u8, (i / w) as u8, 50]);
        LabelledSample {
            name: "grid".into(),
            picture: Picture::new(Size::new(w, h), pixels.collect()).unwrap(),
            labels: (0..w * h).map(|i| (i % w / 8) as u8).collect(),
        }
    }

    fn plain(crop: (usize, usize), short: u32, hflip: f32) -> AugmentSettings {
        AugmentSettings {
            short_side: ShortSide::Choice(vec![short]),
            crop,
            hflip,
            colour: ColourJitter {
                probability: 0.0,
                ..ColourJitter::default()
            },
            ..AugmentSettings::default()
        }
    }

    fn make(sample: &LabelledSample, augment: &AugmentSettings, seed: u64) -> TrainingExample {
        make_example(sample, augment, None, &PLAIN, &mut Rng::new(&[seed])).unwrap()
    }

    #[test]
    fn picture_and_labels_stay_aligned_under_crop_and_mirror() {
        let sample = sample(64, 32);
        for hflip in [0.0, 1.0] {
            for seed in 0..20 {
                let out = make(&sample, &plain((20, 10), 32, hflip), seed);
                assert_eq!((out.image.len(), out.labels.len()), (600, 200));
                for i in 0..200 {
                    let column = out.image[i] as usize;
                    assert_eq!(usize::from(out.labels[i]), column / 8);
                    if i % 20 > 0 {
                        let step = out.image[i] - out.image[i - 1];
                        assert_eq!(step, if hflip > 0.0 { -1.0 } else { 1.0 });
                    }
                }
                assert_eq!(out.image[200 + 20] - out.image[200], 1.0, "rows go down");
                assert!(out.image[400..].iter().all(|&v| v == 50.0));
            }
        }
    }

    #[test]
    fn a_small_picture_is_filled_up_with_mean_and_void() {
        let normalise = InputNormalisation {
            mean: [7.0; 3],
            std: [2.0; 3],
        };
        for (seed, hflip) in [(1, 0.0), (2, 1.0)] {
            let augment = plain((40, 20), 12, hflip);
            let mut rng = Rng::new(&[seed]);
            let out = make_example(&sample(24, 12), &augment, None, &normalise, &mut rng).unwrap();
            assert_eq!((out.w, out.h), (40, 20));
            for i in 0..800 {
                let inside = i % 40 < 24 && i / 40 < 12;
                assert_eq!(out.labels[i] == VOID, !inside);
                assert_eq!(
                    out.image[1600 + i],
                    if inside { (50.0 - 7.0) / 2.0 } else { 0.0 }
                );
            }
        }
    }

    #[test]
    fn pasted_pixels_and_labels_agree_after_all_steps() {
        let size = Size::new(96, 72);
        let sample = LabelledSample {
            name: "road".into(),
            picture: Picture::filled(size, [20, 20, 20]),
            labels: vec![0; size.area_px()],
        };
        let outlier = OutlierObject {
            name: "white".into(),
            w: 30,
            h: 30,
            rgb: vec![255; 2700],
            alpha: (0..900)
                .map(|i| if i / 30 >= i % 30 { 255 } else { 0 })
                .collect(),
        };
        let paste = PasteSettings {
            probability: 1.0,
            max_objects: 3,
            on_ground: 0.0,
            ..PasteSettings::default()
        };
        let augment = plain((64, 48), 60, 0.5);
        let mut covered = 0;
        for seed in 0..60 {
            let outliers = [outlier.clone()];
            let mut rng = Rng::new(&[seed]);
            let given = Some((&paste, outliers.as_slice()));
            let out = make_example(&sample, &augment, given, &PLAIN, &mut rng).unwrap();
            let pasted = out.labels.iter().filter(|&&v| v == PASTED).count();
            assert!(pasted > 0, "objects land in the crop (seed {seed})");
            let agree = (0..64 * 48)
                .filter(|&i| (out.image[i] > 137.5) == (out.labels[i] == PASTED))
                .count();
            // Pixels that are half object may fall on either side.
            assert!(agree > 64 * 48 * 96 / 100, "seed {seed}: {agree}");
            covered += pasted;
        }
        assert!(covered < 60 * 64 * 48 / 4);
        assert!(
            sample.labels.iter().all(|&v| v == 0),
            "the sample itself is untouched"
        );
    }

    #[test]
    fn the_same_stream_gives_the_same_bits() {
        let (sample, augment) = (
            sample(64, 48),
            AugmentSettings {
                crop: (48, 32),
                ..AugmentSettings::default()
            },
        );
        let bits = |seed| {
            let out = make(&sample, &augment, seed);
            (
                out.image.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                out.labels,
            )
        };
        assert_eq!(bits(3), bits(3));
        assert_ne!(bits(3), bits(4));
    }

    #[test]
    fn anomalies_of_the_sample_stay() {
        let mut sample = sample(16, 16);
        sample.labels.fill(PASTED);
        assert!(
            make(&sample, &plain((16, 16), 16, 0.5), 1)
                .labels
                .iter()
                .all(|&v| v == PASTED)
        );
    }

    #[test]
    fn the_whole_picture_is_squeezed_without_a_draw() {
        let out = fit_example(&sample(64, 32), (16, 16), &PLAIN).unwrap();
        assert_eq!((out.w, out.h, out.image.len()), (16, 16, 768));
        assert_eq!(
            out.labels[..16],
            [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
        );
        assert!((out.image[8] - 33.5).abs() < 0.6, "{}", out.image[8]);
        assert!(fit_example(&sample(64, 32), (0, 16), &PLAIN).is_err());
    }

    #[test]
    fn broken_samples_and_odd_settings_do_not_panic() {
        let mut short = sample(8, 8);
        short.labels.pop();
        let mut rng = Rng::new(&[0]);
        let error =
            make_example(&short, &AugmentSettings::default(), None, &PLAIN, &mut rng).unwrap_err();
        assert!(matches!(error, DataError::SizeMismatch { .. }));
        assert!(fit_example(&short, (4, 4), &PLAIN).is_err());

        let odd = PasteSettings {
            probability: 1.0,
            max_objects: 0,
            height: (0.0, f32::NAN),
            max_enlarge: f32::INFINITY,
            ground: vec![200],
            match_light: 5.0,
            feather: true,
            ..PasteSettings::default()
        };
        let hollow = OutlierObject {
            name: "o".into(),
            w: 3,
            h: 0,
            rgb: vec![1],
            alpha: vec![],
        };
        let dot = OutlierObject {
            name: "o".into(),
            w: 1,
            h: 1,
            rgb: vec![1; 3],
            alpha: vec![255],
        };
        for outliers in [vec![], vec![hollow], vec![dot]] {
            for short_side in [ShortSide::Choice(vec![]), ShortSide::Range(0, 3)] {
                let augment = AugmentSettings {
                    short_side,
                    aspect: (0.0, 1.0),
                    crop: (9, 7),
                    ..AugmentSettings::default()
                };
                let given = Some((&odd, outliers.as_slice()));
                let out = make_example(&sample(1, 1), &augment, given, &PLAIN, &mut rng).unwrap();
                assert_eq!(out.image.len(), 3 * 63);
            }
        }
    }

    #[test]
    fn means_and_deviations_are_checked() {
        assert!(InputNormalisation::default().check().is_ok());
        for bad in [[1.0, 0.0, 1.0], [1.0, f32::NAN, 1.0], [-1.0, 1.0, 1.0]] {
            assert!(InputNormalisation { std: bad, ..PLAIN }.check().is_err());
        }
        assert!(
            InputNormalisation {
                mean: [f32::INFINITY; 3],
                ..PLAIN
            }
            .check()
            .is_err()
        );
    }
}
