//! TLS with rustls and ring.

use super::fault::alternative_name;
use super::read;
use crate::sink::{MqttSettings, SinkError};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use std::path::Path;
use std::sync::Arc;

/// The configuration for `name`, from the files of `settings`.
pub(super) fn configure(
    name: &str,
    settings: &MqttSettings,
) -> Result<Arc<ClientConfig>, SinkError> {
    let refuse = |reason: String| SinkError::Tls {
        name: name.to_string(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let (trusted, pinned) = match &settings.ca_file {
        Some(path) => {
            let trusted = certificates("sink.mqtt.ca_file", path)?;
            (trusted.clone(), trusted)
        }
        None => (rustls_native_certs::load_native_certs().certs, Vec::new()),
    };
    roots.add_parsable_certificates(trusted);
    if roots.is_empty() {
        return Err(refuse(
            "no certificate to trust was found; name one with sink.mqtt.ca_file, or install \
             ca-certificates"
                .into(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| refuse(e.to_string()))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| refuse(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { usual, pinned }));
    let config = match (&settings.cert_file, &settings.key_file) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let chain = certificates("sink.mqtt.cert_file", cert)?;
            let bytes = read("sink.mqtt.key_file", key)?;
            let key =
                PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| SinkError::Setting {
                    key: "sink.mqtt.key_file",
                    value: key.display().to_string(),
                    reason: format!("holds no private key in PEM form: {error}"),
                })?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| refuse(format!("the client's certificate is refused: {e}")))?
        }
        _ => {
            return Err(refuse(
                "sink.mqtt.cert_file and sink.mqtt.key_file go together; one is missing".into(),
            ));
        }
    };
    Ok(Arc::new(config))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    let bytes = read(key, path)?;
    let refuse = |reason: String| SinkError::Setting {
        key,
        value: path.display().to_string(),
        reason,
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|e| refuse(format!("is not a PEM file: {e}")))?;
    if found.is_empty() {
        return Err(refuse("holds no certificate in PEM form".into()));
    }
    Ok(found)
}

/// The usual checks. A certificate that is itself in `ca_file` is trusted even where it is marked
/// as an authority's, as `openssl req -x509` marks it: name, dates and signatures are checked all
/// the same. What is refused is refused with the fix.
#[derive(Debug)]
struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let refused = match self.usual.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Ok(good) => return Ok(good),
            Err(refused) => refused,
        };
        let host = alternative_name(&server_name.to_str());
        match reason(&refused) {
            Some(webpki::Error::UnsupportedCertVersion) => {
                return Err(TlsError::General(format!(
                    "the broker's certificate is of X.509 version 1, which holds no names; sign it \
                     anew as version 3: openssl x509 -req … -extfile FILE, where FILE holds the \
                     line subjectAltName={host}"
                )));
            }
            Some(webpki::Error::CaUsedAsEndEntity) => {}
            _ => return Err(refused),
        }
        if !self.pinned.iter().any(|pinned| pinned == end_entity) {
            return Err(TlsError::General(format!(
                "the broker's certificate is marked as an authority's (CA:TRUE) and is not in \
                 sink.mqtt.ca_file; put it there (--mqtt-ca FILE) to trust this one certificate, \
                 or sign it again: openssl x509 -req … -extfile FILE, where FILE holds the lines \
                 basicConstraints=CA:FALSE and subjectAltName={host}"
            )));
        }
        // Its dates are good: they are checked before its constraints are.
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// What the library that checks certificates said.
fn reason(refused: &TlsError) -> Option<&webpki::Error> {
    match refused {
        TlsError::InvalidCertificate(CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}
