//! How a subcommand that failed says so: a line on stderr, and an object on stdout for `--json`.

use std::ffi::{OsStr, OsString};
use std::io::Write;

/// A failure whose JSON is on stdout already, together with what was found before it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Printed(pub String);

/// Whether `args` ask for JSON. Asked of the bare arguments, since those that cannot be parsed are
/// answered in JSON, too.
pub(super) fn wants_json(args: impl IntoIterator<Item = OsString>) -> bool {
    args.into_iter()
        .take_while(|arg| arg != OsStr::new("--"))
        .any(|arg| arg == OsStr::new("--json"))
}

/// The message of `error` and of its causes, each once: many messages quote their cause already.
pub(super) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let message = cause.to_string();
        if text.is_empty() {
            text = message;
        } else if !text.contains(message.trim()) {
            text.push_str(": ");
            text.push_str(&message);
        }
    }
    text
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
    use anyhow::Context;

    #[test]
    fn causes_are_said_once() {
        let cause = || std::io::Error::other("the disk is full");
        let quoting = |cause: std::io::Error| {
            let text = format!("cannot write a.onnx: {cause}");
            anyhow::Error::new(cause).context(text)
        };
        assert_eq!(
            chain(&quoting(cause())),
            "cannot write a.onnx: the disk is full"
        );
        let plain = Err::<(), _>(cause()).context("cannot write a.onnx");
        assert_eq!(
            chain(&plain.unwrap_err()),
            "cannot write a.onnx: the disk is full"
        );
        let twice = quoting(cause()).context("cannot prepare b.onnx");
        assert_eq!(
            chain(&twice),
            "cannot prepare b.onnx: cannot write a.onnx: the disk is full"
        );
    }

    #[test]
    fn json_is_asked_for_before_the_double_dash_only() {
        let ask = |args: &[&str]| wants_json(args.iter().map(OsString::from));
        assert!(ask(&["eval", "--json", "--dataset", "d"]));
        assert!(!ask(&["eval", "--dataset", "d"]));
        assert!(!ask(&["score", "--", "--json"]));
    }
}
