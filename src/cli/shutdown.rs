//! SIGTERM, SIGINT and SIGHUP end every subcommand within two seconds, whatever it waits for.
//!
//! A subcommand that has something to finish ([`on_request`]) is asked: it ends by itself, with its
//! alerts delivered and its own exit code. What has not ended by [`GRACE`] is ended hard, with exit
//! code 1: a disk or a mount that does not answer must not keep a service from stopping. All other
//! subcommands end at once, as by the signal itself; what they write appears whole or not at all,
//! and temporary folders are removed. A second signal ends everything at once.

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit, signal_name};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a subcommand that was asked to end may take.
const GRACE: Duration = Duration::from_millis(1800);
/// How often a second signal is looked for.
const LOOK: Duration = Duration::from_millis(20);

static STATE: LazyLock<State> = LazyLock::new(State::default);

#[derive(Default)]
struct State {
    /// Whether the subcommand ends by itself.
    asks: AtomicBool,
    /// The request to end.
    stop: Arc<AtomicBool>,
    /// The signal that came first; 0 before.
    signal: AtomicI32,
    /// Folders to remove.
    folders: Mutex<Vec<PathBuf>>,
}

impl State {
    fn folders(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens to signals from now on. Those that were ignored when the process started (`nohup`, a
/// shell's background job) stay ignored. A write beyond the limit of file sizes becomes an error of
/// that write.
pub(super) fn listen() -> anyhow::Result<()> {
    let failed = "cannot listen to signals";
    signal_hook::flag::register(SIGXFSZ, Arc::default()).context(failed)?;
    let ignored = ignored_signals();
    let wanted = [SIGTERM, SIGINT, SIGHUP]
        .into_iter()
        .filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = Signals::new(wanted).context(failed)?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if let Some(first) = signals.forever().next() {
                end(first, &mut signals);
            }
        })
        .context(failed)?;
    Ok(())
}

/// The request to end, for a subcommand that looks at it again and again and ends by itself.
pub(super) fn on_request() -> Arc<AtomicBool> {
    STATE.asks.store(true, SeqCst);
    STATE.stop.clone()
}

/// Whether the subcommand was asked to end.
pub(super) fn is_requested() -> bool {
    STATE.stop.load(SeqCst)
}

/// Ends the process as its signal would have: for a subcommand that was asked to end and has left
/// something undone.
pub(super) fn end_by_signal() -> ! {
    match STATE.signal.load(SeqCst) {
        0 => exit(1),
        signal => end_now(signal),
    }
}

#[cfg(feature = "offline")]
/// Removes `folder` if a signal ends the process.
pub(super) fn remove_at_end(folder: &Path) {
    STATE.folders().push(folder.to_path_buf());
}

fn end(signal: i32, signals: &mut Signals) {
    STATE.signal.store(signal, SeqCst);
    if !STATE.asks.load(SeqCst) {
        end_now(signal);
    }
    STATE.stop.store(true, SeqCst);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        std::thread::sleep(LOOK);
        if signals.pending().next().is_some() {
            end_now(signal);
        }
    }
    let name = signal_name(signal).unwrap_or("signal");
    let text = format!(
        "unmask: {name}: a disk, a mount or a device did not answer within {} ms; ended without \
         waiting for it\n",
        GRACE.as_millis()
    );
    // On a thread of its own: whoever hangs may hold stderr.
    let _ = std::thread::Builder::new().spawn(move || eprint!("{text}"));
    std::thread::sleep(LOOK);
    exit(1)
}

fn end_now(signal: i32) -> ! {
    for folder in STATE.folders().drain(..) {
        let _ = std::fs::remove_dir_all(folder);
    }
    let _ = emulate_default_handler(signal);
    exit(1)
}

/// Signals that this process ignores, one bit each, the first signal lowest.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_ignored_and_the_rest_is_not() {
        // The standard library ignores SIGPIPE (13) and nothing else.
        let ignored = ignored_signals();
        assert_eq!(ignored >> 12 & 1, 1);
        assert_eq!(ignored >> (SIGTERM - 1) & 1, 0);
    }
}
