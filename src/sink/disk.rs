//! File operations of files and outboxes, in one place: tests inject faults here.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

#[cfg(test)]
pub(super) mod faults;

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests ask which one it is"))]
pub(super) enum DiskOperation {
    Open,
    Write,
    Sync,
    Rename,
    Remove,
    Truncate,
    Read,
}

/// A disk. In the product it does what the system does.
#[derive(Clone, Debug, Default)]
pub(super) struct SinkDisk {
    #[cfg(test)]
    faults: Option<std::sync::Arc<faults::Faults>>,
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }
}

impl SinkDisk {
    #[cfg(not(test))]
    #[allow(clippy::unused_self, reason = "tests have something to ask")]
    fn inject_fault(&self, _: DiskOperation) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn inject_fault(&self, operation: DiskOperation) -> io::Result<()> {
        match &self.faults {
            Some(faults) => faults.inject(operation),
            None => Ok(()),
        }
    }

    pub fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.inject_fault(DiskOperation::Open)?;
        std::fs::create_dir_all(path)
    }

    pub fn open(&self, path: &Path, how: &OpenOptions) -> io::Result<File> {
        self.inject_fault(DiskOperation::Open)?;
        how.open(path)
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.inject_fault(DiskOperation::Write) {
            // As a disk does that fills up in the middle.
            let _ = file.write_all_at(&bytes[..bytes.len() / 2], offset);
            return Err(error);
        }
        file.write_all_at(bytes, offset)
    }

    /// Appends all of `bytes`; on failure also says how many were written.
    pub fn append(&self, mut file: &File, bytes: &[u8]) -> Result<(), (u64, io::Error)> {
        if let Err(error) = self.inject_fault(DiskOperation::Write) {
            let half = &bytes[..bytes.len() / 2];
            return Err(match file.write_all(half) {
                Ok(()) => (half.len() as u64, error),
                Err(_) => (0, error),
            });
        }
        let mut written = 0;
        while written < bytes.len() {
            match file.write(&bytes[written..]) {
                Ok(0) => return Err((written as u64, io::ErrorKind::WriteZero.into())),
                Ok(some) => written += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written as u64, error)),
            }
        }
        Ok(())
    }

    pub fn read_at(&self, file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.inject_fault(DiskOperation::Read)?;
        file.read_exact_at(bytes, offset)
    }

    /// Flushes to the medium. File systems that cannot are no failure.
    pub fn sync(&self, file: &File) -> io::Result<()> {
        self.inject_fault(DiskOperation::Sync)?;
        #[cfg(test)]
        if self.faults.is_some() {
            // Thousands of histories would wait for the medium.
            return Ok(());
        }
        match file.sync_data() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) =>
            {
                Ok(())
            }
            done => done,
        }
    }

    pub fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.sync(&self.open(path, OpenOptions::new().read(true))?)
    }

    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inject_fault(DiskOperation::Rename)?;
        std::fs::rename(from, to)
    }

    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.inject_fault(DiskOperation::Remove)?;
        std::fs::remove_file(path)
    }

    pub fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.inject_fault(DiskOperation::Truncate)?;
        file.set_len(bytes)
    }
}
