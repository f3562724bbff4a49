//! Checks that a calibration picture shows a scene.

use unmask_frame::Picture;

/// Neighbouring pixels of a picture agree at least this much. Five pictures of RoadAnomaly lie at
/// 0.96 to 1.0; independent noise lies near 0.
pub const CORRELATION_MIN: f64 = 0.5;

/// Brightness deviates less than this in a picture that shows nothing, grey levels.
const FLAT_DEVIATION: f64 = 1.0;

/// What a picture looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PictureLook {
    /// Like a scene.
    Scene,
    /// One brightness everywhere.
    Flat,
    /// Like noise: the correlation of neighbouring pixels lies below [`CORRELATION_MIN`].
    Noise {
        /// The correlation.
        correlation: f64,
    },
}

/// Returns what `picture` looks like.
pub fn classify(picture: &Picture) -> PictureLook {
    match neighbour_correlation(picture) {
        None => PictureLook::Flat,
        Some(likeness) if likeness < CORRELATION_MIN => PictureLook::Noise {
            correlation: likeness,
        },
        Some(_) => PictureLook::Scene,
    }
}

/// Correlation of the brightness of neighbouring pixels, mean of both directions, −1 to 1. None
/// where the picture is flat.
pub fn neighbour_correlation(picture: &Picture) -> Option<f64> {
    let (w, h) = (picture.size().w, picture.size().h);
    let light: Vec<f64> = picture
        .rgb()
        .chunks_exact(3)
        .map(|p| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]))
        .collect();
    if w < 2 || h < 2 {
        return None;
    }
    let mean = light.iter().sum::<f64>() / light.len() as f64;
    let variance = light.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / light.len() as f64;
    if variance < FLAT_DEVIATION.powi(2) {
        return None;
    }
    let product = |a: &f64, b: &f64| (a - mean) * (b - mean);
    let beside: f64 = light
        .chunks_exact(w)
        .flat_map(|row| row.iter().zip(&row[1..]))
        .map(|(a, b)| product(a, b))
        .sum();
    let below: f64 = light
        .iter()
        .zip(&light[w..])
        .map(|(a, b)| product(a, b))
        .sum();
    let beside = beside / (h * (w - 1)) as f64;
    let below = below / ((h - 1) * w) as f64;
    Some((beside + below) / 2.0 / variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_drive::{Drive, DriveSettings};
    use unmask_frame::Size;

    fn noise(size: Size, mut level: impl FnMut(u8) -> u8) -> Picture {
        let mut state = 1u32;
        let rgb = (0..size.area_px() * 3)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                level((state >> 24) as u8)
            })
            .collect();
        Picture::new(size, rgb).unwrap()
    }

    #[test]
    fn noise_differs_from_a_drive() {
        for picture in [
            noise(Size::new(160, 90), |v| v),
            noise(Size::new(320, 200), |v| if v > 127 { 255 } else { 0 }),
            noise(Size::new(64, 64), |v| 100 + v / 32),
        ] {
            let PictureLook::Noise {
                correlation: likeness,
            } = classify(&picture)
            else {
                panic!(
                    "noise was taken for a scene: {:?}",
                    neighbour_correlation(&picture)
                );
            };
            assert!(likeness.abs() < 0.1, "{likeness}");
        }
        let settings = DriveSettings {
            size: Size::new(320, 180),
            ..DriveSettings::default()
        };
        let drive = Drive::new(settings).unwrap();
        for frame in [0, 40, 90] {
            let picture = drive.scene(frame).picture;
            assert_eq!(classify(&picture), PictureLook::Scene);
            let likeness = neighbour_correlation(&picture).unwrap();
            assert!(likeness > 0.75, "frame {frame}: {likeness}");
        }
    }

    #[test]
    fn one_colour_shows_nothing() {
        assert_eq!(
            classify(&Picture::filled(Size::new(9, 9), [80; 3])),
            PictureLook::Flat
        );
        assert_eq!(
            classify(&Picture::filled(Size::new(1, 9), [80; 3])),
            PictureLook::Flat
        );
        // A lone speck is too little as well.
        let mut speck = Picture::filled(Size::new(64, 64), [80; 3]);
        speck.rgb_mut()[0] = 90;
        assert_eq!(classify(&speck), PictureLook::Flat);
    }
}
