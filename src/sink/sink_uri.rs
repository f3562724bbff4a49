//! Sink URIs, as `--alerts` takes them: stdout, a file, a socket, a broker.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Topic of alerts where the address names none.
const TOPIC: &str = "unmask/alerts";
/// Ports of MQTT without and with TLS.
const PORTS: [u16; 2] = [1883, 8883];

/// What is written with % and two digits in a user's name.
const IN_USER: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same in a topic.
const IN_TOPIC: AsciiSet = IN_USER.remove(b'/').remove(b'$').remove(b':').remove(b' ');

/// One place for alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkUri {
    /// `-`: standard output.
    Stdout,
    /// `FILE` or `file:FILE`: JSON Lines.
    File(PathBuf),
    /// `unix:PATH`: one datagram per alert to a socket that someone else made.
    Socket(PathBuf),
    /// `mqtt://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]`, or `mqtts://` for TLS.
    Mqtt(BrokerAddress),
}

/// A broker and a topic.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerAddress {
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

/// What may be written: the end of every error about an address.
const KNOWN: &str = "Known: - (stdout), FILE or file:FILE, unix:SOCKET, \
                     mqtt://HOST[:PORT][/TOPIC], mqtts://HOST[:PORT][/TOPIC]";

/// An address that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address:?} is not a valid sink: {reason}. {KNOWN}")]
pub struct SinkUriError {
    address: String,
    reason: &'static str,
}

impl FromStr for SinkUri {
    type Err = SinkUriError;

    fn from_str(text: &str) -> Result<Self, SinkUriError> {
        let refuse = |reason| SinkUriError {
            address: without_password(text),
            reason,
        };
        let path = |path: &str| match path {
            "" => Err(refuse("no path")),
            path => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            _ if text == "-" => Ok(SinkUri::Stdout),
            Some(("file", rest)) => Ok(SinkUri::File(path(rest)?)),
            Some(("unix", rest)) => Ok(SinkUri::Socket(path(rest)?)),
            Some((scheme @ ("mqtt" | "mqtts"), rest)) => {
                let rest = rest.strip_prefix("//").ok_or(refuse("// is missing"))?;
                broker(scheme == "mqtts", rest)
                    .map(SinkUri::Mqtt)
                    .map_err(refuse)
            }
            // `tcp:HOST` is a mistake rather than a file; `file:tcp:HOST` would be one.
            Some((scheme, rest)) if rest.starts_with("//") || is_word(scheme) => {
                Err(refuse("unknown scheme"))
            }
            _ => Ok(SinkUri::File(path(text)?)),
        }
    }
}

/// Longer than the letter of a drive.
fn is_word(scheme: &str) -> bool {
    scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_lowercase())
}

/// `text` without what may be a password: for errors, whatever the user wrote.
pub(crate) fn without_password(text: &str) -> String {
    // Our own words look like an address, too.
    if let Some(said) = text.strip_suffix(KNOWN) {
        return without_password(said) + KNOWN;
    }
    let Some(at) = text.find("mqtt") else {
        return match (text.find("//"), text.rfind('@')) {
            (Some(begin), Some(end)) if begin < end => {
                format!("{}…{}", &text[..begin + 2], &text[end..])
            }
            _ => text.to_string(),
        };
    };
    let rest = &text[at..];
    let scheme = rest.find(':').map_or(rest.len(), |colon| colon + 1);
    let scheme = scheme + rest[scheme..].bytes().take_while(|b| *b == b'/').count();
    let (head, tail) = text.split_at(at + scheme);
    if let Some(end) = tail.rfind('@') {
        return format!("{head}…{}", &tail[end..]);
    }
    // The host may have been forgotten: what stands in the place of a port then is a password.
    match tail.split_once(':') {
        Some((host, port)) if !tail.starts_with('[') => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            match port.as_bytes().get(digits) {
                None | Some(b'/' | b'"' | b'\'' | b' ') if digits > 0 => text.to_string(),
                _ => format!("{head}{host}:…"),
            }
        }
        _ => text.to_string(),
    }
}

/// What `%` and two digits stand for.
fn decoded(text: &str) -> Result<String, &'static str> {
    let mut after = text.split('%');
    after.next();
    let digits =
        |part: &str| part.len() >= 2 && part.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    if !after.all(digits) {
        return Err("a % is followed by two hexadecimal digits; write % itself as %25");
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| "its percent-encoding is not UTF-8")
}

fn broker(tls: bool, rest: &str) -> Result<BrokerAddress, &'static str> {
    let (address, topic) = match rest.split_once('/') {
        Some((address, topic)) => (address, topic),
        None => (rest, ""),
    };
    if topic.contains('@') {
        return Err(
            "an @ after the first /: write / in a user or password as %2F, @ in a topic as %40",
        );
    }
    let topic = decoded(if topic.is_empty() { TOPIC } else { topic })?;
    if topic.contains(['+', '#', '\0']) || topic.len() > 1024 {
        return Err("a topic to write to has no + and no #, and at most 1024 bytes");
    }
    let (login, uri) = match address.rsplit_once('@') {
        Some((login, uri)) => (Some(login), uri),
        None => (None, address),
    };
    let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
        None => (None, None),
        Some(Ok((user, password))) => (Some(decoded(user)?), Some(decoded(password)?)),
        Some(Err(user)) => (Some(decoded(user)?), None),
    };
    let (host, port) = match uri.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("] is missing")?;
            (host, port.strip_prefix(':'))
        }
        None => match uri.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (uri, None),
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
    Ok(BrokerAddress {
        tls,
        host: host.to_string(),
        port,
        topic,
        user,
        password,
    })
}

