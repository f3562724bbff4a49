//! How a subcommand that failed says so: a line on stderr, and an object on stdout for `--json`.

use crate::config::ConfigError;
use std::ffi::{OsStr, OsString};
use std::io::Write;

/// A failure whose JSON is on stdout already, together with what was found before it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Printed(pub String);

/// A configuration that is wrong, as sysexits.h and systemd number it: a restart would find the same.
const BAD_CONFIG: u8 = 78;

/// Exit code of a subcommand that failed with `error`.
pub(super) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.is::<ConfigError>() {
        true => BAD_CONFIG,
        false => 1,
    }
}

/// Whether `args` ask for JSON. Asked of the bare arguments, since those that cannot be parsed are
/// answered in JSON, too.
pub(super) fn wants_json(args: impl IntoIterator<Item = OsString>) -> bool {
    args.into_iter()
        .take_while(|arg| arg != OsStr::new("--"))
        .any(|arg| arg == OsStr::new("--json"))
}

/// Prints `{"error": …, "exit_code": …}` on stdout.
pub(super) fn print_json(error: &str, exit_code: i32) {
    let object = serde_json::json!({ "error": error.trim(), "exit_code": exit_code });
    // The same is said on stderr: a reader who is gone misses nothing more.
    let _ = writeln!(std::io::stdout().lock(), "{object}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_before_the_double_dash_only() {
        let ask = |args: &[&str]| wants_json(args.iter().map(OsString::from));
        assert!(ask(&["eval", "--json", "--dataset", "d"]));
        assert!(!ask(&["eval", "--dataset", "d"]));
        assert!(!ask(&["score", "--", "--json"]));
    }
}
