//! What became of the alerts of a run: what it says itself, and what is really there.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which alert it is, over all runs.
pub type AlertKey = (String, String, u64);

/// What a sink says of its alerts.
#[derive(Clone, Debug, Default)]
pub struct SinkAccount {
    /// Its address.
    pub name: String,
    /// Handed to the sink.
    pub received: u64,
    /// The other end has them.
    pub delivered: u64,
    /// On disk, for a later run.
    pub buffered: u64,
    /// Lost and counted.
    pub lost: u64,
}

/// What the sinks of a run say, in the order of its settings.
pub fn sinks(summary: &Value) -> Vec<SinkAccount> {
    let sinks = summary["sinks"].as_array().cloned().unwrap_or_default();
    let number = |sink: &Value, key: &str| sink[key].as_u64().unwrap_or(0);
    sinks
        .iter()
        .map(|sink| SinkAccount {
            name: sink["name"].as_str().unwrap_or_default().to_string(),
            received: number(sink, "received"),
            delivered: number(sink, "delivered"),
            buffered: number(sink, "buffered"),
            lost: sink["discarded"].as_object().map_or(0, |lost| {
                lost.values().filter_map(Value::as_u64).sum::<u64>()
            }),
        })
        .collect()
}

/// What the broker's sink says; nothing where there is none.
pub fn broker_sink(summary: &Value) -> SinkAccount {
    let mut all = sinks(summary).into_iter();
    all.find(|sink| sink.name.starts_with("mqtt"))
        .unwrap_or_default()
}

/// What the file's sink says; nothing where there is none.
pub fn file_sink(summary: &Value) -> SinkAccount {
    let mut all = sinks(summary).into_iter();
    all.find(|sink| !sink.name.contains("://"))
        .unwrap_or_default()
}

/// The alert of a line of JSON.
pub fn alert_key(line: &[u8]) -> Option<AlertKey> {
    let alert: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| alert[key].as_str().map(str::to_string);
    Some((text("id")?, text("event")?, alert["frame"].as_u64()?))
}

/// Alerts in files of lines, and how many lines are not whole.
#[derive(Debug, Default)]
pub struct AlertLines {
    pub whole: BTreeSet<AlertKey>,
    pub lines: u64,
    pub damaged: u64,
}

impl AlertLines {
    /// Adds the lines of `files`; what is not there has none.
    pub fn read(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut found = Self::default();
        for file in files {
            found.add(&fs::read(file).unwrap_or_default());
        }
        found
    }

    fn add(&mut self, text: &[u8]) {
        for line in text.split(|&byte| byte == b'\n').filter(|l| !l.is_empty()) {
            match alert_key(line) {
                Some(key) => {
                    self.lines += 1;
                    self.whole.insert(key);
                }
                None => self.damaged += 1,
            }
        }
    }
}

/// Files of `folder` whose names begin with `start`.
pub fn named(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Whole lines of all outboxes below `folder`: number, checksum and text agree.
pub fn outbox(folder: &Path) -> AlertLines {
    let mut found = AlertLines::default();
    let boxes = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in boxes.flat_map(|entry| named(&entry.path(), "")) {
        if path.extension().is_none_or(|end| end != "log") {
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        for line in lines.filter(|line| *line != b"\n") {
            match outbox_line(line).and_then(alert_key) {
                Some(key) => {
                    found.lines += 1;
                    found.whole.insert(key);
                }
                None => found.damaged += 1,
            }
        }
    }
    found
}

/// The text of a line `NUMBER CRC32 TEXT` whose checksum is right.
fn outbox_line(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let mut word = || std::str::from_utf8(parts.next()?).ok();
    let number: u64 = word()?.parse().ok()?;
    let check = u32::from_str_radix(word()?, 16).ok()?;
    let text = parts.next()?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&number.to_le_bytes());
    crc.update(text);
    (crc.finalize() == check).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outbox_lines_are_checked() {
        let text = b"{}";
        let mut crc = crc32fast::Hasher::new();
        crc.update(&7u64.to_le_bytes());
        crc.update(text);
        let line = format!("7 {:08x} {{}}\n", crc.finalize());
        assert_eq!(outbox_line(line.as_bytes()), Some(&text[..]));
        assert_eq!(outbox_line(line.trim_end().as_bytes()), None);
        assert_eq!(outbox_line(line.replace('7', "8").as_bytes()), None);
    }

    #[test]
    fn alerts_are_known_by_id_event_and_frame() {
        let mut found = AlertLines::default();
        found.add(b"{\"id\":\"a\",\"event\":\"begin\",\"frame\":1}\n{\"id\":\"a\",\"ev");
        assert_eq!((found.lines, found.damaged), (1, 1));
        assert!(found.whole.contains(&("a".into(), "begin".into(), 1)));
    }
}
