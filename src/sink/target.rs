//! What `--alerts` names: stdout, a file, a socket.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// One place for alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `-`: standard output.
    Stdout,
    /// `FILE` or `file:FILE`: JSON Lines.
    File(PathBuf),
    /// `unix:PATH`: one datagram an alert to a socket that someone else made.
    Socket(PathBuf),
}

/// An address that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address:?} is no place for alerts: {reason}. Known: - (stdout), FILE, file:FILE, unix:SOCKET"
)]
pub struct TargetError {
    address: String,
    reason: &'static str,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = |reason| TargetError {
            address: text.to_string(),
            reason,
        };
        let path = |path: &str| match path {
            "" => Err(refuse("no path")),
            path => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            _ if text == "-" => Ok(Target::Stdout),
            Some(("file", rest)) => Ok(Target::File(path(rest)?)),
            Some(("unix", rest)) => Ok(Target::Socket(path(rest)?)),
            Some((_, rest)) if rest.starts_with("//") => Err(refuse("unknown scheme")),
            _ => Ok(Target::File(path(text)?)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stdout => f.write_str("-"),
            // `file:` where the path alone would be read as something else.
            Target::File(path) => match path.to_str().map(Target::from_str) {
                Some(Ok(Target::File(same))) if same == *path => write!(f, "{}", path.display()),
                _ => write!(f, "file:{}", path.display()),
            },
            Target::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn every_kind_of_address_is_understood_and_shown_again() {
        assert_eq!(read("-"), Target::Stdout);
        assert_eq!(read("a/b.jsonl"), Target::File("a/b.jsonl".into()));
        assert_eq!(read("file:-"), Target::File("-".into()));
        assert_eq!(read("C:x"), Target::File("C:x".into()));
        assert_eq!(
            read("unix:/run/a.sock"),
            Target::Socket("/run/a.sock".into())
        );
        for text in ["-", "x.jsonl", "file:-", "unix:s"] {
            assert_eq!(read(text).to_string(), text);
            assert_eq!(read(&read(text).to_string()), read(text));
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for (text, reason) in [
            ("", "no path"),
            ("unix:", "no path"),
            ("file:", "no path"),
            ("http://x", "unknown scheme"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("unix:SOCKET"),
                "{error}"
            );
        }
    }
}
