//! Host monitor: high temperature, lowered clocks, changed power mode.
//!
//! Readings are files under `/sys`; they are read on a thread of their own, a few times per minute.
//! A zone is reported 5 °C below the point at which it slows the board down: before frames are late.

use super::power::{HostPower, host};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A zone is reported as cooled once it is so far below the temperature at which it was reported, °C.
const HYSTERESIS_C: f64 = 3.0;
/// A clock is reported where it may run at less than this share of the most it was ever allowed.
const LOWERED_SHARE: f64 = 0.95;

/// How the host is monitored: the table `[host]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSettings {
    /// Time between two readings, s; 0 = never.
    #[serde(alias = "every_s")]
    pub interval_s: f64,
    /// The folder in which `sys`, `proc` and `var` lie.
    pub root: PathBuf,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            interval_s: 5.0,
            root: "/".into(),
        }
    }
}

/// Something about the machine changed that slows frames down, or will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostChange {
    /// The same for the begin and the end of a condition.
    pub number: u64,
    /// Whether it begins; otherwise it ends.
    pub begins: bool,
    /// Description.
    pub detail: String,
}

impl std::fmt::Display for HostChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Tells changes from readings. Pure: it knows neither clock nor files.
#[derive(Debug, Default)]
pub struct HostMonitor {
    /// Active conditions by kind and name, with its number.
    active: BTreeMap<(&'static str, String), u64>,
    /// The most that each clock was allowed, MHz.
    max_mhz: BTreeMap<String, f64>,
    mode: Option<String>,
    last_number: u64,
}

impl HostMonitor {
    /// What changed since the look before.
    pub fn update(&mut self, host: &HostPower) -> Vec<HostChange> {
        let mut changes = Vec::new();
        for zone in &host.temperatures {
            let Some(limit_c) = zone.limit_c else {
                continue;
            };
            let key = ("heat", zone.name.clone());
            let goes_on = self.active.contains_key(&key);
            let mut cooler = zone.clone();
            cooler.temperature_c += HYSTERESIS_C;
            if zone.is_near_limit() && !goes_on {
                let detail = format!(
                    "{} is at {:.1} °C; from {limit_c:.1} °C on it slows the board down",
                    zone.name, zone.temperature_c
                );
                changes.push(self.begin(key, detail));
            } else if goes_on && !cooler.is_near_limit() {
                let detail = format!("{} is down to {:.1} °C", zone.name, zone.temperature_c);
                changes.extend(self.end(&key, detail));
            }
        }
        for clock in &host.clocks {
            let most = self.max_mhz.entry(clock.name.clone()).or_insert(0.0);
            *most = most.max(clock.max_mhz);
            let most = *most;
            let key = ("clock", clock.name.clone());
            let goes_on = self.active.contains_key(&key);
            let lowered = clock.max_mhz < most * LOWERED_SHARE;
            if lowered && !goes_on {
                let detail = format!(
                    "{} may run at {:.0} MHz only, not at {most:.0}",
                    clock.name, clock.max_mhz
                );
                changes.push(self.begin(key, detail));
            } else if goes_on && !lowered {
                let detail = format!("{} may run at {:.0} MHz again", clock.name, clock.max_mhz);
                changes.extend(self.end(&key, detail));
            }
        }
        if let Some(mode) = &host.power_mode {
            let before = self.mode.replace(mode.clone());
            if let Some(before) = before.filter(|before| before != mode) {
                self.last_number += 1;
                changes.push(HostChange {
                    number: self.last_number,
                    begins: true,
                    detail: format!("the power mode is {mode} now, it was {before}"),
                });
            }
        }
        changes
    }

