//! Diagnoses failed connections.

use super::fault::BrokerFault;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// Descriptors that the client library takes for a connection.
const DESCRIPTORS: usize = 6;
/// First byte of a TLS record: handshake, alert.
const TLS_RECORDS: [u8; 2] = [0x16, 0x15];
/// First byte of a CONNACK.
const CONNACK: u8 = 0x20;
/// CONNECT of MQTT 3.1.1: no name, clean session, keep-alive 5 s.
const CONNECT: [u8; 14] = [0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 5, 0, 0];

/// Whether a connection would find the descriptors that it needs: the library panics without.
pub(super) fn descriptors() -> io::Result<()> {
    let mut open = Vec::with_capacity(DESCRIPTORS);
    for _ in 0..DESCRIPTORS {
        open.push(File::open("/dev/null")?);
    }
    Ok(())
}

/// Whether the port speaks plain MQTT where TLS was tried (`tls`), or TLS where plain was tried.
pub(super) fn mixed_up(
    host: &str,
    port: u16,
    tls: bool,
    patience: Duration,
) -> Option<BrokerFault> {
    match tls {
        true => (first_byte(host, port, &CONNECT, patience)? == CONNACK).then(|| {
            BrokerFault::permanent(format!(
                "port {port} speaks MQTT without TLS; name the broker's TLS port (usually 8883), \
                 or write mqtt:// to send alerts unencrypted"
            ))
        }),
        false => {
            let hello = client_hello(host)?;
            let first = first_byte(host, port, &hello, patience)?;
            TLS_RECORDS.contains(&first).then(|| {
                BrokerFault::permanent(format!(
                    "port {port} speaks TLS; write mqtts:// (with --mqtt-ca FILE for an authority \
                     of your own), or name the broker's plain port (usually 1883)"
                ))
            })
        }
    }
}

/// Sends `text` and returns the first byte of the answer.
fn first_byte(host: &str, port: u16, text: &[u8], patience: Duration) -> Option<u8> {
    let address = (host, port).to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.set_write_timeout(Some(patience)).ok()?;
    stream.write_all(text).ok()?;
    let mut first = [0];
    stream.read_exact(&mut first).ok()?;
    Some(first[0])
}

fn client_hello(host: &str) -> Option<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_string()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).ok()?;
    Some(hello)
}
