//! A queue on disk: alerts survive kill -9, and a power cut up to the last flush.
//!
//! A folder of segments `NUMBER.log` (the number of their first line), each line
//! `NUMBER CRC32 TEXT`, and a file `acked` with the number of the first line that was not yet
//! acknowledged. Lines are only ever appended; segments that are wholly acknowledged are removed.
//! A new run starts a new segment, and a torn or damaged line is skipped by its checksum. `acked`
//! may lag behind, so a line may come twice; it is never skipped.
//!
//! An index in memory knows each line that is on disk: what [`AlertOutbox::buffered`] counts is there,
//! whole. A line that could not be written whole is not in the index, and its rest is overwritten
//! by the next one.

mod folder;
mod guard;
mod segment;
#[cfg(test)]
mod tests;

use super::SinkError;
use super::disk::{FileId, SinkDisk};
use segment::{OutboxSegment, checksum, parse, read_acked};
use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Longest line that is taken or read back, bytes.
const LINE_LIMIT: u64 = 64 << 10;
/// Bytes of a line that are not its text, at most.
const LINE_OVERHEAD_BYTES: u64 = 64;
/// A full outbox is this many segments: what makes room goes by the segment.
const SEGMENTS: u64 = 8;
/// Smallest segment, bytes.
const MIN_SEGMENT_BYTES: u64 = 4 << 10;

/// How large an outbox may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Bytes on disk.
    pub bytes: u64,
}

impl OutboxLimits {
    fn segment(self) -> u64 {
        (self.bytes / SEGMENTS).max(MIN_SEGMENT_BYTES)
    }
}

/// A line that was taken out to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAlert {
    /// Its number; give it back with [`AlertOutbox::ack`].
    pub number: u64,
    /// What was put in.
    pub text: Vec<u8>,
}

/// Why a line is no longer on disk though it was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LossReason {
    /// It made room for newer ones.
    Dropped,
    /// Someone else removed or changed it.
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutboxState {
    /// On disk, to be taken.
    Buffered,
    /// Taken out, on disk.
    Taken,
    /// Taken out, and no longer on disk: lost unless it is acknowledged.
    TakenAndLost(LossReason),
    /// The other end has it.
    Acked,
}

/// A line on disk.
#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u64,
    /// First number of its segment.
    segment: u64,
    offset: u64,
    bytes: u32,
    state: OutboxState,
}

/// A queue on disk of one process.
#[derive(Debug)]
pub struct AlertOutbox {
    folder: PathBuf,
    disk: SinkDisk,
    limits: OutboxLimits,
    segments: VecDeque<OutboxSegment>,
    /// Whether the last segment is of this run, to be written to.
    has_tail: bool,
    /// By number. The first is never acknowledged.
    entries: VecDeque<Entry>,
    /// Number of the next line put in.
    next: u64,
    /// Lines before it were taken out.
    cursor: u64,
    buffered: u64,
    /// What `acked` says; `None` where it says nothing.
    saved: Option<u64>,
    dropped: u64,
    damaged_lines: u64,
    damaged: u64,
    folder_unsynced: bool,
    /// Acknowledged segments that could not be removed.
    leftover: Vec<u64>,
    /// Held as long as the outbox: two processes would mix their numbers.
    lock: File,
    lock_id: FileId,
}

impl AlertOutbox {
    /// Opens the outbox in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made, read or written, or another process holds it.
    pub fn open(folder: &Path, limits: OutboxLimits) -> Result<Self, SinkError> {
        Self::open_on(SinkDisk::default(), folder, limits)
    }

    pub(super) fn open_on(
        disk: SinkDisk,
        folder: &Path,
        limits: OutboxLimits,
    ) -> Result<Self, SinkError> {
        let refuse = |e: io::Error| SinkError::path("cannot keep an outbox in", folder, e);
        disk.create_folder(folder).map_err(refuse)?;
        let (lock, lock_id) = guard::lock(&disk, folder).map_err(|error| match error {
            TryLockError::Error(error) => refuse(error),
            TryLockError::WouldBlock => SinkError::path(
                "cannot keep an outbox in",
                folder,
                "another process uses it; end that one, or name another folder or topic",
            ),
        })?;
        let mut outbox = Self {
            folder: folder.to_path_buf(),
            disk,
            limits,
            segments: VecDeque::new(),
            has_tail: false,
            entries: VecDeque::new(),
            next: 0,
            cursor: 0,
            buffered: 0,
            saved: read_acked(folder),
            dropped: 0,
            damaged_lines: 0,
            damaged: 0,
            folder_unsynced: true,
            leftover: Vec::new(),
            lock,
            lock_id,
        };
        outbox.read_folder().map_err(refuse)?;
        outbox.remove_acked();
        outbox.make_room(0);
        // A disk that is full now may take alerts later: that is no reason not to start.
        let _ = outbox.save();
        Ok(outbox)
    }

