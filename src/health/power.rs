//! Power mode, clocks and memory, as Linux and Jetson report them.
//!
//! Every function takes the root of the file system, so that tests bring their own.

use super::file::text;
use super::thermal::{ThermalZone, zones};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How fast a part of the machine runs now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockRate {
    /// What it is: `cpu0`, `17000000.gpu`, …
    pub name: String,
    /// Its clock, MHz.
    pub mhz: f64,
    /// The highest it may run at, MHz.
    #[serde(alias = "most_mhz")]
    pub max_mhz: f64,
    /// The highest that the hardware can, MHz: a power mode may allow less; absent where the system
    /// does not say.
    #[serde(default)]
    pub hardware_mhz: Option<f64>,
}

/// How busy a part of the machine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartLoad {
    /// What it is, as its clock is called.
    pub name: String,
    /// Share of the time that it works, percent.
    pub percent: f64,
}

/// How often the supply's protection slowed the board down since its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThrottleCount {
    /// Which protection: `oc1` low voltage, `oc2` average current, `oc3` a peak of current.
    pub name: String,
    /// Events.
    pub events: u64,
}

/// What is known about the machine at a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostPower {
    /// The board, as its device tree names it; absent elsewhere.
    #[serde(default)]
    pub model: Option<String>,
    /// Jetson's power mode, as its service notes it; absent elsewhere.
    pub power_mode: Option<String>,
    /// Clocks, by name.
    pub clocks: Vec<ClockRate>,
    /// How busy parts of it are, by the names of their clocks.
    #[serde(default)]
    pub loads: Vec<PartLoad>,
    /// Interventions of the supply's protection.
    #[serde(default)]
    pub throttled: Vec<ThrottleCount>,
    /// Temperatures, by name.
    pub temperatures: Vec<ThermalZone>,
    /// Memory of this process, MiB.
    pub memory_mib: Option<f64>,
    /// The most it ever was, MiB.
    #[serde(alias = "memory_most_mib")]
    pub peak_memory_mib: Option<f64>,
}

/// Reads all that the machine reports. What it does not report is absent.
pub fn host(root: &Path) -> HostPower {
    let status = std::fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    HostPower {
        model: text(&root.join("proc/device-tree/model"))
            .map(|model| model.trim_end_matches('\0').to_string()),
        power_mode: power_mode(root),
        clocks: clocks(root),
        loads: loads(root),
        throttled: throttled(root),
        temperatures: zones(root),
        memory_mib: memory(&status, "VmRSS:"),
        peak_memory_mib: memory(&status, "VmHWM:"),
    }
}

/// The mode that the service noted, with its name where the table of modes has one.
fn power_mode(root: &Path) -> Option<String> {
    let noted = text(&root.join("var/lib/nvpmodel/status"))?;
    let number = noted
        .split_whitespace()
        .find_map(|word| word.strip_prefix("pmode:")?.parse::<u32>().ok());
    let table = std::fs::read_to_string(root.join("etc/nvpmodel.conf")).unwrap_or_default();
    match number.and_then(|number| mode_name(&table, number)) {
        Some(name) => Some(format!("{name} ({noted})")),
        None => Some(noted),
    }
}

/// The name in a line `< POWER_MODEL ID=1 NAME=25W >`.
fn mode_name(table: &str, number: u32) -> Option<&str> {
    table
        .lines()
        .filter(|line| line.contains("POWER_MODEL"))
        .find_map(|line| {
            let word = |key: &str| {
                line.split_whitespace()
                    .find_map(|word| word.strip_prefix(key))
            };
            (word("ID=")?.parse() == Ok(number)).then(|| word("NAME="))?
        })
}

