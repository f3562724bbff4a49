//! The files of an outbox: segments of lines, and the number that was acknowledged.

use super::LINE_LIMIT;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A file of lines, named after the number of its first.
#[derive(Debug)]
pub(super) struct Segment {
    pub first: u64,
    pub bytes: u64,
}

pub(super) fn name(first: u64) -> String {
    format!("{first:020}.log")
}

pub(super) fn create(folder: &Path, first: u64) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(folder.join(name(first)))
}

/// The segments of `folder`, in order.
pub(super) fn segments(folder: &Path) -> io::Result<VecDeque<Segment>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let number = file_name
            .to_str()
            .and_then(|name| name.strip_suffix(".log")?.parse().ok());
        if let Some(first) = number {
            let bytes = entry.metadata()?.len();
            found.push(Segment { first, bytes });
        }
    }
    found.sort_by_key(|segment| segment.first);
    Ok(found.into())
}

/// The highest number in a segment, and how many of its lines are damaged.
pub(super) fn scan(path: &Path) -> io::Result<(Option<u64>, u64)> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut highest, mut damaged) = (None, 0);
    loop {
        let mut line = Vec::new();
        (&mut file).take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok((highest, damaged));
        }
        match parse(&line) {
            Some((number, _)) => highest = highest.max(Some(number)),
            None => damaged += 1,
        }
    }
}

/// Number and text of a whole and sound line.
pub(super) fn parse(line: &[u8]) -> Option<(u64, &[u8])> {
    let line = line.strip_suffix(b"\n")?;
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let number = number(parts.next()?)?;
    let check = u32::from_str_radix(std::str::from_utf8(parts.next()?).ok()?, 16).ok()?;
    let text = parts.next()?;
    (checksum(number, text) == check).then_some((number, text))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

pub(super) fn checksum(number: u64, text: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&number.to_le_bytes());
    crc.update(text);
    crc.finalize()
}

/// What `acked` says; `None` where it is missing or damaged.
pub(super) fn read_acked(folder: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(folder.join("acked")).ok()?;
    let (digits, check) = text.trim_end().split_once(' ')?;
    let acked = number(digits.as_bytes())?;
    (u32::from_str_radix(check, 16).ok()? == checksum(acked, b"acked")).then_some(acked)
}
