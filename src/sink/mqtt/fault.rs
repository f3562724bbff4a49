//! Broker faults: explains errors of the client library, names the fix, and tells outages from
//! permanent faults.

use rumqttc::v5::{self, mqttbytes::v5::DisconnectReasonCode};
use rustls::{CertificateError, Error as TlsError};
use std::error::Error;
use std::fmt;
use std::io;

/// Why a broker takes no alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerFault {
    /// Whether waiting does not fix it: someone has to change something here or at the broker.
    pub permanent: bool,
    /// What is wrong, and the fix where there is one.
    pub text: String,
    /// The broker closed the connection without saying why.
    pub(super) closed: bool,
}

impl BrokerFault {
    /// One that may be over the next time: the broker is away, or the network.
    pub(super) fn outage(text: impl Into<String>) -> Self {
        Self {
            permanent: false,
            text: text.into(),
            closed: false,
        }
    }

    /// The broker closed the connection without saying why.
    pub(super) fn closed(text: impl Into<String>) -> Self {
        Self {
            closed: true,
            ..Self::outage(text)
        }
    }

    /// One that stays until someone fixes it.
    pub(super) fn permanent(text: impl Into<String>) -> Self {
        Self {
            permanent: true,
            text: text.into(),
            closed: false,
        }
    }
}

impl fmt::Display for BrokerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the words need to know.
#[derive(Clone, Debug)]
pub(super) struct FaultContext {
    pub host: String,
    pub client_id: String,
    pub tls: bool,
}

/// A failure of the MQTT 3.1.1 client.
pub(super) fn read_v3(error: &rumqttc::ConnectionError, context: &FaultContext) -> BrokerFault {
    use rumqttc::{ConnectReturnCode as Code, ConnectionError};
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            Code::BadUserNamePassword => invalid_login(),
            Code::NotAuthorized => not_authorized(),
            Code::BadClientId => invalid_client_id(context),
            Code::RefusedProtocolVersion => BrokerFault::permanent(
                "the broker does not speak MQTT 3.1.1; set sink.mqtt.version",
            ),
            Code::ServiceUnavailable | Code::Success => {
                BrokerFault::outage("the broker says that it is not available")
            }
        },
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => no_answer(),
        ConnectionError::MqttState(rumqttc::StateError::ConnectionAborted) => closed(),
        error => read_chain(error, context),
    }
}

/// A failure of the MQTT 5 client.
pub(super) fn read_v5(error: &v5::ConnectionError, context: &FaultContext) -> BrokerFault {
    use v5::StateError;
    use v5::mqttbytes::v5::ConnectReturnCode as Code;
    match error {
        v5::ConnectionError::ConnectionRefused(code)
        | v5::ConnectionError::MqttState(StateError::ConnFail { reason: code }) => match code {
            Code::BadUserNamePassword | Code::BadAuthenticationMethod => invalid_login(),
            Code::NotAuthorized | Code::Banned => not_authorized(),
            Code::BadClientId | Code::ClientIdentifierNotValid => invalid_client_id(context),
            Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => {
                BrokerFault::permanent(
                    "the broker does not speak MQTT 5; use --mqtt-version 3.1.1 \
                     (sink.mqtt.version = \"3.1.1\")",
                )
            }
            Code::QoSNotSupported => no_qos_1(),
            Code::TopicNameInvalid | Code::RetainNotSupported => BrokerFault::permanent(format!(
                "the broker refuses the last will of this sender ({code:?}): it must take \
                     retained messages with QoS 1 at TOPIC/status"
            )),
            Code::ServerMoved | Code::UseAnotherServer => {
                BrokerFault::permanent("the broker has moved; change the address")
            }
            code => BrokerFault::outage(format!("the broker takes no connection now: {code:?}")),
        },
        v5::ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => disconnected(*reason_code, reason_string.as_deref(), context),
        v5::ConnectionError::Timeout(_) => no_answer(),
        v5::ConnectionError::MqttState(StateError::ConnectionAborted) => closed(),
        error => read_chain(error, context),
    }
}

/// The broker ended the connection and says why.
pub(super) fn disconnected(
    code: DisconnectReasonCode,
    more: Option<&str>,
    context: &FaultContext,
) -> BrokerFault {
    let more = more.map_or_else(String::new, |more| format!(" ({})", more.escape_debug()));
    match code {
        DisconnectReasonCode::SessionTakenOver => client_id_taken(context),
        DisconnectReasonCode::NotAuthorized => not_authorized(),
        DisconnectReasonCode::PacketTooLarge => BrokerFault::outage(format!(
            "the broker ended the connection: an alert is larger than it takes{more}; raise its \
             limit (mosquitto: max_packet_size)"
        )),
        code => BrokerFault::outage(format!("the broker ended the connection: {code:?}{more}")),
    }
}

/// Another client came with the same id.
pub(super) fn client_id_taken(context: &FaultContext) -> BrokerFault {
    BrokerFault::permanent(format!(
        "another client uses the client id `{}`, and the broker lets only one of the two in; give \
         each sender an id of its own with sink.mqtt.client_id",
        context.client_id
    ))
}

fn invalid_login() -> BrokerFault {
    BrokerFault::permanent(
        "the broker refuses user or password; fix the address, sink.mqtt.user, \
         sink.mqtt.password_file or $UNMASK_MQTT_PASSWORD",
    )
}

fn not_authorized() -> BrokerFault {
    BrokerFault::permanent(
        "the broker lets this client not in, or not write there (NotAuthorized); give a user and \
         a password, or give this one the right to write to TOPIC and TOPIC/status",
    )
}

