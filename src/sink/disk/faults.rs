//! Fault injection for disk operations.

use super::{DiskOperation, SinkDisk};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Which operations fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Only these; all, where `None`.
    pub of: Option<DiskOperation>,
    /// The first that fails, from 1; 0 = none does.
    pub first: u64,
    /// How many fail from there on.
    pub length: u64,
}

impl Plan {
    pub const NONE: Self = Self {
        of: None,
        first: 0,
        length: 0,
    };
}

/// Counts operations, and lets some fail.
#[derive(Debug)]
pub struct Faults {
    plan: Mutex<Plan>,
    operations: AtomicU64,
    failed: AtomicU64,
}

impl Faults {
    pub fn inject(&self, operation: DiskOperation) -> io::Result<()> {
        let plan = *self.plan.lock().unwrap();
        if plan.of.is_some_and(|of| of != operation) {
            return Ok(());
        }
        let number = self.operations.fetch_add(1, Relaxed) + 1;
        if plan.first > 0 && (plan.first..plan.first + plan.length).contains(&number) {
            self.failed.fetch_add(1, Relaxed);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// Counts again, after `plan`.
    pub fn set(&self, plan: Plan) {
        *self.plan.lock().unwrap() = plan;
        self.operations.store(0, Relaxed);
    }

    /// Operations that failed so far.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }
}

/// A folder for histories of faults, in memory where the system has that: a journal would be waited
/// for thousands of times, and keeps nothing that these tests look at.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

impl SinkDisk {
    /// A disk that fails after `plan`.
    pub fn failing(plan: Plan) -> (Self, Arc<Faults>) {
        let faults = Arc::new(Faults {
            plan: Mutex::new(plan),
            operations: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let disk = Self {
            faults: Some(faults.clone()),
        };
        (disk, faults)
    }
}
