//! Forwards the library's messages to the log.

use std::fmt;

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// An error inside the library.
    InternalError,
    /// An error of the caller, or one that the library passes on.
    Error,
    /// Something that the caller should know.
    Warning,
    /// Facts about what is being done.
    Info,
    /// Details; the builder describes every layer here.
    Verbose,
}

impl Severity {
    /// The severity of NVIDIA's number; unknown ones count as verbose.
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            0 => Self::InternalError,
            1 => Self::Error,
            2 => Self::Warning,
            3 => Self::Info,
            _ => Self::Verbose,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InternalError => "internal error",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Verbose => "verbose",
        })
    }
}

/// Receives the library's messages, from any thread. A panic inside loses the message.
///
/// TensorRT has one logger for the whole process. Where a library is opened twice, each log gets
/// the messages of both, errors apart: these go to the log of the [`Library`](crate::Library) that
/// they are about.
pub trait Log: Send + Sync + 'static {
    /// One message; a verbose one may hold many lines.
    fn log(&self, severity: Severity, message: &str);
}

impl<F: Fn(Severity, &str) + Send + Sync + 'static> Log for F {
    fn log(&self, severity: Severity, message: &str) {
        self(severity, message);
    }
}
