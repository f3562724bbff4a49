//! Guards the files of an outbox: restores what other processes removed.

use super::segment::{self, name};
use super::{AlertOutbox, LossReason};
use crate::sink::disk::{FileId, SinkDisk};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// File that the process holds which uses the outbox.
const LOCK: &str = "lock";

/// Locks the outbox in `folder`.
pub(super) fn lock(disk: &SinkDisk, folder: &Path) -> Result<(File, FileId), TryLockError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let lock = disk
        .open(&folder.join(LOCK), &options)
        .map_err(TryLockError::Error)?;
    lock.try_lock()?;
    let id = FileId::of(&lock.metadata().map_err(TryLockError::Error)?);
    Ok((lock, id))
}

/// Which file has this name.
fn id_of(path: &Path) -> Option<FileId> {
    let found = std::fs::symlink_metadata(path).ok()?;
    found.is_file().then(|| FileId::of(&found))
}

impl AlertOutbox {
    /// Looks whether what was written is still there, and puts back what someone removed: folder,
    /// lock, `acked`, and segments out of the open files. Returns what was put back, in words.
    ///
    /// # Errors
    /// Something cannot be put back; the next call tries again.
    pub fn check(&mut self) -> io::Result<Option<String>> {
        let mut found = Vec::new();
        if !self.folder.is_dir() {
            self.disk.create_folder(&self.folder)?;
            found.push("the folder was removed and is made again".to_string());
        }
        if id_of(&self.folder.join(LOCK)) != Some(self.lock_id) {
            let locked = lock(&self.disk, &self.folder).map_err(|error| match error {
                TryLockError::Error(error) => error,
                TryLockError::WouldBlock => io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "its lock was removed, and another process has taken it; end one of the two",
                ),
            })?;
            (self.lock, self.lock_id) = locked;
            found.push("its lock was removed and is made again".into());
        }
        let lost = self.damaged_lines;
        let mut restored = 0;
        for at in 0..self.segments.len() {
            restored += u64::from(self.restore(at)?);
        }
        if restored > 0 {
            self.folder_unsynced = true;
            found.push(format!("{restored} removed segments are written again"));
        }
        if self.damaged_lines > lost {
            let lost = self.damaged_lines - lost;
            found.push(format!(
                "{lost} alerts were truncated by another process and are lost"
            ));
        }
        if self.saved.is_some() && !self.folder.join("acked").is_file() {
            self.saved = None;
            self.save()?;
            found.push("`acked` was removed and is written again".into());
        }
        Ok((!found.is_empty()).then(|| found.join("; ")))
    }

    /// Whether segment `at` was removed, and is written again.
    fn restore(&mut self, at: usize) -> io::Result<bool> {
        let segment = &self.segments[at];
        let (first, bytes) = (segment.first, segment.bytes);
        let length = segment.file.metadata()?.len();
        if length < bytes {
            self.cut(at, length);
        }
        let segment = &self.segments[at];
        let path = self.folder.join(name(first));
        if id_of(&path) == Some(segment.id) {
            return Ok(false);
        }
        let mut text = vec![0; segment.bytes as usize];
        self.disk.read_at(&segment.file, &mut text, 0)?;
        let new = self.folder.join(format!("{}.new", name(first)));
        let file = self.disk.open(&new, &segment::writing())?;
        self.disk.truncate(&file, 0)?;
        self.disk.write_at(&file, &text, 0)?;
        self.disk.sync(&file)?;
        self.disk.rename(&new, &path)?;
        let id = FileId::of(&file.metadata()?);
        let segment = &mut self.segments[at];
        (segment.file, segment.id) = (file, id);
        segment.synced = segment.bytes;
        Ok(true)
    }

    /// Segment `at` was truncated to `length` bytes by someone else.
    fn cut(&mut self, at: usize, length: u64) {
        let first = self.segments[at].first;
        self.discard_where(LossReason::Damaged, |e| {
            e.segment == first && e.offset + u64::from(e.bytes) > length
        });
        let whole = self.entries.iter().filter(|e| e.segment == first);
        let whole = whole.map(|e| e.offset + u64::from(e.bytes));
        // Up to the last line that is known to be whole; without one the next overwrites the rest.
        let end = whole.filter(|end| *end <= length).max().unwrap_or(0);
        let segment = &mut self.segments[at];
        // Only segments of this run are written to.
        let _ = self.disk.truncate(&segment.file, end);
        segment.bytes = end;
        segment.synced = segment.synced.min(end);
    }

    /// Gives up what is on no disk: lines of segments that someone removed and that could not be
    /// put back. Call it at the end, after [`AlertOutbox::rewind`].
    pub fn give_up_missing(&mut self) {
        let missing: Vec<u64> = self
            .segments
            .iter()
            .filter(|s| id_of(&self.folder.join(name(s.first))) != Some(s.id))
            .map(|s| s.first)
            .collect();
        self.discard_where(LossReason::Damaged, |e| missing.contains(&e.segment));
    }
}
