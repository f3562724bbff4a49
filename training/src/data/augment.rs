//! Scaling, cropping, flipping and recolouring (Mask2Former's Cityscapes recipe, which
//! Mask2Anomaly keeps: short side from a list, crop, SSD colour, mirror).

use serde::{Deserialize, Serialize};
use unmask_frame::Size;

use super::resample::ResampleWindow;
use super::{DataError, Rng};

/// How a training example is cut from a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentSettings {
    /// Length of the picture's short side after scaling.
    pub short_side: ShortSide,
    /// Width over height is stretched by a factor from this range (log-uniform), for a network
    /// that will see pictures squeezed to its input size. `(1, 1)` keeps the shape.
    pub aspect: (f32, f32),
    /// Width and height of the example, px. A smaller picture is filled up at the right and the
    /// bottom with the mean colour and [`super::VOID`].
    pub crop: (usize, usize),
    /// Probability of mirroring left to right.
    pub hflip: f32,
    /// Change of colours.
    pub colour: ColourJitter,
}

/// Where the length of the short side comes from, px.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortSide {
    /// One of these, all equally likely.
    Choice(Vec<u32>),
    /// Anything from the first to the second, log-uniform.
    Range(u32, u32),
}

/// Colour changes of the SSD detector (Liu et al. 2016), on values 0 to 255.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColourJitter {
    /// Probability of each of the four changes; 0 turns all off.
    pub probability: f32,
    /// Brightness: up to so much is added or taken away.
    pub brightness: f32,
    /// Contrast: all values times a factor from this range.
    pub contrast: (f32, f32),
    /// Saturation: times a factor from this range.
    pub saturation: (f32, f32),
    /// Hue: turned by up to so many steps of two degrees (OpenCV's unit).
    pub hue: f32,
}

impl Default for AugmentSettings {
    fn default() -> Self {
        Self {
            short_side: ShortSide::Range(256, 640),
            aspect: (1.0, 1.0),
            crop: (512, 256),
            hflip: 0.5,
            colour: ColourJitter::default(),
        }
    }
}

impl Default for ColourJitter {
    fn default() -> Self {
        Self {
            probability: 0.5,
            brightness: 32.0,
            contrast: (0.5, 1.5),
            saturation: (0.5, 1.5),
            hue: 18.0,
        }
    }
}

/// Longest side of a crop or a scaled picture, px; keeps a slip in a settings file from asking
/// for all memory.
const MAX_SIDE_PX: usize = 16_384;

impl AugmentSettings {
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
        let side = |v: usize| (1..=MAX_SIDE_PX).contains(&v);
        if !side(self.crop.0) || !side(self.crop.1) {
            return wrong("crop", "width and height must be 1 to 16384");
        }
        let sides_hold = match &self.short_side {
            ShortSide::Choice(list) => !list.is_empty() && list.iter().all(|&v| side(v as usize)),
            ShortSide::Range(low, high) => {
                low <= high && side(*low as usize) && side(*high as usize)
            }
        };
        if !sides_hold {
            return wrong(
                "short_side",
                "give one or more lengths from 1 to 16384, low before high",
            );
        }
        let range = |(low, high): (f32, f32)| low > 0.0 && low <= high && high <= 16.0;
        if !range(self.aspect) {
            return wrong(
                "aspect",
                "give two factors above 0 and up to 16, low before high",
            );
        }
        if !range(self.colour.contrast) || !range(self.colour.saturation) {
            return wrong(
                "colour",
                "contrast and saturation need two factors above 0 and up to 16, low before high",
            );
        }
        let amount = |v: f32, max: f32| (0.0..=max).contains(&v);
        if !amount(self.colour.brightness, 255.0) || !amount(self.colour.hue, 90.0) {
            return wrong("colour", "brightness must be 0 to 255 and hue 0 to 90");
        }
        if !amount(self.hflip, 1.0) || !amount(self.colour.probability, 1.0) {
            return wrong("hflip, colour.probability", "a probability is 0 to 1");
        }
        Ok(())
    }

    /// Draws which part of a picture of size `source` is seen, and whether it is mirrored.
    pub(super) fn draw(&self, source: Size, rng: &mut Rng) -> (ResampleWindow, bool) {
        let short = match &self.short_side {
            ShortSide::Choice(list) => {
                let i = rng.below(list.len());
                list.get(i)
                    .copied()
                    .map_or(source.w.min(source.h) as f64, f64::from)
            }
            ShortSide::Range(low, high) => {
                rng.log_between(f64::from(*low).max(1.0), f64::from(*high).max(1.0))
            }
        };
        let stretch = rng
            .log_between(f64::from(self.aspect.0), f64::from(self.aspect.1))
            .sqrt();
        let scale = short / source.w.min(source.h) as f64;
        // `as` saturates and max keeps one pixel, so odd settings cannot break the window.
        let scaled = |v: usize, factor: f64| {
            ((v as f64 * scale * factor).round() as usize).clamp(1, 4 * MAX_SIDE_PX)
        };
        let resized = (scaled(source.w, stretch), scaled(source.h, 1.0 / stretch));
        let size = (self.crop.0.min(resized.0), self.crop.1.min(resized.1));
        let offset = (
            rng.below(resized.0 - size.0 + 1),
            rng.below(resized.1 - size.1 + 1),
        );
        let flip = rng.chance(self.hflip);
        (
            ResampleWindow {
                source: (source.w, source.h),
                resized,
                offset,
                size,
            },
            flip,
        )
    }
}

