//! Lens and sensor effects: blur, vignette, noise, rain streaks, tone.

use std::sync::OnceLock;

use rayon::prelude::*;

use unmask_frame::{Picture, Size};

use super::noise::{lattice_bits, textures};
use super::space::{V, max, min, v};
use super::style::StreetStyle;

/// Linear values between these have entries in the tone table: 256 for every doubling, found by the
/// bits of the number, so that developing takes neither a root nor a logarithm.
const LOW: f32 = 1.0 / 4096.0;
const TOP: f32 = 4.0;
const STEPS: usize = 14 * 256 + 1;

/// Entry of the tone table for a linear value.
fn tone_index(x: f32) -> usize {
    ((min(max(x, LOW), TOP).to_bits() - LOW.to_bits()) >> 15) as usize
}

/// sRGB levels, 0 to 255, by [`tone_index`].
fn tone_table() -> &'static [f32] {
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    TABLE.get_or_init(|| {
        (0..STEPS)
            .map(|i| {
                let x = f32::from_bits(LOW.to_bits() + ((i as u32) << 15) + (1 << 14));
                // Linear up to a knee, then a soft shoulder towards white.
                let knee = 0.55;
                let x = if x <= knee {
                    x
                } else {
                    let over = (x - knee) / (1.0 - knee);
                    knee + (1.0 - knee) * (1.0 - (-over * 1.15).exp()) * 1.02
                };
                let x = x.min(1.0);
                255.0
                    * if x <= 0.003_130_8 {
                        12.92 * x
                    } else {
                        1.055 * x.powf(1.0 / 2.4) - 0.055
                    }
            })
            .collect()
    })
}

/// Develops linear colours into a picture. `shot` numbers the exposure: noise and rain differ from
/// one to the next.
pub(super) fn develop(style: &StreetStyle, size: Size, colours: &[V], view: u64) -> Picture {
    let sensor = &style.sensor;
    // Contrast about middle grey, and rounding, are part of the table.
    let table: Vec<u8> = tone_table()
        .iter()
        .map(|tone| (118.5 + (tone - 118.0) * sensor.contrast).clamp(0.0, 255.0) as u8)
        .collect();
    let shot_seed = super::noise::seed_of(&[style.seed, view]) as u32;
    let (w, h) = (size.w, size.h);
    let rain = style.weather.rain;
    let side = sensor.blur;
    let per_w = 1.0 / w as f32;
    let gain = sensor.balance * sensor.exposure;
    let drop = style.weather.haze.times(gain);
    let mut picture = Picture::filled(size, [0; 3]);
    picture
        .rgb_mut()
        .par_chunks_mut(w * 3)
        .enumerate()
        .for_each(|(y, row)| {
            let up = &colours[y.saturating_sub(1) * w..][..w];
            let here = &colours[y * w..][..w];
            let down = &colours[(y + 1).min(h - 1) * w..][..w];
            let lines = [up, here, down];
            let red = blurred(lines, |c| c.x * gain.x, side);
            let green = blurred(lines, |c| c.y * gain.y, side);
            let blue = blurred(lines, |c| c.z * gain.z, side);
            let dy = (y as f32 + 0.5) / h as f32 - 0.5;
            let mut dice = NoiseDice::new(shot_seed, y);
            for (x, out) in row.chunks_exact_mut(3).enumerate() {
                let mut c = v(red[x], green[x], blue[x]);
                let dx = (x as f32 + 0.5) * per_w - 0.5;
                let edge = 1.0 - sensor.vignette * 2.0 * (dx * dx + dy * dy);
                if rain > 0.0 {
                    c = c.mix(drop, streak(x, y, size, shot_seed) * rain);
                }
                c = c * edge;
                let grey = c.brightness();
                c = v(grey, grey, grey).mix(c, sensor.saturation);
                // Shot noise grows with the root of the light; some of it is coloured.
                let (a, b) = dice.roll();
                let amount = sensor.noise * (0.12 + max(grey, 0.0).sqrt());
                c += v(a + 0.5 * b, a, a - 0.5 * b) * amount;
                out[0] = table[tone_index(c.x)];
                out[1] = table[tone_index(c.y)];
                out[2] = table[tone_index(c.z)];
            }
        });
    picture
}

/// Noise along a line.
struct NoiseDice(u32);

impl NoiseDice {
    fn new(seed: u32, line: usize) -> Self {
        Self(lattice_bits(line as i32, 1, seed))
    }

    /// Two numbers close to normal, of deviation 1: each a sum of two bytes.
    fn roll(&mut self) -> (f32, f32) {
        self.0 = self.0.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let bits = self.0 ^ (self.0 >> 15);
        let two = |shift: u32| {
            let sum = (bits >> shift & 255) + (bits >> (shift + 8) & 255);
            sum as i32 as f32 * 0.0096 - 2.45
        };
        (two(0), two(16))
    }
}

/// One colour of the middle line, of which each neighbour gives `side`: down the columns first, then
/// along the line. A colour at a time, so that the compiler can use vector instructions.
fn blurred(lines: [&[V]; 3], of: impl Fn(&V) -> f32, side: f32) -> Vec<f32> {
    let middle = 1.0 - 2.0 * side;
    let [up, here, down] = lines;
    let tall: Vec<f32> = here
        .iter()
        .zip(up)
        .zip(down)
        .map(|((h, u), d)| of(h) * middle + (of(u) + of(d)) * side)
        .collect();
    let mut out = tall.clone();
    for (out, near) in out[1..].iter_mut().zip(tall.windows(3)) {
        *out = near[1] * middle + (near[0] + near[2]) * side;
    }
    out
}

/// Share of light from falling drops: short upright streaks.
fn streak(x: usize, y: usize, size: Size, seed: u32) -> f32 {
    let unit = 360.0 / size.h as f32;
    let (x, y) = (x as f32 * unit, y as f32 * unit);
    let shift = (seed & 1023) as f32 / 1024.0;
    let t = textures().grain.at(
        (x - 0.12 * y) / 330.0 + shift,
        y / 6000.0 + shift * 7.0,
        0.0,
    );
    ((t - 0.74).max(0.0) * 1.1).min(0.35)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_rise_with_the_light() {
        let table = tone_table();
        assert_eq!(table.len(), STEPS);
        assert!(table.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(tone_index(-1.0), 0);
        assert_eq!(tone_index(9.0), STEPS - 1);
        assert!((table[tone_index(0.18)] - 118.0).abs() < 2.0, "middle grey");
        assert!(table[STEPS - 1] > 250.0);
    }
}
