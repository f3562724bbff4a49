//! Everything a run can be told, in one TOML file.
//!
//! `unmask config` prints [`TEMPLATE`]: every key with its default and what it means. A file may
//! leave out what it does not change. Keys that are not known are refused, and every error names
//! file, line and key.

use crate::alert::{Confirm, Ground, Region, Rules, Settings as Decide, Severe};
use crate::budget::ladder;
use crate::pipeline::{Degrade, Step};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default configuration with comments, as `unmask config` prints it.
pub const TEMPLATE: &str = include_str!("config/template.toml");

/// Most steps of the ladder.
const STEPS_LIMIT: usize = 16;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key or value is wrong.
    #[error("{path}, line {line}, key `{key}`: {reason}. `unmask config` prints every key")]
    Key {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key with its tables; empty where the line holds none.
        key: String,
        /// What is wrong and what is wanted.
        reason: String,
    },
}

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where frames come from.
    pub source: Source,
    /// What scores them.
    pub model: Model,
    /// How old alerts may be.
    pub budget: Budget,
    /// What is told.
    pub decide: Rule,
    /// Place and optics of the camera.
    pub camera: Option<Ground>,
    /// What to do less of when frames miss their deadline.
    pub ladder: Ladder,
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// As `--source`.
    pub name: Option<String>,
    /// Frames to take; all, where absent.
    pub frames: Option<u64>,
    /// Frames a second, Hz.
    pub rate_hz: f64,
    /// Whether frames come at that rate whether or not they can be dealt with.
    pub realtime: bool,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            name: None,
            frames: None,
            rate_hz: 10.0,
            realtime: false,
        }
    }
}

/// What scores frames.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// The model file; `$UNMASK_MODEL` or the shipped one, where absent.
    pub file: Option<PathBuf>,
    /// Threads to compute with; 0 = all.
    pub threads: usize,
    /// Whether mask refinement is applied.
    pub refine: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            file: None,
            threads: 0,
            refine: true,
        }
    }
}

/// How old alerts may be.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// From capture to the writing of the alert, ms.
    pub ms: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { ms: 100.0 }
    }
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Score above which a cell counts as anomalous; the model's own, where absent.
    pub threshold: Option<f32>,
    /// Score above which neighbouring cells belong to it; the threshold less a tenth, where absent.
    pub low_threshold: Option<f32>,
    /// Smallest component, px of the picture.
    pub min_area_px: u32,
    /// Whether only things on or near the road count.
    pub only_near_road: bool,
    /// Polygon in which things count, corners as shares of the picture; everywhere, where absent.
    pub region: Option<Region>,
    /// `K/N`: seen in K of the last N frames of a film.
    pub confirm: Confirm,
    /// For how long a thing that ended does not begin anew in its place, s.
    pub cool_down_s: f64,
    /// On the road and up to this distance a thing is of high severity, m.
    pub severe_distance_m: f32,
    /// Where the distance is not known: from this share of the picture on.
    pub severe_area_share: f32,
    /// What a finding of a film must show to begin an alert.
    pub rules: Rules,
}

impl Default for Rule {
    fn default() -> Self {
        let film = Decide::film(1.0);
        Self {
            threshold: None,
            low_threshold: None,
            min_area_px: film.min_area_px,
            only_near_road: film.only_near_road,
            region: None,
            confirm: film.confirm,
            cool_down_s: film.cool_down.as_secs_f64(),
            severe_distance_m: film.severe.distance_m,
            severe_area_share: film.severe.area_share,
            rules: film.rules,
        }
    }
}

impl Rule {
    /// The decision's settings for a source of a `film` or of unrelated stills; `threshold` is
    /// that of the model, or the user's.
    pub fn settings(&self, threshold: f32, film: bool, ground: Option<Ground>) -> Decide {
        let usual = if film {
            Decide {
                confirm: self.confirm,
                rules: self.rules,
                cool_down: Duration::try_from_secs_f64(self.cool_down_s).unwrap_or_default(),
                ..Decide::film(threshold)
            }
        } else {
            Decide::stills(threshold)
        };
        Decide {
            low_threshold: self.low_threshold.unwrap_or(usual.low_threshold),
            min_area_px: self.min_area_px,
            only_near_road: self.only_near_road,
            region: self.region.clone(),
            ground,
            severe: Severe {
                distance_m: self.severe_distance_m,
                area_share: self.severe_area_share,
            },
            ..usual
        }
    }
}

