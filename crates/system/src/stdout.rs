//! Which standard streams the process was started with.

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    static MISSING: AtomicBool = AtomicBool::new(false);

    pub fn was_open() -> bool {
        !MISSING.load(Relaxed)
    }

    /// Runs before the standard library looks at the streams.
    extern "C" fn is_open() {
        // SAFETY: `fcntl` with `F_GETFD` takes any number, reads the flags of a descriptor and
        // changes nothing.
        let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
        MISSING.store(flags < 0, Relaxed);
    }

    // SAFETY: the loader calls what stands in this section once, before `main`, with the C calling
    // convention and arguments that may be ignored. `look` uses one system call and one atomic,
    // neither of which needs anything to be set up.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static BEFORE_MAIN: extern "C" fn() = is_open;
}

#[cfg(target_os = "linux")]
pub use linux::was_open;

#[cfg(not(target_os = "linux"))]
pub fn was_open() -> bool {
    true
}