fn clocks(root: &Path) -> Vec<ClockRate> {
    let cpus = listed(&root.join("sys/devices/system/cpu"), |name| {
        name.strip_prefix("cpu")
            .is_some_and(|n| n.parse::<u32>().is_ok())
    });
    let cpus = cpus.into_iter().filter_map(|(name, folder)| {
        let khz = |file: &str| number(&folder.join("cpufreq").join(file));
        Some(ClockRate {
            mhz: khz("scaling_cur_freq")? / 1e3,
            max_mhz: khz("scaling_max_freq")? / 1e3,
            hardware_mhz: khz("cpuinfo_max_freq").map(|khz| khz / 1e3),
            name,
        })
    });
    let others = listed(&root.join("sys/class/devfreq"), |_| true);
    let others = others.into_iter().filter_map(|(name, folder)| {
        Some(ClockRate {
            mhz: number(&folder.join("cur_freq"))? / 1e6,
            max_mhz: number(&folder.join("max_freq"))? / 1e6,
            hardware_mhz: highest(&folder.join("available_frequencies")).map(|hz| hz / 1e6),
            name,
        })
    });
    let mut all: Vec<ClockRate> = cpus.chain(others).collect();
    // Orin shows the memory's clock to root only; Thor among the others, as `bwmgr`.
    let memory = root.join("sys/kernel/debug/bpmp/debug/clk/emc");
    let rate = |file: &str| number(&memory.join(file)).map(|hz| hz / 1e6);
    if let (Some(mhz), Some(max_mhz)) = (rate("rate"), rate("max_rate")) {
        all.push(ClockRate {
            name: "emc".into(),
            mhz,
            max_mhz,
            hardware_mhz: None,
        });
    }
    all
}

/// The highest of the numbers in a file.
fn highest(path: &Path) -> Option<f64> {
    let numbers = text(path)?;
    numbers
        .split_whitespace()
        .filter_map(|number| number.parse::<f64>().ok())
        .filter(|number| number.is_finite())
        .max_by(f64::total_cmp)
}

/// Loads of devices with a clock of their own, which the GPU's driver tells in thousandths.
fn loads(root: &Path) -> Vec<PartLoad> {
    listed(&root.join("sys/class/devfreq"), |_| true)
        .into_iter()
        .filter_map(|(name, folder)| {
            let percent = number(&folder.join("device/load"))? / 10.0;
            (percent <= 100.0).then_some(PartLoad { name, percent })
        })
        .collect()
}

/// The counters of the supply's protection.
fn throttled(root: &Path) -> Vec<ThrottleCount> {
    listed(&root.join("sys/class/hwmon"), |_| true)
        .into_iter()
        .filter(|(_, folder)| text(&folder.join("name")).as_deref() == Some("soctherm_oc"))
        .flat_map(|(_, folder)| {
            ["oc1", "oc2", "oc3"].map(|name| {
                let events = number(&folder.join(format!("{name}_event_cnt")))?;
                Some(ThrottleCount {
                    name: name.into(),
                    events: events as u64,
                })
            })
        })
        .flatten()
        .collect()
}

/// Names and paths of what `folder` holds, sorted.
fn listed(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<(String, std::path::PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            )
        })
        .filter(|(name, _)| wanted(name))
        .collect();
    all.sort();
    all
}

fn number(path: &Path) -> Option<f64> {
    text(path)?
        .parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n >= 0.0)
}

/// A line `KEY   1234 kB` of `/proc/self/status`, MiB.
fn memory(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_reports_mode_clocks_temperatures_and_memory() {
        let root = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("var/lib/nvpmodel/status", "pmode:0002\n");
        put(
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
            "729600\n",
        );
        put(
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq",
            "1510400\n",
        );
        put(
            "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq",
            "1\n",
        );
        put("sys/devices/system/cpu/cpu1/online", "0\n");
        put("sys/class/devfreq/17000000.gpu/cur_freq", "306000000\n");
        put("sys/class/devfreq/17000000.gpu/max_freq", "1300500000\n");
        put(
            "proc/self/status",
            "Name:\tunmask\nVmHWM:\t  204800 kB\nVmRSS:\t  102912 kB\n",
        );
        let host = host(root.path());
        assert_eq!(host.power_mode.as_deref(), Some("pmode:0002"));
        let clocks: Vec<_> = host
            .clocks
            .iter()
            .map(|c| (c.name.as_str(), c.mhz, c.max_mhz))
            .collect();
        assert_eq!(
            clocks,
            [("cpu0", 729.6, 1510.4), ("17000000.gpu", 306.0, 1300.5)]
        );
        assert_eq!(host.memory_mib, Some(100.5));
        assert_eq!(host.peak_memory_mib, Some(200.0));
    }

    #[test]
    fn a_machine_that_reports_nothing_is_empty() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(host(root.path()), HostPower::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_memory() {
        assert!(host(Path::new("/")).memory_mib.unwrap() > 1.0);
    }
}
