//! The zone of the image in which objects count: a polygon.

use serde::{Deserialize, Serialize};

/// Most corners of a region.
const CORNERS_LIMIT: usize = 64;

/// A polygon over the picture; corners are shares of its width and height, 0 to 1, from the upper
/// left. An object counts where the middle of its lower edge lies inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[f32; 2]>", into = "Vec<[f32; 2]>")]
pub struct ImageZone {
    corners: Vec<[f32; 2]>,
}

impl TryFrom<Vec<[f32; 2]>> for ImageZone {
    type Error = String;

    fn try_from(corners: Vec<[f32; 2]>) -> Result<Self, String> {
        if !(3..=CORNERS_LIMIT).contains(&corners.len()) {
            return Err(format!(
                "a region has 3 to {CORNERS_LIMIT} corners, not {}",
                corners.len()
            ));
        }
        match corners.iter().flatten().find(|v| !(0.0..=1.0).contains(*v)) {
            Some(v) => Err(format!(
                "a region's corners are shares of the picture, each 0 to 1, not {v}"
            )),
            None => Ok(Self { corners }),
        }
    }
}

impl From<ImageZone> for Vec<[f32; 2]> {
    fn from(zone: ImageZone) -> Self {
        zone.corners
    }
}

impl ImageZone {
    /// Whether the point at these shares of width and height lies inside (even-odd rule).
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        let mut inside = false;
        let mut last = self.corners[self.corners.len() - 1];
        for &corner in &self.corners {
            let ([ax, ay], [bx, by]) = (last, corner);
            if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
                inside = !inside;
            }
            last = corner;
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_inside_and_outside_are_distinguished() {
        let road =
            ImageZone::try_from(vec![[0.4, 0.5], [0.6, 0.5], [1.0, 1.0], [0.0, 1.0]]).unwrap();
        assert!(road.contains([0.5, 0.75]) && road.contains([0.1, 0.95]));
        assert!(
            !road.contains([0.5, 0.4])
                && !road.contains([0.1, 0.6])
                && !road.contains([0.95, 0.75])
        );
        // A notch is outside.
        let notched = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.0, 1.0]];
        let notched = ImageZone::try_from(notched).unwrap();
        assert!(notched.contains([0.5, 0.25]) && !notched.contains([0.5, 0.75]));
    }

    #[test]
    fn polygons_that_are_none_are_refused() {
        let refused = |corners: Vec<[f32; 2]>| ImageZone::try_from(corners).unwrap_err();
        assert!(refused(vec![[0.0, 0.0], [1.0, 1.0]]).contains("not 2"));
        assert!(refused(vec![[0.0, 0.0]; 65]).contains("not 65"));
        assert!(refused(vec![[0.0, 0.0], [1.5, 0.0], [0.0, 1.0]]).contains("1.5"));
        assert!(refused(vec![[0.0, 0.0], [f32::NAN, 0.0], [0.0, 1.0]]).contains("NaN"));
    }
}
