//! Finds a key in the text of a configuration file, under its present or a former name.

/// Former names of tables, and their present names.
const FORMER_TABLES: [(&str, &str); 3] = [
    ("decide", "filter"),
    ("camera", "camera_geometry"),
    ("board", "host"),
];

/// Former names of keys, in their present table, and their present names. The settings accept both
/// (`serde(alias)`).
const FORMER_KEYS: [(&str, &str); 23] = [
    ("source.name", "source.uri"),
    ("filter.region", "filter.zone"),
    ("filter.cool_down_s", "filter.cooldown_s"),
    (
        "filter.severe_distance_m",
        "filter.high_severity_distance_m",
    ),
    (
        "filter.severe_area_share",
        "filter.high_severity_area_share",
    ),
    ("filter.rules.whole", "filter.rules.reject_truncated"),
    ("ladder.window", "ladder.window_frames"),
    ("ladder.down_above", "ladder.degrade_above"),
    ("ladder.up_below", "ladder.recover_below"),
    ("ladder.calm_windows", "ladder.recover_windows"),
    ("host.every_s", "host.interval_s"),
    ("sink.ring", "sink.queue_capacity"),
    ("sink.close_ms", "sink.shutdown_timeout_ms"),
    ("sink.file.keep", "sink.file.max_files"),
    ("sink.socket.hold_ms", "sink.socket.send_timeout_ms"),
    ("sink.socket.retry_ms", "sink.socket.retry_interval_ms"),
    ("sink.mqtt.window", "sink.mqtt.max_in_flight"),
    ("sink.mqtt.outbox_bytes", "sink.mqtt.outbox_max_bytes"),
    ("sink.mqtt.sync_ms", "sink.mqtt.fsync_interval_ms"),
    ("sink.mqtt.outbox", "sink.mqtt.outbox_folder"),
    ("sink.evidence.frames", "sink.evidence.max_frames"),
    ("sink.evidence.bytes", "sink.evidence.max_bytes"),
    ("sink.evidence.spacing_ms", "sink.evidence.min_interval_ms"),
];

/// The key on a line (from 0), with its table, as the file names it.
pub(super) fn key_at(text: &str, line: usize) -> String {
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

/// The line, from 1, on which `key` is set, or its table begins; and the key as the file names it.
pub(super) fn locate(text: &str, key: &str) -> (usize, String) {
    let count = text.lines().count();
    let position = |key: &str| (0..count).find(|&line| present_name(&key_at(text, line)) == key);
    if let Some(line) = position(key) {
        return (line + 1, key_at(text, line));
    }
    let table = key.rsplit_once('.').map_or(key, |(table, _)| table);
    let line = position(table).map_or(1, |line| line + 1);
    (line, key.to_string())
}

/// The present name of `key`.
fn present_name(key: &str) -> String {
    let (table, rest) = key.split_once('.').unwrap_or((key, ""));
    let table = FORMER_TABLES
        .iter()
        .find(|(former, _)| *former == table)
        .map_or(table, |(_, present)| present);
    let key = match rest {
        "" => table.to_string(),
        rest => format!("{table}.{rest}"),
    };
    FORMER_KEYS
        .iter()
        .find(|(former, _)| *former == key)
        .map_or(key.clone(), |(_, present)| (*present).to_string())
}
