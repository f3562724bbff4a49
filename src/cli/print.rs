//! What verbs print. Within `cli`, `println!`, `eprintln!` and `eprint!` are these: they never
//! panic, and [`failure`] knows whether stdout took everything.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::Mutex;

/// The first failure of stdout.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Why what was printed is lost; `None` where it is not, or nobody wants it: whoever reads it may
/// stop when he has seen enough.
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

/// Says something on stderr. A log that cannot be written is no reason to fail.
pub(super) fn say(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}

/// Says a line on stderr.
pub(super) fn say_line(text: Arguments<'_>) {
    say(format_args!("{text}\n"));
}
