//! What a plan depends on besides its model: library, driver, GPU, power mode.

use super::LoadedRecipe;
use crate::health::power;
use std::path::Path;
use unmask_engine::plan::PlanKey;
use unmask_tensorrt::{Device, Driver, DriverError, Version};

/// The device that plans are built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDescription {
    /// Newest CUDA version of the driver: `12.6`.
    pub cuda: String,
    /// Version of the driver or of the board's software.
    pub driver: String,
    /// The GPU; `None` where there is no driver.
    pub gpu: Option<Device>,
    /// Power mode of the board; `none` elsewhere.
    pub power_mode: String,
}

/// What stands in a key for what is not there.
const NONE: &str = "none";

impl DeviceDescription {
    /// Asks the driver and the files below `root` (`/`, or a fixture).
    ///
    /// # Errors
    /// A driver that is there but does not work. A machine without a driver is described as such.
    pub fn of(root: &Path) -> Result<Self, DriverError> {
        let driver = match Driver::initialise() {
            Ok(driver) => Some(driver),
            Err(DriverError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let gpu = match driver {
            Some(_) => Driver::devices()?.into_iter().next(),
            None => None,
        };
        let power_mode = power::host(root).power_mode;
        Ok(Self {
            cuda: driver.map_or(NONE.into(), |driver| cuda_version(driver.cuda_version)),
            driver: driver_version(root).unwrap_or_else(|| NONE.into()),
            gpu,
            power_mode: power_mode.unwrap_or_else(|| NONE.into()),
        })
    }

    /// The key of the plan that `recipe` makes of a model with this hash on this device.
    pub fn plan_key(&self, recipe: &LoadedRecipe, model_sha256: &str, library: Version) -> PlanKey {
        let capabilities = &recipe.recipe.compute_capabilities;
        let compute_capability = match (capabilities.as_slice(), &self.gpu) {
            ([], Some(gpu)) => capability(gpu.compute_capability),
            ([], None) => NONE.into(),
            (given, _) => given
                .iter()
                .map(|&number| capability(number))
                .collect::<Vec<_>>()
                .join("+"),
        };
        PlanKey {
            graph_sha256: model_sha256.to_string(),
            // Scales are constants of the graph.
            scales_sha256: None,
            recipe_sha256: recipe.sha256.clone(),
            library: library.to_string(),
            cuda: self.cuda.clone(),
            driver: self.driver.clone(),
            gpu: self
                .gpu
                .as_ref()
                .map_or(NONE.into(), |gpu| gpu.name.clone()),
            compute_capability,
            power_mode: self.power_mode.clone(),
        }
    }
}

/// 12060 as `12.6`.
fn cuda_version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

/// 87 as `8.7`.
pub(crate) fn capability(number: u32) -> String {
    format!("{}.{}", number / 10, number % 10)
}

/// Release of Jetson's software (`R36.4.3`), or the version of the kernel's driver (`570.86.15`).
fn driver_version(root: &Path) -> Option<String> {
    if let Ok(text) = std::fs::read_to_string(root.join("etc/nv_tegra_release")) {
        // # R36 (release), REVISION: 4.3, GCID: …
        let release = text
            .trim_start_matches(['#', ' '])
            .split_whitespace()
            .next();
        let revision = text.split("REVISION:").nth(1)?.split(',').next()?.trim();
        return Some(format!("{}.{revision}", release?));
    }
    let text = std::fs::read_to_string(root.join("proc/driver/nvidia/version")).ok()?;
    // NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  …
    text.split_whitespace()
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::BuildRecipe;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn driver_is_named_by_jetson_or_by_the_kernel() {
        let text =
            "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n";
        let jetson = root(&[("etc/nv_tegra_release", text)]);
        assert_eq!(driver_version(jetson.path()).as_deref(), Some("R36.4.3"));
        let text = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23\n";
        let desktop = root(&[("proc/driver/nvidia/version", text)]);
        assert_eq!(driver_version(desktop.path()).as_deref(), Some("570.86.15"));
        assert_eq!(driver_version(root(&[]).path()), None);
        assert_eq!(
            (cuda_version(12060), capability(87)),
            ("12.6".into(), "8.7".into())
        );
    }

    #[test]
    fn key_changes_with_every_part() {
        let recipe = LoadedRecipe {
            recipe: BuildRecipe {
                model: "m.onnx".into(),
                optimization_level: 3,
                workspace_mib: None,
                process_memory_mib: None,
                dla_core: None,
                compute_capabilities: Vec::new(),
            },
            model: "m.onnx".into(),
            sha256: "r".into(),
        };
        let device = DeviceDescription {
            cuda: "12.6".into(),
            driver: "R36.4.3".into(),
            gpu: Some(Device {
                name: "Orin".into(),
                compute_capability: 87,
                memory_bytes: 1 << 33,
            }),
            power_mode: "pmode:0000".into(),
        };
        let library = Version::from_number(100_300).unwrap();
        let key = device.plan_key(&recipe, "g", library);
        assert_eq!(
            (key.gpu.as_str(), key.compute_capability.as_str()),
            ("Orin", "8.7")
        );
        let other = DeviceDescription {
            power_mode: "pmode:0001".into(),
            ..device.clone()
        };
        assert_ne!(other.plan_key(&recipe, "g", library).hash(), key.hash());
        let mut named = recipe.clone();
        named.recipe.compute_capabilities = vec![86, 120];
        let key = device.plan_key(&named, "g", library);
        assert_eq!(key.compute_capability, "8.6+12.0");
    }
}
