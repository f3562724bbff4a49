//! The segments of an outbox on disk: reads, starts and removes them.

use super::segment::{self, OutboxSegment, name, read_segment};
use super::{AlertOutbox, Entry, LossReason, OutboxState};
use crate::sink::disk::FileId;
use std::fs::OpenOptions;
use std::io;

impl AlertOutbox {
    /// Indexes what earlier runs left.
    pub(super) fn read_folder(&mut self) -> io::Result<()> {
        let acked = self.saved.unwrap_or(0);
        let mut last = None;
        for first in segment::numbers(&self.folder)? {
            let file = self.disk.open(
                &self.folder.join(name(first)),
                OpenOptions::new().read(true),
            )?;
            let bytes = file.metadata()?.len();
            let damaged = read_segment(&file, |number, offset, bytes| {
                let newer = last.is_none_or(|last| number > last);
                last = last.max(Some(number));
                // Numbers rise: what does not was copied here by someone.
                if newer && number >= acked {
                    self.entries.push_back(Entry {
                        number,
                        segment: first,
                        offset,
                        bytes,
                        state: OutboxState::Buffered,
                    });
                }
            })?;
            self.damaged += damaged;
            self.segments.push_back(OutboxSegment {
                first,
                bytes,
                synced: bytes,
                id: FileId::of(&file.metadata()?),
                file,
            });
        }
        // Names count, too: the number of a segment whose every line is torn is not used again.
        let beyond = self.segments.back().map_or(0, |segment| segment.first + 1);
        self.next = last.map_or(0, |last| last + 1).max(beyond).max(acked);
        self.buffered = self.entries.len() as u64;
        self.cursor = self.acked();
        Ok(())
    }

    pub(super) fn start_segment(&mut self) -> io::Result<()> {
        if let Some(tail) = self.segments.back_mut().filter(|_| self.has_tail) {
            // What fails here is made up for with the next flush.
            let _ = tail.sync(&self.disk);
        }
        let first = self.next;
        let path = self.folder.join(name(first));
        let file = self.disk.open(&path, &segment::writing())?;
        let id = FileId::of(&file.metadata()?);
        self.segments.push_back(OutboxSegment {
            first,
            file,
            id,
            bytes: 0,
            synced: 0,
        });
        self.has_tail = true;
        self.folder_unsynced = true;
        Ok(())
    }

    /// Removes the oldest segments until `bytes` more fit.
    pub(super) fn make_room(&mut self, bytes: u64) {
        while self.segments.len() > 1 && self.bytes() + bytes > self.limits.bytes {
            let first = self.segments[0].first;
            self.discard_where(LossReason::Dropped, |e| e.segment == first);
            self.remove_first();
        }
    }

    pub(super) fn remove_acked(&mut self) {
        let acked = self.acked();
        while self.segments.len() > 1 && self.segments[1].first <= acked {
            self.remove_first();
        }
        let leftover = std::mem::take(&mut self.leftover);
        for first in leftover {
            self.remove(first);
        }
    }

    fn remove_first(&mut self) {
        if let Some(gone) = self.segments.pop_front() {
            self.remove(gone.first);
        }
    }

    fn remove(&mut self, first: u64) {
        match self.disk.remove(&self.folder.join(name(first))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.leftover.push(first),
            _ => {}
        }
    }
}
