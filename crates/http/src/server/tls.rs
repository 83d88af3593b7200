//! TLS on the listener. The certificate and its key are in two files, which are read again when they change.

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use std::path::Path;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How often the files are checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// `[server.tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl TlsFiles {
    /// The files, where some are configured.
    #[must_use]
    pub fn files(&self) -> Option<&Self> {
        (!self.cert.as_os_str().is_empty()).then_some(self)
    }
}

/// The certificate of the listener. Cheap to clone; all clones share the current certificate.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

/// The certificate for new connections.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Modification time and length of a file, by which a change is noticed.
type Stamp = (Option<SystemTime>, u64);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file is missing or is not PEM, or the key does not fit the certificate. The message names the file.
    pub fn load(files: &TlsFiles) -> anyhow::Result<Self> {
        let current = Arc::new(Current(RwLock::new(Arc::new(read(files)?))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { files: files.clone(), current, acceptor: Arc::new(config).into() })
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads changed files until the process stops. Files that cannot be used are logged once and change
    /// nothing.
    pub async fn keep_fresh(self, stopping: CancellationToken) {
        let mut seen = self.stamps();
        while stopping.run_until_cancelled(tokio::time::sleep(CHECK_INTERVAL)).await.is_some() {
            let stamps = self.stamps();
            if stamps == seen {
                continue;
            }
            match read(&self.files) {
                Ok(new) => {
                    *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                    tracing::info!("the TLS certificate was read again");
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        error,
                        "the TLS certificate has changed but cannot be used; the previous one stays"
                    );
                }
            }
            seen = stamps;
        }
    }

    fn stamps(&self) -> [Stamp; 2] {
        [stamp(&self.files.cert), stamp(&self.files.key)]
    }
}

fn stamp(path: &Path) -> Stamp {
    std::fs::metadata(path).map_or((None, 0), |metadata| (metadata.modified().ok(), metadata.len()))
}

/// Errors name the files and never quote them.
fn read(files: &TlsFiles) -> anyhow::Result<CertifiedKey> {
    let TlsFiles { cert, key } = files;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .with_context(|| format!("{} cannot be read or holds no PEM certificate", cert.display()))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .ok()
        .with_context(|| format!("{} cannot be read or holds no PEM private key", key.display()))?;
    CertifiedKey::from_der(chain, secret, &ring::default_provider())
        .ok()
        .with_context(|| format!("{} is not the key of the certificate in {}", key.display(), cert.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let dir = tempfile::tempdir().expect("folder");
        let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        let failed = || format!("{:#}", Tls::load(&files).err().expect("refused"));
        assert!(failed().contains("cert.pem cannot be read"));
        let pair =
            || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let (one, other) = (pair(), pair());
        std::fs::write(&files.cert, one.cert.pem()).expect("written");
        std::fs::write(&files.key, "no key").expect("written");
        assert!(failed().contains("key.pem cannot be read or holds no PEM private key"));
        std::fs::write(&files.key, other.signing_key.serialize_pem()).expect("written");
        assert!(failed().contains("is not the key of the certificate"), "{}", failed());
        std::fs::write(&files.key, one.signing_key.serialize_pem()).expect("written");
        assert!(Tls::load(&files).is_ok());
    }
}