/// The degrade ladder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ladder {
    /// Frames a window.
    pub window: u32,
    /// Step down where more than this share of a window missed.
    pub down_above: f32,
    /// A window is calm where at most this share missed.
    pub up_below: f32,
    /// Calm windows in a row before a step up.
    pub calm_windows: u32,
    /// Steps below the top, in order.
    pub steps: Vec<LadderStep>,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            window: 100,
            down_above: 0.1,
            up_below: 0.01,
            calm_windows: 5,
            steps: Vec::new(),
        }
    }
}

/// A step of the ladder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderStep {
    /// What it is called in alerts.
    pub name: String,
    /// Whether mask refinement stays.
    #[serde(default = "yes")]
    pub refine: bool,
    /// Of so many frames one is served.
    #[serde(default = "one")]
    pub every: u64,
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

impl Ladder {
    /// The pipeline's ladder; `None` without steps.
    pub fn degrade(&self) -> Option<Degrade> {
        let steps: Vec<Step> = self
            .steps
            .iter()
            .map(|step| Step {
                name: step.name.clone(),
                refine: step.refine,
                every: step.every,
            })
            .collect();
        (!steps.is_empty()).then_some(Degrade {
            ladder: ladder::Settings {
                steps: steps.len(),
                window: self.window,
                down_above: self.down_above,
                up_below: self.up_below,
                calm_windows: self.calm_windows,
            },
            steps,
        })
    }
}

impl Config {
    /// Reads and checks `path`.
    ///
    /// # Errors
    /// A file that cannot be read; the first key that is unknown or whose value cannot be.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Checks the text of `path`.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let fault = |line: usize, key: String, reason: String| ConfigError::Key {
            path: path.to_path_buf(),
            line,
            key,
            reason,
        };
        let config: Config = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..at]
                .iter()
                .filter(|&&b| b == b'\n')
                .count();
            let reason = error.message().trim_end_matches('.').replace('\n', ", ");
            fault(line + 1, key_at(text, line), reason)
        })?;
        match config.fault() {
            None => Ok(config),
            Some((key, want)) => {
                let reason = format!("wanted {want}");
                Err(fault(line_of(text, &key), key, reason))
            }
        }
    }

    /// The first value that cannot be: its key and what is wanted.
    fn fault(&self) -> Option<(String, String)> {
        let decide = &self.decide;
        let share = |v: f32| (0.0..=1.0).contains(&v);
        let finite = |v: Option<f32>| v.is_none_or(f32::is_finite);
        let (high, low) = (decide.threshold, decide.low_threshold);
        let checks = [
            (
                "source.frames",
                self.source.frames != Some(0),
                "a number from 1 on",
            ),
            (
                "source.rate_hz",
                self.source.rate_hz > 0.0 && self.source.rate_hz <= 1000.0,
                "a number above 0 and at most 1000",
            ),
            ("model.threads", self.model.threads <= 1024, "at most 1024"),
            (
                "budget.ms",
                self.budget.ms > 0.0 && self.budget.ms <= 3.6e6,
                "a number above 0 and at most 3600000 (an hour)",
            ),
            ("decide.threshold", finite(high), "a finite number"),
            (
                "decide.low_threshold",
                finite(low) && high.zip(low).is_none_or(|(high, low)| low <= high),
                "a number of at most the threshold",
            ),
            (
                "decide.cool_down_s",
                (0.0..=86_400.0).contains(&decide.cool_down_s),
                "a number from 0 to 86400 (a day)",
            ),
            (
                "decide.severe_distance_m",
                decide.severe_distance_m >= 0.0,
                "a number from 0 on",
            ),
            (
                "decide.severe_area_share",
                share(decide.severe_area_share),
                "a share from 0 to 1",
            ),
            (
                "decide.rules.min_contrast",
                !decide.rules.min_contrast.is_nan(),
                "a number",
            ),
            (
                "decide.rules.min_thickness_px",
                decide.rules.min_thickness_px >= 0.0,
                "a number from 0 on",
            ),
            (
                "decide.rules.min_fill",
                share(decide.rules.min_fill),
                "a share from 0 to 1",
            ),
            (
                "decide.rules.min_road_share",
                share(decide.rules.min_road_share),
                "a share from 0 to 1",
            ),
            (
                "decide.rules.min_growth",
                decide.rules.min_growth >= 0.0,
                "a number from 0 on",
            ),
            (
                "decide.rules.max_rise",
                decide.rules.max_rise >= 0.0,
                "a number from 0 on",
            ),
            (
                "ladder.window",
                self.ladder.window > 0,
                "a number from 1 on",
            ),
            (
                "ladder.down_above",
                share(self.ladder.down_above),
                "a share from 0 to 1",
            ),
            (
                "ladder.up_below",
                share(self.ladder.up_below) && self.ladder.up_below <= self.ladder.down_above,
                "a share from 0 to 1, at most down_above",
            ),
            (
                "ladder.calm_windows",
                self.ladder.calm_windows > 0,
                "a number from 1 on",
            ),
            (
                "ladder.steps",
                self.ladder.steps.len() <= STEPS_LIMIT,
                "at most 16 steps",
            ),
            (
                "ladder.steps.every",
                self.ladder
                    .steps
                    .iter()
                    .all(|s| (1..=1000).contains(&s.every)),
                "a number from 1 to 1000",
            ),
        ];
        let first = checks.into_iter().find(|(_, good, _)| !good);
        let plain = first.map(|(key, _, want)| (key.to_string(), want.to_string()));
        plain
            .or_else(|| {
                let (key, want) = self.camera?.fault()?;
                Some((format!("camera.{key}"), want.to_string()))
            })
            .or_else(|| {
                let error = self.source.name.as_ref()?.parse::<crate::camera::Source>();
                Some(("source.name".into(), format!("a source: {}", error.err()?)))
            })
    }
}

