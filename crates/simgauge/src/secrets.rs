//! App secrets at rest: sealed with XChaCha20-Poly1305 under the platform's key, bound to the appkey they belong to.

use crate::config::Config;
use anyhow::{Context as _, bail};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::SecretString;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The environment variable that can hold the key.
pub const KEY_VARIABLE: &str = "SIMGAUGE_KEY";
const NONCE_LEN: usize = 24;
/// First byte of what is sealed: says how, so that it can change.
const VERSION: u8 = 1;

/// Seals and opens app secrets.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// A sealer with this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// The sealer of this configuration; makes the key file of an embedded store at its first start.
    ///
    /// # Errors
    /// The key is malformed, or missing where it cannot be made.
    pub fn load(config: &Config) -> anyhow::Result<Self> {
        if let Ok(text) = std::env::var(KEY_VARIABLE) {
            return Self::from_hex(&text).with_context(|| format!("the environment variable {KEY_VARIABLE}"));
        }
        let named = &config.secrets.key_file;
        let path = match (named.as_os_str().is_empty(), config.sqlite_file()) {
            (false, _) => named.clone(),
            (true, Some(database)) => beside(&database),
            (true, None) => bail!(
                "with PostgreSQL the key that seals app secrets must be named: set secrets.key_file or {KEY_VARIABLE}"
            ),
        };
        // On a database that many nodes share, a key made up here would be one that no other node has.
        if !path.exists() && config.sqlite_file().is_none() {
            bail!(
                "the key file {} does not exist; make it once, with 64 random hex digits and mode 0600, and give every \
                 node the same",
                path.display()
            );
        }
        if !path.exists() {
            create_key(&path)?;
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("the key file {} cannot be read", path.display()))?;
        Self::from_hex(text.trim()).with_context(|| format!("the key file {}", path.display()))
    }

    fn from_hex(text: &str) -> anyhow::Result<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).ok().context("must hold 64 hex digits")?;
        Ok(Self::new(&key))
    }

    /// Seals a secret of an app.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn seal(&self, secret: &str, appkey: &str) -> anyhow::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok().context("the system gives no random bytes")?;
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.as_bytes(), aad: appkey.as_bytes() })
            .ok()
            .context("sealing failed")?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for an app.
    ///
    /// # Errors
    /// Another key, another app, or damaged.
    pub fn open(&self, sealed: &[u8], appkey: &str) -> anyhow::Result<SecretString> {
        let (head, rest) = sealed.split_first().context("empty")?;
        if *head != VERSION || rest.len() < NONCE_LEN {
            bail!("not sealed by a version this program knows");
        }
        let (nonce, text) = rest.split_at(NONCE_LEN);
        let nonce: [u8; NONCE_LEN] = nonce.try_into().context("nonce")?;
        let plain = self
            .cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: text, aad: appkey.as_bytes() })
            .ok()
            .context("sealed with another key, or for another app")?;
        Ok(String::from_utf8(plain).context("not text")?.into())
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    database.with_file_name(name)
}

fn create_key(path: &Path) -> anyhow::Result<()> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).ok().context("the system gives no random bytes")?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("the key file {} cannot be created", path.display()))?;
    file.write_all(hex::encode(key).as_bytes())?;
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn sealed_for_one_app_opens_for_no_other() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal("s3cret", "app-a").expect("sealed");
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
        assert_eq!(sealer.open(&sealed, "app-a").expect("opens").expose_secret(), "s3cret");
        assert!(sealer.open(&sealed, "app-b").is_err());
        assert!(Sealer::new(&[8; 32]).open(&sealed, "app-a").is_err());
        let mut damaged = sealed.clone();
        *damaged.last_mut().expect("not empty") ^= 1;
        assert!(sealer.open(&damaged, "app-a").is_err());
        assert!(sealer.open(&[], "app-a").is_err());
        assert_ne!(sealed, sealer.seal("s3cret", "app-a").expect("sealed"), "a nonce of its own each time");
    }
}