fn invalid_client_id(context: &FaultContext) -> BrokerFault {
    BrokerFault::permanent(format!(
        "the broker refuses the client id `{}`; choose another with sink.mqtt.client_id",
        context.client_id
    ))
}

fn closed() -> BrokerFault {
    BrokerFault::closed("the broker closed the connection")
}

/// The broker takes nothing that it would acknowledge.
pub(super) fn no_qos_1() -> BrokerFault {
    BrokerFault::permanent(
        "the broker takes QoS 0 only, and never says what it has; alerts need QoS 1: allow it at \
         the broker, or use another one",
    )
}

/// The broker refuses an alert, for now.
pub(super) fn refused(reason: v5::mqttbytes::v5::PubAckReason) -> BrokerFault {
    use v5::mqttbytes::v5::PubAckReason as Reason;
    match reason {
        Reason::NotAuthorized => not_authorized(),
        Reason::TopicNameInvalid => {
            BrokerFault::permanent("the broker refuses the topic; change it in the address")
        }
        reason => BrokerFault::outage(format!("the broker refuses an alert: {reason:?}")),
    }
}

/// The broker closes connections again and again soon after it accepted them.
pub(super) fn closed_early(context: &FaultContext, times: u32) -> BrokerFault {
    BrokerFault::permanent(format!(
        "the broker closed {times} connections in a row soon after it had accepted them. Does \
         another client use the client id `{}`? Then give each an id of its own with \
         sink.mqtt.client_id. May this client write to the topic? The broker's log says which",
        context.client_id
    ))
}

fn no_answer() -> BrokerFault {
    BrokerFault::outage("no answer from the broker in time")
}

/// Looks through an error and its causes for what can be named.
fn read_chain(error: &(dyn Error + 'static), context: &FaultContext) -> BrokerFault {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return read_tls(tls, context);
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if let Some(tls) = io.get_ref().and_then(|e| e.downcast_ref::<TlsError>()) {
                return read_tls(tls, context);
            }
            return read_io(io);
        }
        next = error.source();
    }
    BrokerFault::outage(error.to_string())
}

fn read_io(error: &io::Error) -> BrokerFault {
    const DESCRIPTORS: [i32; 2] = [libc_emfile(), libc_enfile()];
    if error
        .raw_os_error()
        .is_some_and(|n| DESCRIPTORS.contains(&n))
    {
        return no_descriptors(error);
    }
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe => {
            BrokerFault::closed(format!("the broker closed the connection ({error})"))
        }
        _ => BrokerFault::outage(error.to_string()),
    }
}

/// The process has as many files open as it may.
pub(super) fn no_descriptors(error: &io::Error) -> BrokerFault {
    BrokerFault::outage(format!(
        "no file descriptor is free ({error}); raise the limit (LimitNOFILE= of the service, \
         ulimit -n)"
    ))
}

const fn libc_emfile() -> i32 {
    24
}

const fn libc_enfile() -> i32 {
    23
}

fn read_tls(error: &TlsError, context: &FaultContext) -> BrokerFault {
    use TlsError::{AlertReceived, InvalidCertificate};
    match error {
        // Words of our own: see `tls`.
        TlsError::General(words) => BrokerFault::permanent(words.clone()),
        InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => BrokerFault::outage(
            "the broker's certificate is not valid yet by this machine's clock; is the clock set?",
        ),
        InvalidCertificate(why) => BrokerFault::permanent(certificate(why, context)),
        AlertReceived(alert) => BrokerFault::permanent(format!(
            "the broker ends the TLS handshake ({alert:?}); does it want a client certificate \
             (sink.mqtt.cert_file and key_file), or another one?"
        )),
        TlsError::PeerIncompatible(why) => BrokerFault::permanent(format!(
            "the broker has no version or cipher of TLS in common with this program (TLS 1.2 and \
             1.3): {why:?}"
        )),
        error => BrokerFault::outage(format!("TLS: {error}")),
    }
}

/// What is wrong with the broker's certificate, and the fix.
fn certificate(why: &CertificateError, context: &FaultContext) -> String {
    let host = &context.host;
    match why {
        CertificateError::UnknownIssuer => {
            "the broker's certificate is signed by an authority that is not trusted here; name its \
             authority's certificate with --mqtt-ca FILE (sink.mqtt.ca_file)"
                .into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the broker's certificate has expired, or this machine's clock is wrong; renew the \
             certificate"
                .into()
        }
        CertificateError::NotValidForName => format!(
            "the broker's certificate is not for `{host}`; use a name that it holds, or sign it \
             again with subjectAltName={}",
            alternative_name(host)
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = match presented.as_slice() {
                [] => "holds no name (a CN alone is not enough)".to_string(),
                names => format!("is for {}", names.join(", ")),
            };
            format!(
                "the broker's certificate {names}, not for `{host}`; use a name that it holds, or \
                 sign it again with subjectAltName={}",
                alternative_name(host)
            )
        }
        CertificateError::BadSignature => {
            "the broker's certificate has a bad signature: it was not signed with the key of the \
             authority it names; is sink.mqtt.ca_file of an older authority with the same name?"
                .into()
        }
        CertificateError::Revoked => "the broker's certificate is revoked; renew it".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the broker's certificate is not for servers; sign it again with \
             extendedKeyUsage=serverAuth"
                .into()
        }
        why => format!("the broker's certificate cannot be used: {why:?}"),
    }
}

/// How OpenSSL wants a name in a certificate.
pub(super) fn alternative_name(host: &str) -> String {
    match host.parse::<std::net::IpAddr>() {
        Ok(_) => format!("IP:{host}"),
        Err(_) => format!("DNS:{host}"),
    }
}
