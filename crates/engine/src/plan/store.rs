//! Plan store: a folder of sealed plans.
//!
//! A receipt is named by its key, a plan by key and content, and the receipt says which plan is
//! its own. So one rename, that of the receipt, takes a new plan into service: whenever a build is
//! ended, the old receipt with the old plan is there, or the new one with the new.

use super::receipt::SCHEMA;
use super::{BuildFacts, DeviceKey, KeyChange, PlanKey, Receipt, sha256_hex};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// A longer file is not a receipt.
const RECEIPT_LIMIT_BYTES: u64 = 16 << 20;

/// A longer file is not a plan: a board's memory would not hold it.
const PLAN_LIMIT_BYTES: u64 = 8 << 30;

/// Digits of a hash in a file's name.
const NAME_DIGITS: usize = 16;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No plan was built for this key.
    #[error("no plan for this device and graph{}; build one: {fix}", why(changes))]
    Absent {
        /// How the key differs from that of the plan that is nearest to it.
        changes: Vec<KeyChange>,
        /// The command.
        fix: &'static str,
    },
    /// The receipt cannot be read.
    #[error("{}: not a receipt: {reason}; build the plan again: {FIX}", file.display())]
    Receipt {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The receipt was changed, or sealed by another device.
    #[error(
        "{}: the seal is not this device's: the receipt was changed, or copied from another \
         device; build the plan here: {FIX}",
        file.display()
    )]
    Seal {
        /// The file.
        file: PathBuf,
    },
    /// The plan does not match its receipt.
    #[error("{}: {reason}; build the plan again: {FIX}", file.display())]
    Plan {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// The command that makes a plan.
const FIX: &str = "unmask build --recipe RECIPE";

fn why(changes: &[KeyChange]) -> String {
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    match changes.is_empty() {
        true => String::new(),
        false => format!(" ({})", changes.join(", ")),
    }
}

/// A plan that agrees with its receipt, key and device.
#[derive(Debug)]
pub struct SealedPlan {
    /// The plan.
    pub bytes: Vec<u8>,
    /// What is known about it.
    pub receipt: Receipt,
}

/// A folder of plans of one device.
pub struct PlanStore {
    folder: PathBuf,
    device_key: DeviceKey,
}

impl PlanStore {
    /// Plans in `folder`, sealed with `device_key`.
    pub fn new(folder: impl Into<PathBuf>, device_key: DeviceKey) -> Self {
        Self {
            folder: folder.into(),
            device_key,
        }
    }

    /// Stores a plan in place of the one with the same key.
    pub fn store(
        &self,
        key: &PlanKey,
        plan: &[u8],
        build: BuildFacts,
    ) -> Result<Receipt, PlanError> {
        let plan_sha256 = sha256_hex(plan);
        let name = short(&key.hash());
        let plan_file = format!("{name}-{}.plan", short(&plan_sha256));
        let receipt = Receipt {
            schema: SCHEMA.to_owned(),
            key: key.clone(),
            plan_file: plan_file.clone(),
            plan_sha256,
            plan_bytes: plan.len() as u64,
            build,
            mac: String::new(),
        };
        let receipt = receipt.seal(&self.device_key);
        self.replace(&plan_file, plan)?;
        self.replace(&format!("{name}.json"), &receipt.to_json())?;
        self.remove_others(&name, &plan_file);
        Ok(receipt)
    }

    /// The plan for `key`, if it is whole, sealed by this device and of just this key.
    pub fn load(&self, key: &PlanKey) -> Result<SealedPlan, PlanError> {
        let file = self.folder.join(format!("{}.json", short(&key.hash())));
        let Some(receipt) = self.receipt(&file)? else {
            return Err(PlanError::Absent {
                changes: self.nearest_changes(key),
                fix: FIX,
            });
        };
        if !receipt.is_sealed_by(&self.device_key) {
            return Err(PlanError::Seal { file });
        }
        if receipt.key != *key {
            let reason = format!("it is of another key{}", why(&receipt.key.changes(key)));
            return Err(PlanError::Receipt { file, reason });
        }
        let file = self.folder.join(&receipt.plan_file);
        let wrong = |reason: &str| PlanError::Plan {
            file: file.clone(),
            reason: reason.to_owned(),
        };
        let limit = receipt.plan_bytes.min(PLAN_LIMIT_BYTES);
        let bytes = read(&file, limit)?.ok_or_else(|| wrong("the plan is gone"))?;
        if bytes.len() as u64 != receipt.plan_bytes {
            return Err(wrong("the plan is longer or shorter than its receipt says"));
        }
        if sha256_hex(&bytes) != receipt.plan_sha256 {
            return Err(wrong(
                "the plan is damaged: its hash is not that of its receipt",
            ));
        }
        Ok(SealedPlan { bytes, receipt })
    }

    /// How long the latest build here took, s: the estimate for the next one.
    pub fn last_build_time_s(&self) -> Option<f64> {
        let latest = self.receipts().max_by(|a, b| {
            // RFC 3339 in UTC sorts as text.
            a.build.built_at.cmp(&b.build.built_at)
        });
        latest.map(|receipt| receipt.build.build_time_s)
    }

    /// Every receipt of this device.
    fn receipts(&self) -> impl Iterator<Item = Receipt> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path());
        files
            .filter(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .filter_map(|file| self.receipt(&file).ok().flatten())
            .filter(|receipt| receipt.is_sealed_by(&self.device_key))
    }

    /// The receipt at `file`; none where there is no file.
    fn receipt(&self, file: &Path) -> Result<Option<Receipt>, PlanError> {
        let Some(text) = read(file, RECEIPT_LIMIT_BYTES)? else {
            return Ok(None);
        };
        let wrong = |reason: String| PlanError::Receipt {
            file: file.to_path_buf(),
            reason,
        };
        let receipt: Receipt =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if receipt.schema != SCHEMA {
            return Err(wrong(format!(
                "its schema is `{}`, not `{SCHEMA}`",
                receipt.schema
            )));
        }
        // A name, never a way out of the folder; the seal is checked later.
        if Path::new(&receipt.plan_file).components().count() != 1
            || !receipt.plan_file.ends_with(".plan")
        {
            return Err(wrong("its plan lies in another folder".to_owned()));
        }
        Ok(Some(receipt))
    }

    /// How the key of the nearest plan of this device differs: why there is none for `key`.
    fn nearest_changes(&self, key: &PlanKey) -> Vec<KeyChange> {
        self.receipts()
            .map(|receipt| receipt.key.changes(key))
            .min_by_key(Vec::len)
            .unwrap_or_default()
    }

    /// Writes `name` whole or not at all, and returns when it is on the disk.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), PlanError> {
        let file = self.folder.join(name);
        let io = |source| PlanError::Io {
            file: file.clone(),
            source,
        };
        fs::create_dir_all(&self.folder).map_err(io)?;
        let temporary = self.folder.join(format!(".{name}.{}", std::process::id()));
        let written = File::create(&temporary)
            .and_then(|mut temporary| {
                temporary
                    .write_all(bytes)
                    .and_then(|()| temporary.sync_all())
            })
            .and_then(|()| fs::rename(&temporary, &file))
            // The rename itself.
            .and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|source| {
            let _ = fs::remove_file(&temporary);
            io(source)
        })
    }

    /// Removes plans of this key that no receipt names any more, and what ended builds left.
    fn remove_others(&self, name: &str, keep: &str) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let found = entry.file_name();
            let found = found.to_string_lossy();
            let of_key = found.starts_with(&format!("{name}-")) && found.ends_with(".plan");
            let left_over = found.starts_with(&format!(".{name}"));
            if (of_key && found != keep) || left_over {
                // One that stays costs space and nothing else.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(NAME_DIGITS).collect()
}

/// The bytes of `file`, one more than `limit` at most; none where there is no file.
fn read(file: &Path, limit: u64) -> Result<Option<Vec<u8>>, PlanError> {
    let io = |source| PlanError::Io {
        file: file.to_path_buf(),
        source,
    };
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut bytes = Vec::new();
    opened.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    Ok(Some(bytes))
}
