//! Where a key stands in a file.

/// The key on a line (from 0), with its table.
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

/// The line, from 1, on which `key` is set, or its table begins.
pub(super) fn line_of(text: &str, key: &str) -> usize {
    let count = text.lines().count();
    let exact = (0..count).find(|&line| key_at(text, line) == key);
    let table = key.rsplit_once('.').map_or(key, |(table, _)| table);
    exact
        .or_else(|| (0..count).find(|&line| key_at(text, line) == table))
        .map_or(1, |line| line + 1)
}
