//! The configuration as users write it.

use super::*;
use unmask_alert::{FilterRules, TrackConfirmation};

fn parse(text: &str) -> Result<RunConfig, ConfigError> {
    RunConfig::parse(text, Path::new("my.toml"))
}

/// What is said about a text that is refused.
fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_template_holds_the_defaults_and_an_empty_file_means_them() {
    assert_eq!(parse(TEMPLATE).unwrap(), RunConfig::default());
    assert_eq!(parse("").unwrap(), RunConfig::default());
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
    assert_eq!(config.source.uri.as_deref(), Some("synthetic:7"));
    assert!(config.camera_geometry.is_some() && config.filter.zone.is_some());
    assert_eq!(config.ladder.degrade().unwrap().steps.len(), 3);
    assert_eq!(config.realtime.priority, Some(50));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let said = refused("[budget]\nms = 50\n\n[decide]\nmin_area = 3\n");
    for part in ["my.toml, line 5", "`decide.min_area`", "min_area_px"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = refused("[sink]\nalert = []\n");
    assert!(
        said.contains("line 2") && said.contains("`sink.alert`"),
        "{said}"
    );
    assert!(refused("[sinks]\n").contains("line 1"));
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
    let said = refused("[sink]\nalerts = [\"http://x\"]\n");
    assert!(
        said.contains("`sink.alerts`") && said.contains("mqtts://"),
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
        ("[realtime]\npriority = 99", "realtime.priority", "1 to 98"),
        ("[realtime]\ncores = [9999999]", "realtime.cores", "from 0"),
        ("[board]\nevery_s = -1", "board.every_s", "never"),
        ("[sink]\nring = 0", "sink.ring", "from 1"),
        ("[sink.mqtt]\nwindow = 0", "sink.mqtt.window", "from 1"),
        (
            "[sink.mqtt]\ncert_file = \"a\"",
            "sink.mqtt.cert_file",
            "key_file",
        ),
        (
            "[sink.evidence]\nframes = 0",
            "sink.evidence.frames",
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
        config.filter.settings(0.5, true, None),
        config.filter.settings(0.5, false, None),
    );
    assert_eq!(film.confirm, TrackConfirmation::new(3, 4).unwrap());
    assert_eq!((film.rules, film.min_area_px), (FilterRules::VIDEO, 7));
    assert_eq!(
        (stills.confirm, stills.rules),
        (TrackConfirmation::IMMEDIATE, FilterRules::NONE)
    );
    assert_eq!(stills.min_area_px, 7);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = RunConfig::read(Path::new("/nowhere/my.toml")).unwrap_err();
    assert!(error.to_string().contains("/nowhere/my.toml"));
}
