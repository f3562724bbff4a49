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
    assert!(all.contains("\nuri = ") && all.contains("[[ladder.steps]]"));
    let config = parse(&all).unwrap();
    assert_eq!(config.source.uri.as_deref(), Some("synthetic:7"));
    assert!(config.camera_geometry.is_some() && config.filter.zone.is_some());
    assert_eq!(config.ladder.degrade().unwrap().steps.len(), 3);
    assert_eq!(config.realtime.priority, Some(50));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let said = refused("[budget]\nms = 50\n\n[filter]\nmin_area = 3\n");
    for part in ["my.toml, line 5", "`filter.min_area`", "min_area_px"] {
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
    let said = refused("[filter]\nconfirm = \"4\"\n");
    assert!(
        said.contains("`filter.confirm`") && said.contains("K/N"),
        "{said}"
    );
    let said = refused("[filter]\nzone = [[0, 0], [1, 1]]\n");
    assert!(
        said.contains("`filter.zone`") && said.contains("3 to 64"),
        "{said}"
    );
    let said = refused("[sink]\nalerts = [\"http://x\"]\n");
    assert!(
        said.contains("`sink.alerts`") && said.contains("mqtts://"),
        "{said}"
    );
    let said = refused("[filter\n");
    assert!(said.contains("line 1"), "{said}");
}

#[test]
fn a_value_out_of_range_is_named_with_key_line_and_what_is_wanted() {
    let cases = [
        (
            "[source]\nuri = \"nowhere:1\"",
            "source.uri",
            "synthetic:SEED",
        ),
        ("[source]\nframes = 0", "source.frames", "from 1"),
        ("[source]\nrate_hz = 0", "source.rate_hz", "above 0"),
        ("[model]\nthreads = 5000", "model.threads", "1024"),
        ("[budget]\nms = -1", "budget.ms", "above 0"),
        ("[budget]\nms = nan", "budget.ms", "above 0"),
        ("[filter]\nthreshold = inf", "filter.threshold", "finite"),
        (
            "[filter]\nlow_threshold = 2\nthreshold = 1",
            "filter.low_threshold",
            "at most",
        ),
        ("[filter]\ncooldown_s = -1", "filter.cooldown_s", "from 0"),
        (
            "[filter]\nhigh_severity_distance_m = -1",
            "filter.high_severity_distance_m",
            "from 0",
        ),
        (
            "[filter]\nhigh_severity_area_share = 2",
            "filter.high_severity_area_share",
            "0 to 1",
        ),
        (
            "[filter.rules]\nmin_road_share = 2",
            "filter.rules.min_road_share",
            "0 to 1",
        ),
        (
            "[filter.rules]\nmin_contrast = nan",
            "filter.rules.min_contrast",
            "number",
        ),
        (
            "[filter.rules]\nmin_thickness_px = -1",
            "filter.rules.min_thickness_px",
            "0 on",
        ),
        (
            "[filter.rules]\nmin_growth = -1",
            "filter.rules.min_growth",
            "0 on",
        ),
        (
            "[filter.rules]\nmin_fill = 2",
            "filter.rules.min_fill",
            "0 to 1",
        ),
        (
            "[filter.rules]\nmax_rise = nan",
            "filter.rules.max_rise",
            "0 on",
        ),
        (
            "[ladder]\nwindow_frames = 0",
            "ladder.window_frames",
            "from 1",
        ),
        (
            "[ladder]\ndegrade_above = 2",
            "ladder.degrade_above",
            "0 to 1",
        ),
        (
            "[ladder]\nrecover_below = 0.5",
            "ladder.recover_below",
            "at most",
        ),
        (
            "[ladder]\nrecover_windows = 0",
            "ladder.recover_windows",
            "from 1",
        ),
        ("[realtime]\npriority = 99", "realtime.priority", "1 to 98"),
        ("[realtime]\ncores = [9999999]", "realtime.cores", "from 0"),
        ("[host]\ninterval_s = -1", "host.interval_s", "never"),
        (
            "[sink]\nqueue_capacity = 0",
            "sink.queue_capacity",
            "from 1",
        ),
        (
            "[sink.mqtt]\nmax_in_flight = 0",
            "sink.mqtt.max_in_flight",
            "from 1",
        ),
        (
            "[sink.mqtt]\ncert_file = \"a\"",
            "sink.mqtt.cert_file",
            "key_file",
        ),
        (
            "[sink.evidence]\nmax_frames = 0",
            "sink.evidence.max_frames",
            "from 1",
        ),
        (
            "[camera_geometry]\nheight_m = 0\npitch_deg = 0\nfocal_widths = 1",
            "camera_geometry.height_m",
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
fn former_keys_are_accepted() {
    let former = parse(include_str!("tests/former_keys.toml")).unwrap();
    let present = parse(include_str!("tests/present_keys.toml")).unwrap();
    assert_eq!(former, present);
    assert_ne!(former, RunConfig::default());
    for (text, key) in [
        ("[decide]\ncool_down_s = -1", "decide.cool_down_s"),
        ("[board]\nevery_s = -1", "board.every_s"),
        ("[sink]\nring = 0", "sink.ring"),
        (
            "[camera]\nheight_m = 0\npitch_deg = 0\nfocal_widths = 1",
            "camera.height_m",
        ),
    ] {
        let error = refused(text);
        assert!(
            error.contains("line 2") && error.contains(&format!("`{key}`")),
            "{error}"
        );
    }
}

#[test]
fn images_need_neither_confirmation_nor_rules() {
    let config = parse("[filter]\nconfirm = \"3/4\"\nmin_area_px = 7\n").unwrap();
    let (video, images) = (
        config.filter.settings(0.5, true, None),
        config.filter.settings(0.5, false, None),
    );
    assert_eq!(video.confirm, TrackConfirmation::new(3, 4).unwrap());
    assert_eq!((video.rules, video.min_area_px), (FilterRules::VIDEO, 7));
    assert_eq!(
        (images.confirm, images.rules),
        (TrackConfirmation::IMMEDIATE, FilterRules::NONE)
    );
    assert_eq!(images.min_area_px, 7);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = RunConfig::read(Path::new("/nowhere/my.toml")).unwrap_err();
    assert!(error.to_string().contains("/nowhere/my.toml"));
}
