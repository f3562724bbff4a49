//! One object, scaled and put into a picture.

use unmask_frame::Size;

use crate::data::resample::{self, ResampleWindow};
use crate::data::{OutlierObject, PASTED};

/// An object at the size it is pasted in.
pub(super) struct ScaledObject {
    /// Width, px.
    pub w: usize,
    /// Height, px.
    pub h: usize,
    /// RGB of the object, 0 to 255, and the share it covers of the pixel, 0 where it is not.
    pixels: Vec<([f32; 3], f32)>,
}

impl ScaledObject {
    /// `outlier` resized to `w × h`, mirrored and with a soft edge where asked.
    pub fn new(outlier: &OutlierObject, w: usize, h: usize, flip: bool, feather: bool) -> Self {
        // Colours count as much as the object covers them, or its old surroundings would bleed in.
        let mut source = Vec::with_capacity(outlier.alpha.len() * 4);
        for (rgb, &alpha) in outlier.rgb.chunks_exact(3).zip(&outlier.alpha) {
            let on = if alpha >= 128 { 255 } else { 0 };
            source.extend(rgb.iter().map(|&v| v & on));
            source.push(on);
        }
        let window = ResampleWindow {
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
    pub fn put(
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
    (x < size.w && y < size.h).then(|| y * size.w + x)
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