impl fmt::Display for SinkUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkUri::Stdout => f.write_str("-"),
            // `file:` where the path alone would be read as something else.
            SinkUri::File(path) => match path.to_str().map(SinkUri::from_str) {
                Some(Ok(SinkUri::File(same))) if same == *path => write!(f, "{}", path.display()),
                _ => write!(f, "file:{}", path.display()),
            },
            SinkUri::Socket(path) => write!(f, "unix:{}", path.display()),
            SinkUri::Mqtt(broker) => broker.fmt(f),
        }
    }
}

/// Without the password.
impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "mqtts://" } else { "mqtt://" })?;
        if let Some(user) = &self.user {
            write!(f, "{}@", utf8_percent_encode(user, &IN_USER))?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        let topic = utf8_percent_encode(&self.topic, &IN_TOPIC);
        write!(f, ":{}/{topic}", self.port)
    }
}

/// Without the password.
impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({self})")
    }
}

impl<'de> Deserialize<'de> for SinkUri {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for SinkUri {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> SinkUri {
        text.parse().unwrap()
    }

    #[test]
    fn every_kind_of_address_is_understood_and_shown_again() {
        assert_eq!(read("-"), SinkUri::Stdout);
        assert_eq!(read("a/b.jsonl"), SinkUri::File("a/b.jsonl".into()));
        assert_eq!(read("file:-"), SinkUri::File("-".into()));
        assert_eq!(read("C:x"), SinkUri::File("C:x".into()));
        assert_eq!(
            read("unix:/run/a.sock"),
            SinkUri::Socket("/run/a.sock".into())
        );
        let SinkUri::Mqtt(plain) = read("mqtt://broker.local") else {
            panic!("no broker")
        };
        assert_eq!(
            (plain.port, plain.topic.as_str(), plain.tls),
            (1883, TOPIC, false)
        );
        let SinkUri::Mqtt(full) = read("mqtts://me:p:w@d@[::1]:99/a/b") else {
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
            "mqtt://a%40b%3Ac@h:1/x%25/%C3%A9",
        ] {
            assert_eq!(read(text).to_string(), text);
            assert_eq!(read(&read(text).to_string()), read(text));
        }
    }

    #[test]
    fn what_percent_stands_for_is_meant() {
        let SinkUri::Mqtt(broker) = read("mqtt://b%6Fb:p%40ss%3Aw%2Frd%231@h/a%2fb%20c") else {
            panic!("no broker")
        };
        assert_eq!(broker.user.as_deref(), Some("bob"));
        assert_eq!(broker.password.as_deref(), Some("p@ss:w/rd#1"));
        assert_eq!(
            (broker.host.as_str(), broker.topic.as_str()),
            ("h", "a/b c")
        );
        for (text, reason) in [
            ("mqtt://u:100%@h", "%25"),
            ("mqtt://u:%4@h", "%25"),
            ("mqtt://%FF:x@h", "UTF-8"),
            ("mqtt://h/a%23", "no + and no #"),
            ("mqtt://h/a%00", "no + and no #"),
            ("mqtt://bob:12/34@h", "%2F"),
        ] {
            let error = text.parse::<SinkUri>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn errors_never_contain_a_password() {
        for text in [
            "mqtt://me:secret@h:0",
            "mqtt:/me:secret@h",
            "mqtt:me:secret@h",
            "mqtt://me:secret",
            "mqtt://me:secret/topic",
            "mqtt://me:12secret",
            "mqtts://me:se%cret@h",
            "mqtt://me:1/secret@h",
            "mqtt://me:a@secret@h:x",
            "http://me:secret@h",
        ] {
            let error = text.parse::<SinkUri>().unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(
                !said.contains("secret") && !said.contains("se%cret"),
                "{said}"
            );
        }
        for text in [
            "mqtt://h:1883/t",
            "a.jsonl",
            "unix:/run/x",
            "say \"mqtt://h:1\"",
        ] {
            assert_eq!(without_password(text), text);
        }
        let said = without_password(r#"invalid type: string "mqtt://me:secret@h/t", expected"#);
        assert_eq!(said, r#"invalid type: string "mqtt://…@h/t", expected"#);
    }

    #[test]
    fn bad_addresses_are_refused_without_printing_the_password() {
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
            let error = text.parse::<SinkUri>().unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("mqtts://"),
                "{error}"
            );
        }
        let error = "mqtt://me:secret@h:0".parse::<SinkUri>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
