//! The kernel's estimate of its own clock.

use std::time::Duration;

#[cfg(target_os = "linux")]
pub fn error() -> Option<Duration> {
    // SAFETY: all-zero is a valid `timex`: it is integers only.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `state` is a `timex` that lives through the call; with `modes` 0 the kernel only
    // writes to it and sets nothing.
    let status = unsafe { libc::adjtimex(&raw mut state) };
    let known = status >= 0 && status != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0;
    let us = u64::try_from(state.maxerror).ok()?;
    known.then(|| Duration::from_micros(us))
}

#[cfg(not(target_os = "linux"))]
pub fn error() -> Option<Duration> {
    None
}
