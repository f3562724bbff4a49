//! TLS with rustls and ring.

use crate::sink::{MqttSettings, SinkError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
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
    let trusted = match &settings.ca_file {
        Some(path) => certificates("sink.mqtt.ca_file", path)?,
        None => rustls_native_certs::load_native_certs().certs,
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
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| refuse(e.to_string()))?
        .with_root_certificates(roots);
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
        .map_err(|e| refuse(format!("is no PEM file: {e}")))?;
    if found.is_empty() {
        return Err(refuse("holds no certificate in PEM form".into()));
    }
    Ok(found)
}

/// Reads a file of a setting.
pub(super) fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, SinkError> {
    std::fs::read(path).map_err(|error| SinkError::Setting {
        key,
        value: path.display().to_string(),
        reason: format!("cannot be read: {error}"),
    })
}
