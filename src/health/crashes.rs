//! Counts starts that did not end in order, and says when a run is to begin in safe mode.
//!
//! Each start leaves its time in a file in the service's folder below `/run`, and an end in order takes the
//! file away: what is found there are crashes. The folder does not outlive a boot or `systemctl stop`.

use serde::Deserialize;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Stands in the file of a start in safe mode.
const SAFE: &str = "safe";
/// A file that is longer is none of ours.
const FILE_LIMIT_BYTES: u64 = 1 << 16;

/// When a run begins in safe mode, and for how long it stays there: the table `[safe_mode]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SafeModeSettings {
    /// Crashes that lead to safe mode; 0 = none do.
    pub crashes: u32,
    /// The time in which they fall, s.
    pub within_s: f64,
    /// How long safe mode lasts, if it does not crash itself, s.
    pub calm_s: f64,
}

impl Default for SafeModeSettings {
    fn default() -> Self {
        Self {
            crashes: 5,
            within_s: 60.0,
            calm_s: 3600.0,
        }
    }
}

impl SafeModeSettings {
    /// How long safe mode lasts.
    pub fn calm(&self) -> Duration {
        Duration::try_from_secs_f64(self.calm_s).unwrap_or(Duration::MAX)
    }
}

/// The starts of a service that did not end in order.
#[derive(Debug)]
pub struct CrashLog {
    file: PathBuf,
    safe: Option<String>,
}

impl CrashLog {
    /// Notes that a run starts, `uptime_s` after the machine did, in `folder`. A file that cannot be
    /// read as ours counts as none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(folder: &Path, settings: &SafeModeSettings, uptime_s: f64) -> io::Result<Self> {
        let file = folder.join("starts");
        let before = unmask_frame::read_regular_text(&file, FILE_LIMIT_BYTES).unwrap_or_default();
        let (text, safe) = judge(&before, settings, uptime_s);
        std::fs::write(&file, text)?;
        Ok(Self { file, safe })
    }

    /// Why this run is to be in safe mode; `None` if it is not.
    pub fn safe_mode(&self) -> Option<&str> {
        self.safe.as_deref()
    }

    /// The run ended in order.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn end(self) -> io::Result<()> {
        std::fs::remove_file(&self.file)
    }
}

/// The file's text after a start at `now_s`, and why it is in safe mode, if it is.
fn judge(before: &str, settings: &SafeModeSettings, now_s: f64) -> (String, Option<String>) {
    let within = |start_s: &f64| (0.0..=settings.within_s).contains(&(now_s - start_s));
    let recent: Vec<f64> = before
        .lines()
        .filter_map(|line| line.parse().ok())
        .filter(within)
        .collect();
    let crashes = recent.len();
    let was_safe = before.lines().any(|line| line == SAFE);
    let many = settings.crashes > 0 && crashes as u64 >= u64::from(settings.crashes);
    let safe = if many {
        Some(format!(
            "{crashes} starts failed within {:.0} s",
            settings.within_s
        ))
    } else if was_safe && settings.crashes > 0 {
        Some("safe mode itself failed".to_string())
    } else {
        None
    };
    let mut text = String::new();
    if safe.is_some() {
        let _ = writeln!(text, "{SAFE}");
    }
    for start_s in recent.iter().chain([&now_s]) {
        let _ = writeln!(text, "{start_s:.3}");
    }
    (text, safe)
}

/// Seconds since the machine started; `None` where the system does not say.
pub fn uptime_s() -> Option<f64> {
    let text = super::file::text(Path::new("/proc/uptime"))?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts at these times, none of which ends in order; whether each is in safe mode.
    fn starts(settings: &SafeModeSettings, times: &[f64]) -> Vec<bool> {
        let mut text = String::new();
        let mut all = Vec::new();
        for &now_s in times {
            let (after, safe) = judge(&text, settings, now_s);
            text = after;
            all.push(safe.is_some());
        }
        all
    }

    #[test]
    fn the_start_after_five_crashes_in_a_minute_is_safe() {
        let settings = SafeModeSettings::default();
        let quick = starts(
            &settings,
            &[100.0, 103.0, 106.0, 109.0, 112.0, 115.0, 118.0],
        );
        assert_eq!(quick, [false, false, false, false, false, true, true]);
        // One every quarter of a minute is no loop.
        let slow = starts(&settings, &[0.0, 15.0, 30.0, 45.0, 61.0, 76.0, 91.0]);
        assert!(!slow.contains(&true), "{slow:?}");
        let never = SafeModeSettings {
            crashes: 0,
            ..settings
        };
        assert!(!starts(&never, &[0.0; 20]).contains(&true));
    }

    #[test]
    fn safe_mode_that_crashes_stays_safe_and_an_end_in_order_leaves_it() {
        let settings = SafeModeSettings {
            crashes: 1,
            ..SafeModeSettings::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let begin = |now_s| CrashLog::begin(folder.path(), &settings, now_s).unwrap();
        assert_eq!(begin(0.0).safe_mode(), None);
        assert_eq!(begin(1.0).safe_mode(), Some("1 starts failed within 60 s"));
        // Long after: it is safe since the run before was, and did not end in order.
        let after = begin(1000.0);
        assert_eq!(after.safe_mode(), Some("safe mode itself failed"));
        after.end().unwrap();
        assert_eq!(begin(1001.0).safe_mode(), None);
    }

    #[test]
    fn a_file_of_nonsense_and_times_to_come_count_for_nothing() {
        let settings = SafeModeSettings::default();
        let (text, safe) = judge(
            "x\n\u{0}\nNaN\ninf\n-5\n900\n901\n902\n903\n904\n",
            &settings,
            100.0,
        );
        assert_eq!((text.as_str(), safe), ("100.000\n", None));
        assert!(CrashLog::begin(Path::new("/nowhere"), &settings, 1.0).is_err());
        assert!(uptime_s().is_none_or(|s| s > 0.0));
    }
}
