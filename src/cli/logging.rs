//! Logs on stderr, with levels; with priorities where stderr is the systemd journal.
//!
//! `docs/logs.md` says what each level means. A log that cannot be written is no reason to fail.

use super::{print, progress};
use anyhow::bail;
use clap::ArgAction;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;
use unmask_frame::escape_control;

/// Names the level where neither `-v` nor `-q` is given.
const VARIABLE: &str = "UNMASK_LOG";

/// Options about logs, of every subcommand.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogArgs {
    /// Log more: -v debug messages, -vv trace messages
    ///
    /// Without -v and -q, $UNMASK_LOG names the level: error, warn, info (the default), debug or
    /// trace. Where stderr is the systemd journal, every line carries its priority.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,

    /// Log less: -q warnings and errors, -qq errors only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    quiet: u8,
}

impl LogArgs {
    /// The most verbose level that is logged.
    fn level(self, variable: Option<&str>) -> anyhow::Result<LevelFilter> {
        Ok(match (self.verbose, self.quiet) {
            (0, 0) => match variable.map(str::trim) {
                None | Some("" | "info") => LevelFilter::INFO,
                Some("error") => LevelFilter::ERROR,
                Some("warn") => LevelFilter::WARN,
                Some("debug") => LevelFilter::DEBUG,
                Some("trace") => LevelFilter::TRACE,
                Some(other) => bail!(
                    "${VARIABLE}: unknown level `{}`: use error, warn, info, debug or trace",
                    escape_control(other)
                ),
            },
            (0, 1) => LevelFilter::WARN,
            (0, _) => LevelFilter::ERROR,
            (1, _) => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }
}

/// Logs from now on.
///
/// # Errors
/// `$UNMASK_LOG` names no level.
pub(super) fn start(args: LogArgs) -> anyhow::Result<()> {
    let variable = std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
    let level = args.level(variable.as_deref())?;
    let lines = LogLines {
        level,
        journal: is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref()),
    };
    print::show_notices(level >= LevelFilter::INFO);
    // Another subscriber is one that a test has set.
    let _ = tracing::subscriber::set_global_default(registry().with(lines));
    Ok(())
}

/// Whether stderr is the journal's stream: systemd names its device and inode.
fn is_journal(stream: Option<&str>) -> bool {
    let Some((device, inode)) = stream.and_then(|stream| stream.split_once(':')) else {
        return false;
    };
    let stderr = std::fs::metadata("/proc/self/fd/2");
    stderr
        .is_ok_and(|stderr| device.parse() == Ok(stderr.dev()) && inode.parse() == Ok(stderr.ino()))
}

/// Writes events as lines.
struct LogLines {
    level: LevelFilter,
    journal: bool,
}

impl<S: Subscriber> Layer<S> for LogLines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // One level less of libraries' messages: those are for who looks for a fault in them.
        let level = match metadata.target().starts_with("unmask") {
            true => self.level,
            false if self.level >= LevelFilter::DEBUG => LevelFilter::INFO,
            false => self.level.min(LevelFilter::WARN),
        };
        *metadata.level() <= level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        let line = line(*event.metadata().level(), &message.0, self.journal);
        progress::suspend(|| {
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        });
    }
}

/// A line of the log. Control characters in the message cannot forge another.
fn line(level: Level, message: &str, journal: bool) -> String {
    let message = escape_control(message);
    if journal {
        // As in `sd-daemon(3)`; the journal adds time and program.
        let priority = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        return format!("<{priority}>{message}\n");
    }
    let level = match level {
        Level::ERROR => "error: ",
        Level::WARN => "warning: ",
        Level::INFO => "",
        Level::DEBUG => "debug: ",
        _ => "trace: ",
    };
    format!("unmask: {level}{message}\n")
}

/// An event's message, and its other fields after it.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing into a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_override_the_variable() {
        let args = |verbose, quiet| LogArgs { verbose, quiet };
        let levels = [
            (args(0, 0), None, LevelFilter::INFO),
            (args(0, 0), Some(""), LevelFilter::INFO),
            (args(0, 0), Some("debug"), LevelFilter::DEBUG),
            (args(0, 1), Some("debug"), LevelFilter::WARN),
            (args(0, 2), None, LevelFilter::ERROR),
            (args(1, 0), Some("error"), LevelFilter::DEBUG),
            (args(3, 0), None, LevelFilter::TRACE),
        ];
        for (args, variable, level) in levels {
            assert_eq!(
                args.level(variable).unwrap(),
                level,
                "{args:?} {variable:?}"
            );
        }
        let error = args(0, 0).level(Some("loud")).unwrap_err().to_string();
        assert!(error.contains("UNMASK_LOG") && error.contains("`loud`"));
    }

    #[test]
    fn lines_carry_level_or_priority() {
        assert_eq!(line(Level::INFO, "a", false), "unmask: a\n");
        assert_eq!(line(Level::WARN, "a", false), "unmask: warning: a\n");
        assert_eq!(line(Level::ERROR, "a\nb", false), "unmask: error: a\\nb\n");
        for (level, priority) in [
            (Level::ERROR, 3),
            (Level::WARN, 4),
            (Level::INFO, 6),
            (Level::DEBUG, 7),
            (Level::TRACE, 7),
        ] {
            assert_eq!(line(level, "a", true), format!("<{priority}>a\n"));
        }
    }

    #[test]
    fn journal_is_recognised_by_device_and_inode() {
        let stderr = std::fs::metadata("/proc/self/fd/2").unwrap();
        let stream = format!("{}:{}", stderr.dev(), stderr.ino());
        assert!(is_journal(Some(&stream)));
        assert!(!is_journal(Some("1:2:3")) && !is_journal(Some("x")) && !is_journal(None));
        let other = format!("{}:{}", stderr.dev(), stderr.ino() + 1);
        assert!(!is_journal(Some(&other)));
    }
}
