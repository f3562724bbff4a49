//! A rotating alerts file.
//!
//! Whatever happens to the file or the disk, no line that was kept is overwritten before the line
//! that takes its place is on the medium, and `FILE` is there again as soon as it can be.

use super::disk::{FileId, SinkDisk};
use super::{FileSettings, SinkError};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Pause after a rotation that failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// End of the name of the next file while it is made.
const PART: &str = ".part";
/// Longest rest of an interrupted rotation that is taken over, bytes.
const PART_LIMIT: u64 = 1 << 20;

/// Appends lines to `FILE`; before it grows beyond its limit it becomes `FILE.1`, and what was
/// `FILE.1` becomes `FILE.2`, up to the number kept.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    disk: SinkDisk,
    file: File,
    id: FileId,
    /// Pipes and devices can neither be rotated nor replaced.
    regular: bool,
    limit: u64,
    max_files: u32,
    /// The last line has no end: the next one starts with a line feed.
    torn: bool,
    retry_interval: Duration,
    retry_at: Option<Instant>,
    /// What is wrong with the file, though lines are written.
    problem: Option<String>,
    problem_reported: bool,
}

impl RotatingFile {
    pub fn open(path: &Path, settings: &FileSettings) -> Result<Self, SinkError> {
        Self::open_on(SinkDisk::default(), path, settings)
    }

    fn open_on(disk: SinkDisk, path: &Path, settings: &FileSettings) -> Result<Self, SinkError> {
        let create = |source| SinkError::Create {
            path: path.to_path_buf(),
            source,
        };
        let file = disk.open(path, &appending()).map_err(create)?;
        let (id, regular, torn) = inspect(&file).map_err(create)?;
        let mut rotating = Self {
            path: path.to_path_buf(),
            disk,
            file,
            id,
            regular,
            limit: settings.rotate_bytes,
            max_files: settings.max_files,
            torn,
            retry_interval: RETRY_INTERVAL,
            retry_at: None,
            problem: None,
            problem_reported: false,
        };
        if let Err(error) = rotating.recover_part() {
            rotating.record_problem(format!(
                "the rest of an interrupted rotation, {}, cannot be taken over: {error}",
                rotating.part().display()
            ));
        }
        Ok(rotating)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong though lines are written: once for every time that something goes wrong.
    pub fn take_problem(&mut self) -> Option<String> {
        let trouble = self.problem.take()?;
        (!std::mem::replace(&mut self.problem_reported, true)).then_some(trouble)
    }

    /// Makes the file again where it was moved away or removed; call it now and then.
    pub fn check(&mut self) {
        // What cannot be written is counted when there is something to write.
        let _ = self.follow();
    }

    /// Flushes to the medium.
    pub fn sync(&self) -> io::Result<()> {
        match self.regular {
            true => self.disk.sync(&self.file),
            false => Ok(()),
        }
    }

    /// Appends `line`, which ends with a line feed.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.follow()?;
        let mut bytes = 0;
        if self.regular {
            // Read each time: others may truncate it (logrotate's `copytruncate`).
            bytes = self.file.metadata()?.len();
            self.torn &= bytes > 0;
        }
        let full = self.regular && self.limit > 0 && bytes + line.len() as u64 > self.limit;
        let wait = self.retry_at.is_some_and(|at| Instant::now() < at);
        if full && bytes > 0 && !wait {
            match self.rotate(line) {
                Ok(()) => {
                    self.retry_at = None;
                    self.problem_reported = false;
                    return Ok(());
                }
                // It costs nothing but a file that grows: the alert comes first.
                Err(error) => {
                    self.retry_at = Some(Instant::now() + self.retry_interval);
                    self.record_problem(format!("it cannot be rotated: {error}; it grows on"));
                }
            }
        }
        if self.torn {
            self.append(b"\n", bytes)?;
            bytes += 1;
            self.torn = false;
        }
        self.append(line, bytes)
    }

    /// Appends to the file, which has `before` bytes; takes back what a failure leaves.
    fn append(&mut self, text: &[u8], before: u64) -> io::Result<()> {
        self.disk.append(&self.file, text).map_err(|(written, e)| {
            // Not where someone else wrote or truncated meanwhile.
            let length = self.file.metadata().map(|file| file.len());
            let ours = self.regular && length.is_ok_and(|length| length == before + written);
            let undone = ours && self.disk.truncate(&self.file, before).is_ok();
            self.torn |= written > 0 && !undone;
            e
        })
    }

