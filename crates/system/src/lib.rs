//! Facts about the process and its host that the standard library does not provide.

use std::path::PathBuf;
use std::time::Duration;

mod clock;
mod state;
mod stdout;

/// Whether stdout was open when the process was started. The standard library puts `/dev/null` in
/// the place of a stream that is missing, so that writes succeed and are lost.
pub fn stdout_is_open() -> bool {
    stdout::was_open()
}

/// Folder for what this program keeps between runs: `$STATE_DIRECTORY` (the first, where systemd names
/// several), else `$XDG_STATE_HOME/unmask`, else `~/.local/state/unmask`. `None` where none of them is
/// set.
pub fn state_folder() -> Option<PathBuf> {
    state::folder(|key| std::env::var_os(key))
}

/// How far the wall clock may be off, by the kernel's own estimate; `None` where nothing keeps it
/// right, or nobody knows.
pub fn clock_error() -> Option<Duration> {
    clock::error()
}

#[cfg(test)]
mod tests {
    #[test]
    fn tests_have_a_stdout_and_an_estimate_is_below_a_minute() {
        assert!(super::stdout_is_open());
        // The kernel gives up its estimate at 16 s.
        assert!(super::clock_error().is_none_or(|error| error.as_secs() < 60));
    }
}
