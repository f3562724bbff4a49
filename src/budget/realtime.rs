//! Real-time scheduling of the pipeline's threads: the table `[realtime]`.
//!
//! These are the threads of the engine, of the camera, and the one that runs the pipeline. Sinks,
//! drawing and monitoring keep normal scheduling: they must not delay a frame.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::Deserialize;
use std::io;
use thread_priority::{
    Error, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Highest priority that is taken: above it run the system's own watchdogs.
const PRIORITY_LIMIT: u8 = 98;

/// Scheduling of the pipeline's threads; normal by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RealtimeSettings {
    /// `SCHED_FIFO` with this priority, 1 to 98.
    pub priority: Option<u8>,
    /// Cores they may run on, from 0; all, where there are none.
    pub cores: Vec<usize>,
    /// Whether no page of this process, present or future, may be swapped out.
    pub lock_memory: bool,
}

/// The system does not give what `[realtime]` asks for.
#[derive(Debug, thiserror::Error)]
pub enum RealtimeError {
    /// No `SCHED_FIFO`.
    #[error(
        "realtime.priority = {priority}: the system refuses SCHED_FIFO: {reason}. It takes \
         CAP_SYS_NICE or a limit (systemd: LimitRTPRIO={priority}); or leave the key out"
    )]
    Priority {
        /// The requested value.
        priority: u8,
        /// The error of the system.
        reason: io::Error,
    },
    /// Not these cores.
    #[error(
        "realtime.cores = {cores:?}: the system refuses: {reason}. They must be there and be allowed \
         for this process (/proc/self/status, Cpus_allowed_list); or leave the key out"
    )]
    Cores {
        /// The requested value.
        cores: Vec<usize>,
        /// The error of the system.
        reason: io::Error,
    },
    /// Memory cannot be locked.
    #[error(
        "realtime.lock_memory: the system refuses: {reason}. It takes CAP_IPC_LOCK or a limit \
         (systemd: LimitMEMLOCK=infinity); or leave the key out"
    )]
    Memory {
        /// The error of the system.
        reason: io::Error,
    },
}

impl RealtimeSettings {
    /// The first invalid value: its key below `[realtime]`, and what is expected.
    pub fn invalid_value(&self) -> Option<(&'static str, &'static str)> {
        if self
            .priority
            .is_some_and(|p| !(1..=PRIORITY_LIMIT).contains(&p))
        {
            Some(("priority", "a number from 1 to 98"))
        } else if self.cores.iter().any(|&core| core >= CpuSet::MAX_CPU) {
            Some(("cores", "numbers of cores, from 0"))
        } else {
            None
        }
    }

    /// Locks all memory, where asked for. Once a process, before anything large is read.
    ///
    /// # Errors
    /// The system refuses.
    pub fn lock(&self) -> Result<(), RealtimeError> {
        if !self.lock_memory {
            return Ok(());
        }
        mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(|errno| {
            RealtimeError::Memory {
                reason: errno.into(),
            }
        })
    }

    /// Gives the calling thread what is asked for. Threads that it starts from then on have it,
    /// too; those that it started before do not.
    ///
    /// # Errors
    /// The system refuses.
    pub fn enter(&self) -> Result<(), RealtimeError> {
        if !self.cores.is_empty() {
            let mut set = CpuSet::new();
            self.cores
                .iter()
                .filter(|&&core| core < CpuSet::MAX_CPU)
                .for_each(|&core| set.set(core));
            sched_setaffinity(None, &set).map_err(|errno| RealtimeError::Cores {
                cores: self.cores.clone(),
                reason: errno.into(),
            })?;
        }
        let Some(priority) = self.priority else {
            return Ok(());
        };
        let refuse = |reason| RealtimeError::Priority { priority, reason };
        let wanted = priority
            .try_into()
            .map(ThreadPriority::Crossplatform)
            .map_err(|e: String| refuse(io::Error::other(e)))?;
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        set_thread_priority_and_policy(thread_native_id(), wanted, policy).map_err(|error| {
            refuse(match error {
                Error::OS(code) => io::Error::from_raw_os_error(code),
                other => io::Error::other(other.to_string()),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line `key:` of this thread's status.
    fn status(key: &str) -> String {
        let text = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(key));
        line.unwrap().trim().to_string()
    }

    /// Field 41 of this thread's `stat`: its policy; field 40: its priority.
    fn policy() -> (u32, u32) {
        let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let after = text.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        (fields[38].parse().unwrap(), fields[37].parse().unwrap())
    }

    #[test]
    fn by_default_nothing_is_asked_for() {
        let nothing = RealtimeSettings::default();
        std::thread::spawn(move || {
            let before = (status("Cpus_allowed_list:"), policy());
            nothing.lock().unwrap();
            nothing.enter().unwrap();
            assert_eq!((status("Cpus_allowed_list:"), policy()), before);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn threads_keep_to_their_cores_and_so_do_those_they_start() {
        std::thread::spawn(|| {
            let allowed = status("Cpus_allowed_list:");
            let core: usize = allowed.split([',', '-']).next().unwrap().parse().unwrap();
            let one = RealtimeSettings {
                cores: vec![core],
                ..RealtimeSettings::default()
            };
            one.enter().unwrap();
            let child = std::thread::spawn(|| status("Cpus_allowed_list:"));
            assert_eq!(child.join().unwrap(), core.to_string());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn cores_that_are_not_there_are_refused_with_the_fix() {
        let none = RealtimeSettings {
            cores: vec![CpuSet::MAX_CPU - 1],
            ..RealtimeSettings::default()
        };
        let error = none.enter().unwrap_err().to_string();
        assert!(
            error.contains("realtime.cores") && error.contains("Cpus_allowed_list"),
            "{error}"
        );
    }

    #[test]
    fn a_priority_is_given_or_refused_with_the_fix() {
        std::thread::spawn(|| {
            let wanted = RealtimeSettings {
                priority: Some(7),
                ..RealtimeSettings::default()
            };
            match wanted.enter() {
                // 1 is SCHED_FIFO.
                Ok(()) => assert_eq!(policy(), (1, 7)),
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        error.contains("priority = 7") && error.contains("LimitRTPRIO=7"),
                        "{error}"
                    );
                }
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn impossible_values_are_named() {
        let with = |priority, cores| RealtimeSettings {
            priority,
            cores,
            lock_memory: false,
        };
        assert_eq!(with(Some(98), vec![0]).invalid_value(), None);
        assert_eq!(with(Some(0), vec![]).invalid_value().unwrap().0, "priority");
        assert_eq!(
            with(Some(99), vec![]).invalid_value().unwrap().0,
            "priority"
        );
        assert_eq!(
            with(None, vec![1 << 20]).invalid_value().unwrap().0,
            "cores"
        );
    }
}
