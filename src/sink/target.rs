//! What `--alerts` names: stdout, a file, a socket, a broker.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Topic of alerts where the address names none.
const TOPIC: &str = "unmask/alerts";
/// Ports of MQTT without and with TLS.
const PORTS: [u16; 2] = [1883, 8883];

/// One place for alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `-`: standard output.
    Stdout,
    /// `FILE` or `file:FILE`: JSON Lines.
    File(PathBuf),
    /// `unix:PATH`: one datagram an alert to a socket that someone else made.
    Socket(PathBuf),
    /// `mqtt://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]`, or `mqtts://` for TLS.
    Mqtt(Broker),
}

/// A broker and a topic.
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    /// Whether the way there is encrypted.
    pub tls: bool,
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// Port; 1883 or 8883 where the address names none.
    pub port: u16,
    /// Topic of alerts; `TOPIC/status` says whether this sender is there.
    pub topic: String,
    /// User, where the address names one.
    pub user: Option<String>,
    /// Password, where the address names one. Others on the machine can read command lines: a
    /// `password_file` is better.
    pub password: Option<String>,
}

/// An address that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address:?} is no place for alerts: {reason}. Known: - (stdout), FILE or file:FILE, unix:SOCKET, \
     mqtt://HOST[:PORT][/TOPIC], mqtts://HOST[:PORT][/TOPIC]"
)]
pub struct TargetError {
    address: String,
    reason: &'static str,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = |reason| TargetError {
            // No password in an error.
            address: match text.rsplit_once('@') {
                Some((_, rest)) => format!("…@{rest}"),
                None => text.to_string(),
            },
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
            Some((scheme @ ("mqtt" | "mqtts"), rest)) => {
                let rest = rest.strip_prefix("//").ok_or(refuse("// is missing"))?;
                broker(scheme == "mqtts", rest)
                    .map(Target::Mqtt)
                    .map_err(refuse)
            }
            // `tcp:HOST` is a mistake rather than a file; `file:tcp:HOST` would be one.
            Some((scheme, rest)) if rest.starts_with("//") || is_word(scheme) => {
                Err(refuse("unknown scheme"))
            }
            _ => Ok(Target::File(path(text)?)),
        }
    }
}

/// Longer than the letter of a drive.
fn is_word(scheme: &str) -> bool {
    scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_lowercase())
}

fn broker(tls: bool, rest: &str) -> Result<Broker, &'static str> {
    let (address, topic) = match rest.split_once('/') {
        Some((address, topic)) => (address, topic),
        None => (rest, ""),
    };
    let topic = if topic.is_empty() { TOPIC } else { topic };
    if topic.contains(['+', '#', '\0']) || topic.len() > 1024 {
        return Err("a topic to write to has no + and no #, and at most 1024 bytes");
    }
    let (login, place) = match address.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, address),
    };
    let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
        None => (None, None),
        Some(Ok((user, password))) => (Some(user.to_string()), Some(password.to_string())),
        Some(Err(user)) => (Some(user.to_string()), None),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("] is missing")?;
            (host, port.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err("no host");
    }
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("bad port")?,
        None => PORTS[usize::from(tls)],
    };
    Ok(Broker {
        tls,
        host: host.to_string(),
        port,
        topic: topic.to_string(),
        user,
        password,
    })
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
            Target::Mqtt(broker) => broker.fmt(f),
        }
    }
}

/// Without the password.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "mqtts://" } else { "mqtt://" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        write!(f, ":{}/{}", self.port, self.topic)
    }
}

/// Without the password.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({self})")
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
        let Target::Mqtt(plain) = read("mqtt://broker.local") else {
            panic!("no broker")
        };
        assert_eq!(
            (plain.port, plain.topic.as_str(), plain.tls),
            (1883, TOPIC, false)
        );
        let Target::Mqtt(full) = read("mqtts://me:p:w@d@[::1]:99/a/b") else {
            panic!("no broker")
        };
        assert_eq!(
            (full.host.as_str(), full.port, full.topic.as_str()),
            ("::1", 99, "a/b")
        );
        assert_eq!(full.user.as_deref(), Some("me"));
        assert_eq!(full.password.as_deref(), Some("p:w@d"));
        assert!(full.tls && !format!("{full} {full:?}").contains("p:w"));
        for text in [
            "-",
            "x.jsonl",
            "file:-",
            "unix:s",
            "mqtt://h:1/t",
            "mqtts://u@[::1]:9/t",
        ] {
            assert_eq!(read(text).to_string(), text);
            assert_eq!(read(&read(text).to_string()), read(text));
        }
    }

    #[test]
    fn bad_addresses_are_refused_without_telling_the_password() {
        for (text, reason) in [
            ("", "no path"),
            ("unix:", "no path"),
            ("file:", "no path"),
            ("mqtt:broker", "// is missing"),
            ("mqtt://", "no host"),
            ("mqtt://:1883/x", "no host"),
            ("mqtt://h:0", "bad port"),
            ("mqtt://h:70000", "bad port"),
            ("mqtt://h/a/#", "no + and no #"),
            ("mqtt://[::1/x", "] is missing"),
            ("http://x", "unknown scheme"),
            ("tcp:localhost:9", "unknown scheme"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("mqtts://"),
                "{error}"
            );
        }
        let error = "mqtt://me:secret@h:0".parse::<Target>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