    /// Puts `text`, without line feeds, at the end. It survives the end of the process from then
    /// on; see [`AlertOutbox::sync`] for the end of power.
    ///
    /// # Errors
    /// The disk refuses it, or it cannot be taken ([`AlertOutbox::fits`]). Nothing is kept of it then.
    pub fn push(&mut self, text: &[u8]) -> io::Result<u64> {
        if !Self::fits(text) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let number = self.next;
        let mut line = format!("{number} {:08x} ", checksum(number, text)).into_bytes();
        line.extend_from_slice(text);
        line.push(b'\n');
        let bytes = line.len() as u64;
        let limit = self.limits.segment();
        let tail = self.segments.back().filter(|_| self.has_tail);
        let full = tail.is_none_or(|s| s.bytes > 0 && s.bytes + bytes > limit);
        if full {
            let started = self.start_segment();
            // Rather a segment that is too long than an alert that is not on disk.
            if started.is_err() && !self.has_tail {
                return started.map(|()| number);
            }
        }
        self.make_room(bytes);
        // Used up whatever happens: a piece of the line may be there.
        self.next += 1;
        let Some(tail) = self.segments.back_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = self.disk.write_at(&tail.file, &line, tail.bytes) {
            // Where this fails, too, the next line overwrites the rest.
            let _ = self.disk.truncate(&tail.file, tail.bytes);
            return Err(error);
        }
        self.entries.push_back(Entry {
            number,
            segment: tail.first,
            offset: tail.bytes,
            bytes: line.len() as u32,
            state: OutboxState::Buffered,
        });
        tail.bytes += bytes;
        self.buffered += 1;
        Ok(number)
    }

    /// Whether a line can be taken at all: at most 64 KiB less 64 bytes, and no line feed in it.
    pub fn fits(text: &[u8]) -> bool {
        text.len() as u64 + LINE_OVERHEAD_BYTES <= LINE_LIMIT && !text.contains(&b'\n')
    }

    /// The next line to deliver; `None` where all were taken out. Lines that someone damaged are
    /// skipped and counted.
    ///
    /// # Errors
    /// The disk cannot be read; the line is tried again with the next call.
    pub fn take(&mut self) -> io::Result<Option<PendingAlert>> {
        loop {
            let at = self.entries.partition_point(|e| e.number < self.cursor);
            let Some(&entry) = self.entries.get(at) else {
                return Ok(None);
            };
            if entry.state == OutboxState::Buffered {
                match self.read(&entry)? {
                    Some(text) => {
                        self.entries[at].state = OutboxState::Taken;
                        self.cursor = entry.number + 1;
                        let number = entry.number;
                        return Ok(Some(PendingAlert { number, text }));
                    }
                    None => self.discard_at(at, LossReason::Damaged),
                }
            }
            self.cursor = entry.number + 1;
            self.forget_acked();
        }
    }

    /// Number of the line that [`AlertOutbox::take`] would give.
    pub fn next_number(&self) -> Option<u64> {
        let at = self.entries.partition_point(|e| e.number < self.cursor);
        let rest = self.entries.range(at..);
        rest.into_iter()
            .find(|e| e.state == OutboxState::Buffered)
            .map(|e| e.number)
    }

    /// Passes the next line over until [`AlertOutbox::rewind`], or the next run.
    pub fn skip(&mut self) {
        if let Some(number) = self.next_number() {
            self.cursor = number + 1;
        }
    }

