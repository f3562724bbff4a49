//! A file of alerts that does not grow without end.

use super::{FileSettings, SinkError};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Appends lines to `FILE`; before it grows beyond its limit it becomes `FILE.1`, and what was
/// `FILE.1` becomes `FILE.2`, up to the number kept.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
    limit: u64,
    keep: u32,
    /// The last line has no end: the next one starts with a line feed.
    torn: bool,
}

impl Rotating {
    pub fn open(path: &Path, settings: &FileSettings) -> Result<Self, SinkError> {
        let create = |source| SinkError::Create {
            path: path.to_path_buf(),
            source,
        };
        let file = append(path).map_err(create)?;
        let (bytes, torn) = end_of(&file).map_err(create)?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            bytes,
            limit: settings.rotate_bytes,
            keep: settings.keep,
            torn,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `line`, which ends with a line feed.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let full = self.limit > 0 && self.bytes + line.len() as u64 > self.limit;
        if full && self.bytes > 0 {
            // A rotation that fails costs nothing but a file that grows: the alert comes first.
            let _ = self.rotate();
        }
        if self.torn {
            self.file.write_all(b"\n")?;
            self.bytes += 1;
            self.torn = false;
        }
        self.file
            .write_all(line)
            .inspect_err(|_| self.torn = true)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            match std::fs::rename(self.aside(number), self.aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match self.keep {
            0 => std::fs::remove_file(&self.path)?,
            _ => std::fs::rename(&self.path, self.aside(1))?,
        }
        self.file = append(&self.path)?;
        self.bytes = 0;
        self.torn = false;
        Ok(())
    }

    fn aside(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
}

/// Length, and whether the last line has no end. Pipes and devices have neither.
fn end_of(mut file: &File) -> io::Result<(u64, bool)> {
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Ok((0, false));
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok((bytes, last != *b"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rotate_bytes: u64, keep: u32) -> FileSettings {
        FileSettings { rotate_bytes, keep }
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn files_are_put_aside_and_the_oldest_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut file = Rotating::open(&path, &settings(10, 2)).unwrap();
        for i in 0..8 {
            file.write(format!("{i}xxx\n").as_bytes()).unwrap();
        }
        // Two lines a file: exactly ten bytes still fit.
        assert_eq!(text(&path), "6xxx\n7xxx\n");
        assert_eq!(text(&folder.path().join("a.jsonl.1")), "4xxx\n5xxx\n");
        assert_eq!(text(&folder.path().join("a.jsonl.2")), "2xxx\n3xxx\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_line_longer_than_the_limit_gets_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = Rotating::open(&path, &settings(3, 1)).unwrap();
        file.write(b"long line\n").unwrap();
        file.write(b"b\n").unwrap();
        assert_eq!(text(&path), "b\n");
        assert_eq!(text(&folder.path().join("a.1")), "long line\n");
    }

    #[test]
    fn nothing_kept_and_never_rotated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = Rotating::open(&path, &settings(2, 0)).unwrap();
        file.write(b"a\n").unwrap();
        file.write(b"b\n").unwrap();
        assert_eq!(text(&path), "b\n");
        let mut file = Rotating::open(&path, &settings(0, 3)).unwrap();
        for _ in 0..100 {
            file.write(b"a\n").unwrap();
        }
        assert_eq!(text(&path).len(), 202);
    }

    #[test]
    fn a_torn_last_line_is_ended_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "{\"cut").unwrap();
        let mut file = Rotating::open(&path, &settings(1000, 1)).unwrap();
        file.write(b"{}\n").unwrap();
        assert_eq!(text(&path), "{\"cut\n{}\n");
    }

    #[test]
    fn a_file_that_cannot_be_made_or_written_is_named() {
        let error = Rotating::open(Path::new("/nowhere/a"), &settings(1, 1)).unwrap_err();
        assert!(error.to_string().contains("/nowhere/a"), "{error}");
        let mut full = Rotating::open(Path::new("/dev/full"), &settings(0, 1)).unwrap();
        assert!(full.write(b"x\n").is_err());
    }
}