impl ColourJitter {
    /// Recolours interleaved RGB values 0 to 255 in place. Always draws the same number of random
    /// values, so that what follows in the stream does not depend on the settings.
    pub(super) fn apply(&self, pixels: &mut [f32], rng: &mut Rng) {
        let mut draw = |low: f32, high: f32| {
            let on = rng.chance(self.probability);
            let value = rng.between(f64::from(low), f64::from(high)) as f32;
            on.then_some(value)
        };
        let brightness = draw(-self.brightness, self.brightness);
        let contrast = draw(self.contrast.0, self.contrast.1);
        let saturation = draw(self.saturation.0, self.saturation.1);
        let hue = draw(-self.hue, self.hue);
        let contrast_first = rng.chance(0.5);

        if let Some(add) = brightness {
            pixels
                .iter_mut()
                .for_each(|v| *v = (*v + add).clamp(0.0, 255.0));
        }
        if contrast_first {
            scale(pixels, contrast);
        }
        if saturation.is_some() || hue.is_some() {
            let factor = saturation.unwrap_or(1.0);
            // Steps of two degrees to sixths of the circle.
            let turn = hue.unwrap_or(0.0) * 2.0 / 60.0;
            for pixel in pixels.chunks_exact_mut(3) {
                recolour(pixel, factor, turn);
            }
        }
        if !contrast_first {
            scale(pixels, contrast);
        }
    }
}

fn scale(pixels: &mut [f32], factor: Option<f32>) {
    if let Some(factor) = factor {
        pixels
            .iter_mut()
            .for_each(|v| *v = (*v * factor).clamp(0.0, 255.0));
    }
}

/// Saturation times `factor` and hue plus `turn` (sixths of the circle), in HSV.
fn recolour(pixel: &mut [f32], factor: f32, turn: f32) {
    let &mut [r, g, b] = pixel else { return };
    let value = r.max(g).max(b);
    let span = value - r.min(g).min(b);
    if span <= 0.0 {
        return;
    }
    let hue = if value == r {
        (g - b) / span
    } else if value == g {
        2.0 + (b - r) / span
    } else {
        4.0 + (r - g) / span
    };
    // Saturation is span / value and at most 1.
    let span = (span * factor).min(value);
    // hue is in -1..5 and turn in -3..3; `%` would cost more than all the rest.
    let hue = wrap(wrap(hue) + turn);
    // Distance of each channel's hue from this one decides how much of the span it loses.
    let channel = |n: f32| {
        let k = wrap(n + hue);
        value - span * k.min(4.0 - k).clamp(0.0, 1.0)
    };
    pixel.copy_from_slice(&[channel(5.0), channel(3.0), channel(1.0)]);
}

