//! From a sample to what the network is fed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use unmask::frame::Size;

use super::paste::Region;
use super::resample::{self, Window};
use super::{Augment, DataError, Outlier, Paste, Rng, Sample, VOID};

/// Mean and standard deviation of each channel, RGB, on values 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// Taken away first.
    pub mean: [f32; 3],
    /// Divided by then.
    pub std: [f32; 3],
}

impl Default for Normalise {
    /// The ImageNet values that Mask2Anomaly uses.
    fn default() -> Self {
        Self {
            mean: [123.675, 116.28, 103.53],
            std: [58.395, 57.12, 57.375],
        }
    }
}

impl Normalise {
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
pub struct Example {
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
/// where it has no pixels. Settings are not checked here, see [`Augment::check`] and
/// [`Paste::check`]; odd ones give odd pictures, never a panic.
pub fn make_example(
    sample: &Sample,
    augment: &Augment,
    paste: Option<(&Paste, &[Outlier])>,
    normalise: &Normalise,
    rng: &mut Rng,
) -> Result<Example, DataError> {
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
    sample: &Sample,
    size: (usize, usize),
    normalise: &Normalise,
) -> Result<Example, DataError> {
    sample.check()?;
    if size.0 == 0 || size.1 == 0 {
        return Err(DataError::Setting {
            name: "size",
            what: "width and height must be 1 or more".into(),
        });
    }
    let Size { w, h } = sample.picture.size();
    let window = Window {
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
fn seen(window: &Window) -> Region {
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
    normalise: &Normalise,
) -> Example {
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
    Example {
        name: name.to_owned(),
        w: full.0,
        h: full.1,
        image,
        labels: out,
    }
}