/// The key on a line (from 0), with its table.
fn key_at(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let own = lines.get(line).map_or("", |l| l.trim());
    if own.starts_with('[') {
        return own.trim_matches(['[', ']']).to_string();
    }
    let key = own.split_once('=').map_or("", |(key, _)| key.trim());
    let table = lines[..line.min(lines.len())]
        .iter()
        .rev()
        .map(|l| l.trim())
        .find(|l| l.starts_with('['))
        .map(|l| l.split(']').next().unwrap_or(l).trim_matches('['));
    match table {
        Some(table) if !key.is_empty() => format!("{table}.{key}"),
        _ => key.to_string(),
    }
}

/// The line, from 1, on which `key` is set, or its table begins.
fn line_of(text: &str, key: &str) -> usize {
    let count = text.lines().count();
    let exact = (0..count).find(|&line| key_at(text, line) == key);
    let table = key.rsplit_once('.').map_or(key, |(table, _)| table);
    exact
        .or_else(|| (0..count).find(|&line| key_at(text, line) == table))
        .map_or(1, |line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("my.toml"))
    }

    /// What is said about a text that is refused.
    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_template_holds_the_defaults_and_an_empty_file_means_them() {
        assert_eq!(parse(TEMPLATE).unwrap(), Config::default());
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn every_line_of_the_template_that_is_commented_out_is_valid() {
        // A line that begins with `# key = ` shows a key that is absent by default.
        let all: String = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        assert!(all.contains("\nname = ") && all.contains("[[ladder.steps]]"));
        let config = parse(&all).unwrap();
        assert_eq!(config.source.name.as_deref(), Some("synthetic:7"));
        assert!(config.camera.is_some() && config.decide.region.is_some());
        assert_eq!(config.ladder.degrade().unwrap().steps.len(), 2);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let said = refused("[budget]\nms = 50\n\n[decide]\nmin_area = 3\n");
        for part in ["my.toml, line 5", "`decide.min_area`", "min_area_px"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(
            refused("[sink]\n").contains("line 1"),
            "{}",
            refused("[sink]\n")
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_its_key() {
        let said = refused("[model]\nthreads = \"two\"\n");
        assert!(
            said.contains("line 2") && said.contains("`model.threads`"),
            "{said}"
        );
        let said = refused("[decide]\nconfirm = \"4\"\n");
        assert!(
            said.contains("`decide.confirm`") && said.contains("K/N"),
            "{said}"
        );
        let said = refused("[decide]\nregion = [[0, 0], [1, 1]]\n");
        assert!(
            said.contains("`decide.region`") && said.contains("3 to 64"),
            "{said}"
        );
        let said = refused("[decide\n");
        assert!(said.contains("line 1"), "{said}");
    }

    #[test]
    fn a_value_out_of_range_is_named_with_key_line_and_what_is_wanted() {
        let cases = [
            (
                "[source]\nname = \"nowhere:1\"",
                "source.name",
                "synthetic:SEED",
            ),
            ("[source]\nframes = 0", "source.frames", "from 1"),
            ("[source]\nrate_hz = 0", "source.rate_hz", "above 0"),
            ("[model]\nthreads = 5000", "model.threads", "1024"),
            ("[budget]\nms = -1", "budget.ms", "above 0"),
            ("[budget]\nms = nan", "budget.ms", "above 0"),
            ("[decide]\nthreshold = inf", "decide.threshold", "finite"),
            (
                "[decide]\nlow_threshold = 2\nthreshold = 1",
                "decide.low_threshold",
                "at most",
            ),
            ("[decide]\ncool_down_s = -1", "decide.cool_down_s", "from 0"),
            (
                "[decide]\nsevere_distance_m = -1",
                "decide.severe_distance_m",
                "from 0",
            ),
            (
                "[decide]\nsevere_area_share = 2",
                "decide.severe_area_share",
                "0 to 1",
            ),
            (
                "[decide.rules]\nmin_road_share = 2",
                "decide.rules.min_road_share",
                "0 to 1",
            ),
            (
                "[decide.rules]\nmin_contrast = nan",
                "decide.rules.min_contrast",
                "number",
            ),
            (
                "[decide.rules]\nmin_thickness_px = -1",
                "decide.rules.min_thickness_px",
                "0 on",
            ),
            (
                "[decide.rules]\nmin_growth = -1",
                "decide.rules.min_growth",
                "0 on",
            ),
            (
                "[decide.rules]\nmin_fill = 2",
                "decide.rules.min_fill",
                "0 to 1",
            ),
            (
                "[decide.rules]\nmax_rise = nan",
                "decide.rules.max_rise",
                "0 on",
            ),
            ("[ladder]\nwindow = 0", "ladder.window", "from 1"),
            ("[ladder]\ndown_above = 2", "ladder.down_above", "0 to 1"),
            ("[ladder]\nup_below = 0.5", "ladder.up_below", "at most"),
            (
                "[ladder]\ncalm_windows = 0",
                "ladder.calm_windows",
                "from 1",
            ),
            (
                "[camera]\nheight_m = 0\npitch_deg = 0\nfocal_widths = 1",
                "camera.height_m",
                "above 0",
            ),
        ];
        for (text, key, want) in cases {
            let said = refused(text);
            for part in ["line 2", &format!("`{key}`"), want] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
        let said = refused("[[ladder.steps]]\nname = \"a\"\nevery = 0");
        assert!(
            said.contains("line 3") && said.contains("`ladder.steps.every`"),
            "{said}"
        );
    }

    #[test]
    fn stills_take_neither_confirmation_nor_rules() {
        let config = parse("[decide]\nconfirm = \"3/4\"\nmin_area_px = 7\n").unwrap();
        let (film, stills) = (
            config.decide.settings(0.5, true, None),
            config.decide.settings(0.5, false, None),
        );
        assert_eq!(film.confirm, Confirm::new(3, 4).unwrap());
        assert_eq!((film.rules, film.min_area_px), (Rules::FILM, 7));
        assert_eq!(
            (stills.confirm, stills.rules),
            (Confirm::AT_ONCE, Rules::NONE)
        );
        assert_eq!(stills.min_area_px, 7);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Config::read(Path::new("/nowhere/my.toml")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/my.toml"));
    }
}