/// Brings a value from -6..12 into 0..6.
fn wrap(hue: f32) -> f32 {
    if hue < 0.0 {
        hue + 6.0
    } else if hue >= 6.0 {
        hue - 6.0
    } else {
        hue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recolouring_by_nothing_changes_nothing() {
        for colour in [
            [10.0, 200.0, 30.0],
            [255.0, 0.0, 0.0],
            [3.0, 3.0, 250.0],
            [90.0, 90.0, 90.0],
        ] {
            let mut pixel = colour;
            recolour(&mut pixel, 1.0, 0.0);
            for (a, b) in pixel.iter().zip(colour) {
                assert!((a - b).abs() < 0.01, "{colour:?} became {pixel:?}");
            }
        }
    }

    #[test]
    fn hue_turns_and_saturation_grows_to_its_limit() {
        let mut pixel = [255.0, 0.0, 0.0];
        recolour(&mut pixel, 1.0, 2.0);
        assert_eq!(pixel, [0.0, 255.0, 0.0]);
        recolour(&mut pixel, 1.0, 2.0);
        assert_eq!(pixel, [0.0, 0.0, 255.0]);
        let mut pixel = [200.0, 100.0, 100.0];
        recolour(&mut pixel, 0.5, 0.0);
        assert_eq!(pixel, [200.0, 150.0, 150.0]);
        recolour(&mut pixel, 9.0, 0.0);
        assert_eq!(pixel, [200.0, 0.0, 0.0]);
    }

    #[test]
    fn jitter_stays_in_range_and_can_be_off() {
        let pixels: Vec<f32> = (0..300).map(|i| (i * 37 % 256) as f32).collect();
        let mut changed = 0;
        for seed in 0..50 {
            let mut out = pixels.clone();
            ColourJitter::default().apply(&mut out, &mut Rng::new(&[seed]));
            assert!(out.iter().all(|v| (0.0..=255.0).contains(v)));
            changed += usize::from(out != pixels);
        }
        assert!((40..50).contains(&changed), "{changed}");
        let mut out = pixels.clone();
        let off = ColourJitter {
            probability: 0.0,
            ..ColourJitter::default()
        };
        let (mut a, mut b) = (Rng::new(&[1]), Rng::new(&[1]));
        off.apply(&mut out, &mut a);
        assert_eq!(out, pixels);
        ColourJitter::default().apply(&mut out, &mut b);
        assert_eq!(a, b, "both used the same number of draws");
    }

    #[test]
    fn windows_lie_inside_the_scaled_picture() {
        let source = Size::new(480, 360);
        let augment = AugmentSettings {
            aspect: (0.7, 1.5),
            ..AugmentSettings::default()
        };
        let mut narrow = 0;
        let mut mirrored = 0;
        for seed in 0..300 {
            let (window, flip) = augment.draw(source, &mut Rng::new(&[seed]));
            assert_eq!(window.source, (480, 360));
            assert!(window.offset.0 + window.size.0 <= window.resized.0);
            assert!(window.offset.1 + window.size.1 <= window.resized.1);
            assert!(window.size.0 <= 512 && window.size.1 <= 256);
            narrow += usize::from(window.size.0 < 512);
            mirrored += usize::from(flip);
        }
        assert!(narrow > 0, "small scales leave room at the right");
        assert!((100..200).contains(&mirrored));
        let fixed = AugmentSettings {
            short_side: ShortSide::Choice(vec![180]),
            ..AugmentSettings::default()
        };
        assert_eq!(
            fixed.draw(source, &mut Rng::new(&[1])).0.resized,
            (240, 180)
        );
    }

    #[test]
    fn wrong_settings_are_named() {
        let message = |augment: AugmentSettings| augment.check().unwrap_err().to_string();
        assert!(AugmentSettings::default().check().is_ok());
        let base = AugmentSettings::default;
        assert!(
            message(AugmentSettings {
                crop: (0, 9),
                ..base()
            })
            .contains("crop")
        );
        assert!(
            message(AugmentSettings {
                crop: (9, 20_000),
                ..base()
            })
            .contains("crop")
        );
        let sides = |short_side| {
            message(AugmentSettings {
                short_side,
                ..base()
            })
        };
        assert!(sides(ShortSide::Choice(vec![])).contains("short_side"));
        assert!(sides(ShortSide::Choice(vec![0])).contains("short_side"));
        assert!(sides(ShortSide::Range(9, 8)).contains("short_side"));
        assert!(
            message(AugmentSettings {
                aspect: (1.0, f32::NAN),
                ..base()
            })
            .contains("aspect")
        );
        assert!(
            message(AugmentSettings {
                aspect: (0.0, 1.0),
                ..base()
            })
            .contains("aspect")
        );
        assert!(
            message(AugmentSettings {
                hflip: 1.5,
                ..base()
            })
            .contains("probability")
        );
        let colour = |colour| message(AugmentSettings { colour, ..base() });
        assert!(
            colour(ColourJitter {
                contrast: (2.0, 1.0),
                ..ColourJitter::default()
            })
            .contains("contrast")
        );
        assert!(
            colour(ColourJitter {
                hue: -1.0,
                ..ColourJitter::default()
            })
            .contains("hue")
        );
        assert!(
            colour(ColourJitter {
                probability: 2.0,
                ..ColourJitter::default()
            })
            .contains("probability")
        );
    }
}
