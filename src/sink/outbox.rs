//! A queue on disk: what was put in is there after kill -9, and after a power cut from the last
//! flush back.
//!
//! A folder of segments `NUMBER.log` (the number of their first line), each line
//! `NUMBER CRC32 TEXT`, and a file `acked` with the number of the first line that was not yet
//! acknowledged. Lines are only ever appended; segments that are wholly acknowledged are removed.
//! Nothing is repaired in place: a new run starts a new segment, and a torn or damaged line is
//! skipped by its checksum. `acked` may lag behind, so a line may come twice; it is never skipped.

mod segment;
#[cfg(test)]
mod tests;

use super::SinkError;
use segment::{Segment, checksum, create, name, parse, read_acked, scan, segments};
use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// Longest line that is taken or read back, bytes.
const LINE_LIMIT: u64 = 64 << 10;
/// A full outbox is this many segments: what makes room goes by the segment.
const SEGMENTS: u64 = 8;
/// Smallest segment, bytes.
const SEGMENT_LEAST: u64 = 4 << 10;

/// How large an outbox may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes on disk.
    pub bytes: u64,
}

impl Limits {
    fn segment(self) -> u64 {
        (self.bytes / SEGMENTS).max(SEGMENT_LEAST)
    }
}

/// A line that was taken out to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its number; give it back with [`Outbox::ack`].
    pub number: u64,
    /// What was put in.
    pub text: Vec<u8>,
}

/// A queue on disk of one process.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    limits: Limits,
    segments: VecDeque<Segment>,
    tail: File,
    /// Number of the next line put in.
    next: u64,
    /// Number of the next line taken out.
    cursor: u64,
    reading: Option<Reading>,
    /// Taken out, not yet acknowledged.
    out: BTreeSet<u64>,
    /// What `acked` says.
    saved: u64,
    dropped: u64,
    damaged: u64,
    unsynced: bool,
    folder_unsynced: bool,
    /// Held as long as the outbox: two processes would mix their numbers.
    _lock: File,
}

#[derive(Debug)]
struct Reading {
    first: u64,
    file: BufReader<File>,
}

