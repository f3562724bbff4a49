//! What subcommands print. Within `cli`, `println!`, `eprintln!` and `eprint!` are these: they never
//! panic, and [`failure`] knows whether stdout took everything.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether notices (summaries, where results are) are shown.
static NOTICES: AtomicBool = AtomicBool::new(true);

/// The first failure of stdout.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Shows notices, which rank with the level `info`, or hides them.
pub(super) fn show_notices(show: bool) {
    NOTICES.store(show, Relaxed);
}

/// Whether notices are shown.
pub(super) fn shows_notices() -> bool {
    NOTICES.load(Relaxed)
}

/// Why what was printed is lost; `None` where it is not, or nobody wants it: a reader may stop
/// when it has enough.
pub(super) fn failure() -> Option<io::Error> {
    let failed = FAILURE.lock().ok()?.take();
    failed.filter(|error| error.kind() != ErrorKind::BrokenPipe)
}

/// Prints a line on stdout.
pub(super) fn line(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    let printed = out
        .write_fmt(text)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    if let (Err(error), Ok(mut failure)) = (printed, FAILURE.lock()) {
        failure.get_or_insert(error);
    }
}

/// Shows a notice on stderr, unless `-q` hides it. One that cannot be written is no reason to fail.
pub(super) fn say(text: Arguments<'_>) {
    if !shows_notices() {
        return;
    }
    let _ = io::stderr().lock().write_fmt(text);
}

/// Shows a notice of one line on stderr.
pub(super) fn say_line(text: Arguments<'_>) {
    say(format_args!("{text}\n"));
}