    /// The text of a line; `None` where it is no longer what was written.
    fn read(&self, entry: &Entry) -> io::Result<Option<Vec<u8>>> {
        let segments = &self.segments;
        let Ok(at) = segments.binary_search_by_key(&entry.segment, |s| s.first) else {
            return Ok(None);
        };
        let mut line = vec![0; entry.bytes as usize];
        match self
            .disk
            .read_at(&segments[at].file, &mut line, entry.offset)
        {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        Ok(parse(&line)
            .filter(|(number, _)| *number == entry.number)
            .map(|(_, text)| text.to_vec()))
    }

    /// The other end has line `number`. [`AlertOutbox::save`] makes that last. `false` where it was not
    /// taken out, or counted as lost meanwhile.
    pub fn ack(&mut self, number: u64) -> bool {
        let Ok(at) = self.entries.binary_search_by_key(&number, |e| e.number) else {
            return false;
        };
        match self.entries[at].state {
            OutboxState::Taken => self.buffered -= 1,
            OutboxState::TakenAndLost(_) => {}
            OutboxState::Buffered | OutboxState::Acked => return false,
        }
        self.entries[at].state = OutboxState::Acked;
        self.forget_acked();
        true
    }

    /// The other end will never take line `number`: it goes, and is not counted here. `false` where
    /// it is not there.
    pub fn discard(&mut self, number: u64) -> bool {
        if let Ok(at) = self.entries.binary_search_by_key(&number, |e| e.number)
            && self.entries[at].state == OutboxState::Buffered
        {
            self.entries[at].state = OutboxState::Taken;
        }
        self.ack(number)
    }

    /// Forgets what was taken out and not acknowledged: it is taken out again.
    pub fn rewind(&mut self) {
        for at in 0..self.entries.len() {
            match self.entries[at].state {
                OutboxState::Taken => self.entries[at].state = OutboxState::Buffered,
                OutboxState::TakenAndLost(loss) => {
                    self.count_loss(loss);
                    self.entries[at].state = OutboxState::Acked;
                }
                OutboxState::Buffered | OutboxState::Acked => {}
            }
        }
        self.forget_acked();
        self.cursor = self.acked();
    }

    /// Writes down what was acknowledged, and removes segments that are no longer needed.
    ///
    /// # Errors
    /// The disk refuses it; the lines come again after a restart.
    pub fn save(&mut self) -> io::Result<()> {
        let acked = self.acked();
        if self.saved == Some(acked) {
            return Ok(());
        }
        let text = format!("{acked} {:08x}\n", checksum(acked, b"acked"));
        self.write_file("acked", text.as_bytes())?;
        self.saved = Some(acked);
        self.remove_acked();
        Ok(())
    }

    /// Flushes what was put in to the medium: it survives a power cut from then on.
    ///
    /// # Errors
    /// The disk refuses it. What it may have thrown away is written once more with the next call.
    pub fn sync(&mut self) -> io::Result<()> {
        for segment in &mut self.segments {
            segment.sync(&self.disk)?;
        }
        if self.folder_unsynced {
            self.disk.sync_folder(&self.folder)?;
            self.folder_unsynced = false;
        }
        Ok(())
    }

    /// Whether [`AlertOutbox::sync`] has something to do.
    pub fn is_unsynced(&self) -> bool {
        self.segments.iter().any(|s| s.synced < s.bytes)
    }

    /// Lines that are on disk and not acknowledged.
    pub fn buffered(&self) -> u64 {
        self.buffered
    }

    /// Lines that made room for newer ones before they were acknowledged.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lines that someone else removed or changed on disk before they were acknowledged.
    pub fn removed_by_others(&self) -> u64 {
        self.damaged_lines
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
        self.entries.front().map_or(self.next, |e| e.number)
    }

    fn forget_acked(&mut self) {
        while self
            .entries
            .front()
            .is_some_and(|e| e.state == OutboxState::Acked)
        {
            self.entries.pop_front();
        }
    }

    fn count_loss(&mut self, loss: LossReason) {
        match loss {
            LossReason::Dropped => self.dropped += 1,
            LossReason::Damaged => self.damaged_lines += 1,
        }
    }

    /// The line of entry `at` is no longer on disk.
    fn discard_at(&mut self, at: usize, loss: LossReason) {
        match self.entries[at].state {
            OutboxState::Buffered => {
                self.buffered -= 1;
                self.count_loss(loss);
                self.entries[at].state = OutboxState::Acked;
            }
            OutboxState::Taken => {
                self.buffered -= 1;
                self.entries[at].state = OutboxState::TakenAndLost(loss);
            }
            OutboxState::TakenAndLost(_) | OutboxState::Acked => {}
        }
    }

    /// Loses all lines for which `gone` holds.
    fn discard_where(&mut self, loss: LossReason, gone: impl Fn(&Entry) -> bool) {
        for at in 0..self.entries.len() {
            if gone(&self.entries[at]) {
                self.discard_at(at, loss);
            }
        }
        self.forget_acked();
        self.cursor = self.cursor.max(self.acked());
    }

    /// Writes a small file whole, or leaves it as it was.
    fn write_file(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let new = self.folder.join(format!("{name}.new"));
        let file = self.disk.open(&new, &segment::writing())?;
        self.disk.truncate(&file, 0)?;
        self.disk.write_at(&file, text, 0)?;
        self.disk.rename(&new, &self.folder.join(name))
    }
}
