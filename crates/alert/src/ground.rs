//! Ground position of an object from its bottom edge in the image: a camera above a flat road.
//!
//! A pinhole camera `height_m` above the road looks along it, with a downward pitch of `pitch_deg`. The ray
//! through a picture point at or below the horizon meets the road in one place. Hills, a loaded
//! vehicle and an object that does not touch the ground falsify the result: this is an estimate.

use serde::{Deserialize, Serialize};

/// Place and optics of the camera.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraGeometry {
    /// Height above the road, m.
    pub height_m: f32,
    /// Tipped down by, degrees (0 = level).
    pub pitch_deg: f32,
    /// Focal length across, in widths of the picture (`1 / (2 tan(field of view / 2))`).
    pub focal_widths: f32,
    /// Focal length down, in widths of the picture, where pixels are not square.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_down_widths: Option<f32>,
    /// Where the optical axis meets the picture: right and down, as shares of its sides.
    #[serde(default = "middle")]
    pub centre: [f32; 2],
    /// Beyond this the flat road says nothing, m.
    #[serde(default = "furthest_m")]
    pub furthest_m: f32,
}

fn middle() -> [f32; 2] {
    [0.5, 0.5]
}

fn furthest_m() -> f32 {
    150.0
}

/// A place on the road, seen from the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GroundPosition {
    /// Along the ground from below the camera, m; `None` above the horizon or too far.
    pub distance_m: Option<f32>,
    /// Right of the camera's axis, degrees.
    pub bearing_deg: Option<f32>,
}

impl CameraGeometry {
    /// What is wrong with the numbers, as the key and what it must be.
    pub fn invalid_value(&self) -> Option<(&'static str, &'static str)> {
        let within = |v: f32, low: f32, high: f32| v.is_finite() && v > low && v <= high;
        let inside = |v: f32| (0.0..=1.0).contains(&v);
        if !within(self.height_m, 0.0, 100.0) {
            Some(("height_m", "above 0 and at most 100"))
        } else if !within(self.pitch_deg, -90.0, 90.0) {
            Some(("pitch_deg", "above -90 and at most 90"))
        } else if !within(self.focal_widths, 0.0, 100.0) {
            Some(("focal_widths", "above 0 and at most 100"))
        } else if !self.focal_down_widths.is_none_or(|f| within(f, 0.0, 100.0)) {
            Some(("focal_down_widths", "above 0 and at most 100"))
        } else if !self.centre.into_iter().all(inside) {
            Some(("centre", "two shares of the picture, each 0 to 1"))
        } else if !within(self.furthest_m, 0.0, 10_000.0) {
            Some(("furthest_m", "above 0 and at most 10000"))
        } else {
            None
        }
    }

    /// Where the middle of the lower edge of `bbox` stands; `picture` = width and height, px.
    pub fn position_of(&self, [x, y, w, h]: [u32; 4], picture: [u32; 2]) -> GroundPosition {
        let [pw, ph] = picture.map(|v| v as f32);
        let across = (x as f32 + 0.5 * w as f32) - self.centre[0] * pw;
        let down = (y + h) as f32 - self.centre[1] * ph;
        let right = across / (self.focal_widths * pw);
        let dip = down / (self.focal_down_widths.unwrap_or(self.focal_widths) * pw);
        let (sin, cos) = self.pitch_deg.to_radians().sin_cos();
        // The ray (right, dip, 1), turned by the pitch into a level frame.
        let (falls, ahead) = (dip * cos + sin, cos - dip * sin);
        let bearing = right.atan2(ahead).to_degrees();
        let distance = self.height_m / falls * right.hypot(ahead);
        let seen = falls > 0.0 && distance <= self.furthest_m;
        GroundPosition {
            distance_m: seen.then_some(distance),
            bearing_deg: Some(bearing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: CameraGeometry = CameraGeometry {
        height_m: 1.5,
        pitch_deg: 0.0,
        focal_widths: 1.0,
        focal_down_widths: None,
        centre: [0.5, 0.5],
        furthest_m: 150.0,
    };
    const PICTURE: [u32; 2] = [640, 360];

    /// A box whose foot is at `(x, y)`.
    fn bottom(x: u32, y: u32) -> [u32; 4] {
        [x - 5, y - 10, 10, 10]
    }

    #[test]
    fn a_level_camera_sees_by_similar_triangles() {
        // 1.5 m below over 640 px focal: 96 px below the middle is 10 m away.
        let position = CAMERA.position_of(bottom(320, 276), PICTURE);
        assert!((position.distance_m.unwrap() - 10.0).abs() < 1e-4);
        assert_eq!(position.bearing_deg, Some(0.0));
        // And 1 m to the right of that: 64 px.
        let position = CAMERA.position_of(bottom(384, 276), PICTURE);
        assert!((position.distance_m.unwrap() - 101f32.sqrt()).abs() < 1e-4);
        assert!((position.bearing_deg.unwrap() - 0.1f32.atan().to_degrees()).abs() < 1e-4);
    }

    #[test]
    fn a_tipped_camera_sees_the_same_place_higher_in_the_picture() {
        let tipped = CameraGeometry {
            pitch_deg: 10.0,
            ..CAMERA
        };
        // Straight along the axis: 1.5 / tan 10 degrees.
        let position = tipped.position_of(bottom(320, 180), PICTURE);
        assert!(
            (position.distance_m.unwrap() - 8.507).abs() < 1e-2,
            "{position:?}"
        );
    }

    #[test]
    fn above_the_horizon_and_too_far_there_is_no_distance() {
        let up = CAMERA.position_of(bottom(400, 100), PICTURE);
        assert_eq!(up.distance_m, None);
        assert!(up.bearing_deg.unwrap() > 0.0);
        assert_eq!(
            CAMERA.position_of(bottom(320, 180), PICTURE).distance_m,
            None
        );
        assert_eq!(
            CAMERA.position_of(bottom(320, 182), PICTURE).distance_m,
            None
        );
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        assert_eq!(CAMERA.invalid_value(), None);
        let bad = [
            (
                CameraGeometry {
                    height_m: 0.0,
                    ..CAMERA
                },
                "height_m",
            ),
            (
                CameraGeometry {
                    pitch_deg: f32::NAN,
                    ..CAMERA
                },
                "pitch_deg",
            ),
            (
                CameraGeometry {
                    focal_widths: -1.0,
                    ..CAMERA
                },
                "focal_widths",
            ),
            (
                CameraGeometry {
                    focal_down_widths: Some(0.0),
                    ..CAMERA
                },
                "focal_down_widths",
            ),
            (
                CameraGeometry {
                    centre: [0.5, 1.5],
                    ..CAMERA
                },
                "centre",
            ),
            (
                CameraGeometry {
                    furthest_m: f32::INFINITY,
                    ..CAMERA
                },
                "furthest_m",
            ),
        ];
        for (ground, key) in bad {
            assert_eq!(ground.invalid_value().unwrap().0, key);
        }
    }
}
