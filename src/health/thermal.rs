//! Temperatures, as Linux reports them under `/sys/class/thermal`.
//!
//! Every function takes the root of the file system, so that tests bring their own.

use super::file::text;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A zone this close to its limit is about to slow the board down, °C.
const NEAR_C: f64 = 5.0;

/// A place whose temperature is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThermalZone {
    /// What it is: `cpu-thermal`, `gpu-thermal`, …
    pub name: String,
    /// Its temperature, °C.
    pub temperature_c: f64,
    /// Where it begins to slow the board down, °C; absent where the system does not say.
    pub limit_c: Option<f64>,
}

impl ThermalZone {
    /// Whether it is about to slow the board down, or does.
    pub fn is_near_limit(&self) -> bool {
        self.limit_c
            .is_some_and(|limit_c| self.temperature_c >= limit_c - NEAR_C)
    }
}

/// All zones that can be read, by name. None is not an error: many machines have none.
pub fn zones(root: &Path) -> Vec<ThermalZone> {
    let folder = root.join("sys/class/thermal");
    let mut zones: Vec<ThermalZone> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("thermal_zone")
        })
        .filter_map(|entry| zone(&entry.path()))
        .collect();
    zones.sort_by(|a, b| a.name.cmp(&b.name));
    zones
}

fn zone(folder: &Path) -> Option<ThermalZone> {
    let trips = (0..16).filter_map(|i| {
        let kind = text(&folder.join(format!("trip_point_{i}_type")))?;
        // Zones also name points at which a fan starts, or the board goes off.
        let slows = kind == "passive" || kind == "hot";
        slows.then(|| degrees(&folder.join(format!("trip_point_{i}_temp"))))?
    });
    Some(ThermalZone {
        name: text(&folder.join("type"))?,
        temperature_c: degrees(&folder.join("temp"))?,
        limit_c: trips.min_by(f64::total_cmp),
    })
}

/// A file of thousandths of a degree. Sensors that are off report absurd values.
fn degrees(path: &Path) -> Option<f64> {
    let thousandths: f64 = text(path)?.parse().ok()?;
    let degrees = thousandths / 1000.0;
    (-100.0..=250.0).contains(&degrees).then_some(degrees)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, file: &str, text: &str) {
        let path = root.join("sys/class/thermal").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn zones_are_read_with_the_lowest_point_that_slows_the_board() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put(root, "thermal_zone1/type", "gpu-thermal\n");
        put(root, "thermal_zone1/temp", "61500\n");
        for (i, (kind, at)) in [
            ("active", 50),
            ("critical", 105),
            ("passive", 99),
            ("hot", 97),
        ]
        .into_iter()
        .enumerate()
        {
            put(root, &format!("thermal_zone1/trip_point_{i}_type"), kind);
            put(
                root,
                &format!("thermal_zone1/trip_point_{i}_temp"),
                &format!("{at}000"),
            );
        }
        put(root, "thermal_zone0/type", "cpu-thermal");
        put(root, "thermal_zone0/temp", "48000");
        // Off, and something else altogether.
        put(root, "thermal_zone2/type", "cv0-thermal");
        put(root, "thermal_zone2/temp", "-256000");
        put(root, "cooling_device0/type", "fan");
        let found = zones(root);
        let shown: Vec<_> = found
            .iter()
            .map(|z| (z.name.as_str(), z.temperature_c, z.limit_c))
            .collect();
        assert_eq!(
            shown,
            [
                ("cpu-thermal", 48.0, None),
                ("gpu-thermal", 61.5, Some(97.0))
            ]
        );
        assert!(zones(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn five_degrees_below_its_limit_a_zone_is_near_it() {
        let at = |temperature_c, limit_c| ThermalZone {
            name: "cpu".into(),
            temperature_c,
            limit_c,
        };
        assert!(at(92.0, Some(97.0)).is_near_limit());
        assert!(!at(91.9, Some(97.0)).is_near_limit());
        assert!(!at(150.0, None).is_near_limit());
    }
}
