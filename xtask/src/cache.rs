//! The folder of what is fetched and unpacked, for one task at a time.

use crate::process::clear;
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The cache, locked; its working folder is empty and removed in the end.
pub struct Cache {
    repository: PathBuf,
    folder: PathBuf,
    work: PathBuf,
    _lock: File,
}

impl Cache {
    /// Locks `folder`, or `target/board` of this repository.
    pub fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in no repository")?
            .to_path_buf();
        let folder = match folder {
            Some(dir) => std::path::absolute(dir)?,
            None => repository.join("target/board"),
        };
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!(
                "another task works in {}; wait for it or name another --cache",
                folder.display()
            );
        }
        // Only what a killed run left: the lock says that nobody else works here.
        let work = folder.join("work");
        clear(&work)?;
        fs::create_dir_all(&work)?;
        Ok(Self {
            repository,
            folder,
            work,
            _lock: lock,
        })
    }

    /// The root of the repository.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// What is fetched stays here.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is made on the way lies here.
    pub fn work(&self) -> &Path {
        &self.work
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next task.
        let _ = clear(&self.work);
    }
}