impl Outbox {
    /// Opens the outbox in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made, read or written, or another process holds it.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, SinkError> {
        let refuse = |e: io::Error| SinkError::path("cannot keep an outbox in", folder, e);
        std::fs::create_dir_all(folder).map_err(refuse)?;
        let lock = File::create(folder.join("lock")).map_err(refuse)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => refuse(error),
            TryLockError::WouldBlock => SinkError::path(
                "cannot keep an outbox in",
                folder,
                "another process uses it; end that one, or name another folder or topic",
            ),
        })?;
        let mut segments = segments(folder).map_err(refuse)?;
        let mut last = None;
        let mut damaged = 0;
        for segment in &segments {
            let (highest, bad) = scan(&folder.join(name(segment.first))).map_err(refuse)?;
            last = last.max(highest);
            damaged += bad;
        }
        let saved = read_acked(folder);
        let acked = saved.unwrap_or_else(|| segments.front().map_or(0, |s| s.first));
        // Names count, too: the number of a segment whose every line is torn is not used again.
        let beyond = segments
            .back()
            .map_or(0, |s| s.first + u64::from(s.bytes > 0));
        let next = last.map_or(0, |last| last + 1).max(beyond).max(acked);
        segments.retain(|segment| segment.first != next);
        let tail = create(folder, next).map_err(refuse)?;
        segments.push_back(Segment {
            first: next,
            bytes: 0,
        });
        let mut outbox = Self {
            folder: folder.to_path_buf(),
            limits,
            segments,
            tail,
            next,
            cursor: acked,
            reading: None,
            out: BTreeSet::new(),
            saved: acked,
            dropped: 0,
            damaged,
            unsynced: false,
            folder_unsynced: true,
            _lock: lock,
        };
        outbox.remove_acked();
        outbox.make_room(0);
        outbox.save().map_err(refuse)?;
        Ok(outbox)
    }

    /// Puts `text`, without line feeds, at the end. It survives the end of the process from then
    /// on; see [`Outbox::sync`] for the end of power.
    ///
    /// # Errors
    /// The disk refuses it, or it is longer than 64 KiB. Nothing is kept of it then.
    pub fn push(&mut self, text: &[u8]) -> io::Result<u64> {
        if text.len() as u64 + 64 > LINE_LIMIT || text.contains(&b'\n') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let number = self.next;
        let mut line = format!("{number} {:08x} ", checksum(number, text)).into_bytes();
        line.extend_from_slice(text);
        line.push(b'\n');
        let bytes = line.len() as u64;
        let full = |s: &Segment| s.bytes > 0 && s.bytes + bytes > self.limits.segment();
        if self.segments.back().is_none_or(full) {
            self.start_segment()?;
        }
        self.make_room(bytes);
        if let Err(error) = self.tail.write_all(&line) {
            // A piece of the line may be there: what comes next goes elsewhere.
            self.next += 1;
            let _ = self.start_segment();
            return Err(error);
        }
        if let Some(tail) = self.segments.back_mut() {
            tail.bytes += bytes;
        }
        self.next += 1;
        self.unsynced = true;
        Ok(number)
    }

    /// The next line to deliver; `None` where all were taken out. Damaged lines are skipped.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn take(&mut self) -> io::Result<Option<Pending>> {
        while self.cursor < self.next {
            let Some(at) = self.segment_of(self.cursor) else {
                self.cursor = self.next;
                break;
            };
            let first = self.segments[at].first;
            if self.reading.as_ref().is_none_or(|r| r.first != first) {
                let file = BufReader::new(File::open(self.folder.join(name(first)))?);
                self.reading = Some(Reading { first, file });
            }
            let Some(reading) = &mut self.reading else {
                break;
            };
            let mut line = Vec::new();
            (&mut reading.file)
                .take(LINE_LIMIT)
                .read_until(b'\n', &mut line)?;
            if line.is_empty() {
                // On to the next segment; after the last there is nothing.
                self.reading = None;
                self.cursor = self.segments.get(at + 1).map_or(self.next, |s| s.first);
                continue;
            }
            match parse(&line) {
                Some((number, text)) if number >= self.cursor => {
                    self.cursor = number + 1;
                    self.out.insert(number);
                    let text = text.to_vec();
                    return Ok(Some(Pending { number, text }));
                }
                // Already delivered, or damaged.
                _ => {}
            }
        }
        Ok(None)
    }

    /// The other end has line `number`. [`Outbox::save`] makes that last.
    pub fn ack(&mut self, number: u64) {
        self.out.remove(&number);
    }

    /// Forgets what was taken out and not acknowledged: it is taken out again.
    pub fn rewind(&mut self) {
        self.cursor = self.acked();
        self.out.clear();
        self.reading = None;
    }

    /// Writes down what was acknowledged, and removes segments that are no longer needed.
    ///
    /// # Errors
    /// The disk refuses it; the lines come again after a restart.
    pub fn save(&mut self) -> io::Result<()> {
        let acked = self.acked();
        if acked == self.saved && self.folder.join("acked").exists() {
            return Ok(());
        }
        let text = format!("{acked} {:08x}\n", checksum(acked, b"acked"));
        let new = self.folder.join("acked.new");
        std::fs::write(&new, text)?;
        std::fs::rename(&new, self.folder.join("acked"))?;
        self.saved = acked;
        self.remove_acked();
        Ok(())
    }

    /// Flushes what was put in to the medium: it survives a power cut from then on.
    ///
    /// # Errors
    /// The disk refuses it.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.tail.sync_data()?;
            self.unsynced = false;
        }
        if self.folder_unsynced {
            File::open(&self.folder)?.sync_all()?;
            self.folder_unsynced = false;
        }
        Ok(())
    }

    /// Whether [`Outbox::sync`] has something to do.
    pub fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Lines that are not acknowledged; damaged ones count until they are passed.
    pub fn waiting(&self) -> u64 {
        self.next - self.cursor + self.out.len() as u64
    }

    /// Lines that made room for newer ones before they were acknowledged.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Torn or damaged lines that were found when the outbox was opened.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum()
    }

    /// Number of the first line that is not acknowledged.
    fn acked(&self) -> u64 {
        self.out.first().copied().unwrap_or(self.cursor)
    }

    /// The segment that would hold line `number`: the last one that starts at or before it.
    fn segment_of(&self, number: u64) -> Option<usize> {
        let after = self.segments.partition_point(|s| s.first <= number);
        // Lines before the first segment are gone: go on with what is there.
        (!self.segments.is_empty()).then(|| after.saturating_sub(1))
    }

    fn start_segment(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.tail.sync_data()?;
        }
        self.tail = create(&self.folder, self.next)?;
        self.segments.push_back(Segment {
            first: self.next,
            bytes: 0,
        });
        self.folder_unsynced = true;
        Ok(())
    }

    /// Removes the oldest segments until `bytes` more fit.
    fn make_room(&mut self, bytes: u64) {
        while self.segments.len() > 1 && self.bytes() + bytes > self.limits.bytes {
            let end = self.segments[1].first;
            let begin = self.segments[0].first.max(self.cursor.min(end));
            let taken = self.out.range(..end).count() as u64;
            self.dropped += end - begin + taken;
            self.out = self.out.split_off(&end);
            self.cursor = self.cursor.max(end);
            self.remove_first();
        }
    }

    fn remove_acked(&mut self) {
        let acked = self.acked();
        while self.segments.len() > 1 && self.segments[1].first <= acked {
            self.remove_first();
        }
    }

    fn remove_first(&mut self) {
        if let Some(gone) = self.segments.pop_front() {
            // One that cannot be removed is skipped by `acked` the next time.
            let _ = std::fs::remove_file(self.folder.join(name(gone.first)));
            if self.reading.as_ref().is_some_and(|r| r.first == gone.first) {
                self.reading = None;
            }
        }
    }
}