    /// Opens the file again where its name belongs to another one, or to none.
    fn follow(&mut self) -> io::Result<()> {
        if !self.regular {
            return Ok(());
        }
        match std::fs::metadata(&self.path) {
            Ok(found) if FileId::of(&found) == self.id => return Ok(()),
            _ => {}
        }
        let opened = self.reopen();
        if let Err(error) = opened {
            // Moved, it still takes lines; removed, nobody would ever read them.
            if self.file.metadata()?.nlink() == 0 {
                return Err(error);
            }
            self.record_problem(format!(
                "it was moved away and cannot be made again: {error}; lines go to the moved file"
            ));
        } else {
            self.problem_reported = false;
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = match self.disk.open(&self.path, &appending()) {
            // Its folder was removed, too.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = self.path.parent().filter(|f| !f.as_os_str().is_empty());
                let Some(folder) = folder else {
                    return Err(error);
                };
                self.disk.create_folder(folder)?;
                self.disk.open(&self.path, &appending())?
            }
            opened => opened?,
        };
        (self.id, self.regular, self.torn) = inspect(&file)?;
        self.file = file;
        Ok(())
    }

    /// Puts the file aside and continues in a new one that holds `line`.
    fn rotate(&mut self, line: &[u8]) -> io::Result<()> {
        let part = self.part();
        let made = self.create_part(&part, line).and_then(|file| {
            self.disk.sync(&self.file)?;
            self.shift_files()?;
            match self.disk.rename(&part, &self.path) {
                Ok(()) => Ok(file),
                Err(error) => {
                    if self.max_files > 0 {
                        // Where this fails, too, the next line makes the file again.
                        let _ = self.disk.rename(&self.rotated(1), &self.path);
                    }
                    Err(error)
                }
            }
        });
        let file = made.inspect_err(|_| {
            let _ = std::fs::remove_file(&part);
        })?;
        self.id = FileId::of(&file.metadata()?);
        self.file = file;
        self.torn = false;
        if let Some(folder) = self.path.parent().filter(|f| !f.as_os_str().is_empty()) {
            // The names are in the system's cache: only a power cut could undo them.
            let _ = self.disk.sync_folder(folder);
        }
        Ok(())
    }

    /// The next file with its first line, on the medium.
    fn create_part(&self, part: &Path, line: &[u8]) -> io::Result<File> {
        let file = self.disk.open(part, &appending())?;
        self.disk.truncate(&file, 0)?;
        self.disk.append(&file, line).map_err(|(_, error)| error)?;
        self.disk.sync(&file)?;
        Ok(file)
    }

    /// Makes `FILE.1` free and moves the file there. Files are only moved up to the first gap, so
    /// that tries that failed half-way cost no kept file when they are made again.
    fn shift_files(&self) -> io::Result<()> {
        if self.max_files == 0 {
            return Ok(());
        }
        let mut free = 1;
        while free < self.max_files {
            match std::fs::symlink_metadata(self.rotated(free)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
                Ok(_) => free += 1,
            }
        }
        for number in (1..free).rev() {
            self.disk
                .rename(&self.rotated(number), &self.rotated(number + 1))?;
        }
        self.disk.rename(&self.path, &self.rotated(1))
    }

    /// A rotation that was interrupted left a line that is nowhere else.
    fn recover_part(&mut self) -> io::Result<()> {
        let part = self.part();
        let rest = match File::open(&part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(file) if !self.regular || !file.metadata()?.is_file() => return Ok(()),
            Ok(file) => {
                let mut rest = Vec::new();
                file.take(PART_LIMIT).read_to_end(&mut rest)?;
                rest
            }
        };
        let whole = rest
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let mut text = Vec::new();
        if whole > 0 {
            if self.torn {
                text.push(b'\n');
            }
            text.extend_from_slice(&rest[..whole]);
            let before = self.file.metadata()?.len();
            self.append(&text, before)?;
            self.torn = false;
        }
        std::fs::remove_file(&part)
    }

    fn record_problem(&mut self, trouble: String) {
        self.problem = Some(trouble);
    }

    fn part(&self) -> PathBuf {
        self.sibling(PART)
    }

    fn rotated(&self, number: u32) -> PathBuf {
        self.sibling(&format!(".{number}"))
    }

    fn sibling(&self, end: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(end);
        name.into()
    }
}

fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    options
}

/// Which file it is, whether it is a regular one, and whether its last line has no end. Pipes and
/// devices have none.
fn inspect(mut file: &File) -> io::Result<(FileId, bool, bool)> {
    let found = file.metadata()?;
    let (id, regular) = (FileId::of(&found), found.is_file());
    if !regular || found.len() == 0 {
        return Ok((id, regular, false));
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok((id, regular, last != *b"\n"))
}