    fn begin(&mut self, key: (&'static str, String), detail: String) -> HostChange {
        self.last_number += 1;
        self.active.insert(key, self.last_number);
        HostChange {
            number: self.last_number,
            begins: true,
            detail,
        }
    }

    fn end(&mut self, key: &(&'static str, String), detail: String) -> Option<HostChange> {
        Some(HostChange {
            number: self.active.remove(key)?,
            begins: false,
            detail,
        })
    }
}

/// Looks at the machine on a thread of its own, until dropped.
#[derive(Debug)]
pub struct HostWatch {
    changes: Receiver<HostChange>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HostWatch {
    /// Starts it; `None` where the settings say never.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(settings: &HostSettings) -> io::Result<Option<Self>> {
        let every = Duration::try_from_secs_f64(settings.interval_s).unwrap_or_default();
        if every.is_zero() {
            return Ok(None);
        }
        let (tell, changes) = channel();
        let (end, ended) = channel();
        let root = settings.root.clone();
        let thread = std::thread::Builder::new()
            .name("board".into())
            .spawn(move || {
                let mut judge = HostMonitor::default();
                loop {
                    for change in judge.update(&host(&root)) {
                        if tell.send(change).is_err() {
                            return;
                        }
                    }
                    if ended.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok(Some(Self {
            changes,
            end: Some(end),
            thread: Some(thread),
        }))
    }

    /// The next change, where there is one; never waits.
    pub fn next(&self) -> Option<HostChange> {
        self.changes.try_recv().ok()
    }
}

impl Drop for HostWatch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to report any more.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::power::ClockRate;
    use crate::health::thermal::ThermalZone;

    fn hot(temperature_c: f64) -> HostPower {
        HostPower {
            temperatures: vec![
                ThermalZone {
                    name: "gpu-thermal".into(),
                    temperature_c,
                    limit_c: Some(97.0),
                },
                // One without a limit is never reported.
                ThermalZone {
                    name: "wifi".into(),
                    temperature_c: 200.0,
                    limit_c: None,
                },
            ],
            ..HostPower::default()
        }
    }

    fn clocked(max_mhz: f64) -> HostPower {
        HostPower {
            clocks: vec![ClockRate {
                name: "cpu0".into(),
                mhz: 100.0,
                max_mhz,
                hardware_mhz: None,
            }],
            ..HostPower::default()
        }
    }

    #[test]
    fn heat_is_reported_before_the_limit_once_and_when_it_is_over() {
        let mut judge = HostMonitor::default();
        assert_eq!(judge.update(&hot(91.9)), []);
        let changes = judge.update(&hot(92.0));
        assert_eq!(changes.len(), 1);
        assert!(changes[0].begins && changes[0].detail.contains("gpu-thermal is at 92.0 °C"));
        // Around the border it is not reported again.
        assert_eq!(judge.update(&hot(91.0)), []);
        assert_eq!(judge.update(&hot(96.0)), []);
        let over = judge.update(&hot(88.9));
        assert_eq!((over[0].number, over[0].begins), (changes[0].number, false));
        assert_eq!(judge.update(&hot(88.0)), []);
        assert_eq!(judge.update(&hot(95.0))[0].number, 2);
    }

    #[test]
    fn a_clock_that_is_held_down_is_reported_and_an_idle_one_is_not() {
        let mut judge = HostMonitor::default();
        assert_eq!(judge.update(&clocked(1500.0)), []);
        assert_eq!(judge.update(&clocked(1430.0)), []);
        let changes = judge.update(&clocked(800.0));
        assert!(changes[0].begins && changes[0].detail.contains("800 MHz only, not at 1500"));
        assert_eq!(judge.update(&clocked(700.0)), []);
        let over = judge.update(&clocked(1500.0));
        assert_eq!((over[0].number, over[0].begins), (1, false));
    }

    #[test]
    fn another_power_mode_is_reported() {
        let mode = |name: &str| HostPower {
            power_mode: Some(name.into()),
            ..HostPower::default()
        };
        let mut judge = HostMonitor::default();
        assert_eq!(judge.update(&mode("pmode:0000")), []);
        assert_eq!(judge.update(&HostPower::default()), []);
        let changes = judge.update(&mode("pmode:0002"));
        assert!(
            changes[0].begins
                && changes[0]
                    .detail
                    .contains("pmode:0002 now, it was pmode:0000")
        );
        assert_eq!(judge.update(&mode("pmode:0002")), []);
    }

    #[test]
    fn the_thread_reads_files_and_ends() {
        let root = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| {
            let path = root
                .path()
                .join("sys/class/thermal/thermal_zone0")
                .join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("type", "cpu-thermal");
        put("trip_point_0_type", "passive");
        put("trip_point_0_temp", "97000");
        put("temp", "60000");
        let settings = HostSettings {
            interval_s: 0.01,
            root: root.path().into(),
        };
        let watch = HostWatch::start(&settings).unwrap().unwrap();
        put("temp", "95000");
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        let change = loop {
            if let Some(change) = watch.next() {
                break change;
            }
            assert!(std::time::Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(change.begins && change.to_string().contains("95.0 °C"));
        drop(watch);
        let never = HostSettings {
            interval_s: 0.0,
            ..settings
        };
        assert!(HostWatch::start(&never).unwrap().is_none());
    }
}
