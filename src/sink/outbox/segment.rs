//! The files of an outbox: segments of lines, and the first unacknowledged number.

use super::LINE_LIMIT;
use crate::sink::disk::{FileId, SinkDisk};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A file of lines, named after the number of its first. It stays open: what someone removes can
/// still be read, and put back.
#[derive(Debug)]
pub(super) struct OutboxSegment {
    pub first: u64,
    pub file: File,
    pub id: FileId,
    /// Length up to the end of its last whole line.
    pub bytes: u64,
    /// So much of it is on the medium.
    pub synced: u64,
}

impl OutboxSegment {
    /// Flushes it to the medium. After a failure the system may have thrown away what it had in
    /// its cache while it calls that clean: it is written once more, to be flushed the next time.
    pub fn sync(&mut self, disk: &SinkDisk) -> io::Result<()> {
        if self.synced == self.bytes {
            return Ok(());
        }
        if let Err(error) = disk.sync(&self.file) {
            let mut rest = vec![0; (self.bytes - self.synced) as usize];
            if self.file.read_exact_at(&mut rest, self.synced).is_ok() {
                // Over the same bytes: a piece of it changes nothing.
                let _ = self.file.write_all_at(&rest, self.synced);
            }
            return Err(error);
        }
        self.synced = self.bytes;
        Ok(())
    }
}

pub(super) fn name(first: u64) -> String {
    format!("{first:020}.log")
}

/// To be written at any place: `O_APPEND` would leave the rest of a torn line before the next one.
pub(super) fn writing() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    options
}

/// First numbers of the segments of `folder`, in order.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file_name = entry?.file_name();
        let number: Option<u64> = file_name
            .to_str()
            .and_then(|name| name.strip_suffix(".log")?.parse().ok());
        found.extend(number.filter(|first| file_name.to_str() == Some(&name(*first))));
    }
    found.sort_unstable();
    Ok(found)
}

/// Calls `found` with number, offset and length of each sound line; returns how many are damaged.
pub(super) fn read_segment(file: &File, mut found: impl FnMut(u64, u64, u32)) -> io::Result<u64> {
    let mut file = BufReader::new(file);
    let (mut offset, mut damaged) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut file).take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(damaged);
        }
        match parse(&line) {
            Some((number, _)) => found(number, offset, line.len() as u32),
            None => damaged += 1,
        }
        offset += line.len() as u64;
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
