//! App secrets at rest: sealed with XChaCha20-Poly1305 under the platform's key, bound to the appkey they
//! belong to.

use super::key_file::{self, SealingKey};
use anyhow::{Context as _, bail};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The environment variable that can hold the key, or several: the first one seals.
pub const KEY_VARIABLE: &str = "SIMGAUGE_KEY";
const NONCE_LEN: usize = 24;
/// First byte of what is sealed: says how, so that it can change.
const VERSION: u8 = 1;

/// Seals and opens app secrets. Cheap to clone; clones share their keys.
#[derive(Clone)]
pub struct Sealer {
    ring: Arc<RwLock<Ring>>,
    file: Option<PathBuf>,
}

/// The keys; the first one seals.
struct Ring {
    keys: Vec<SealingKey>,
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
        Self::with(vec![SealingKey::from(*key)], None)
    }

    fn with(keys: Vec<SealingKey>, file: Option<PathBuf>) -> Self {
        Self { ring: Arc::new(RwLock::new(Ring { keys })), file }
    }

    /// The key file that [`Self::load`] would make or miss; none where the environment holds the key.
    #[must_use]
    pub fn missing_file(named: Option<&Path>, database: Option<&Path>) -> Option<PathBuf> {
        let path = named.map(Path::to_owned).or_else(|| database.map(beside))?;
        (std::env::var_os(KEY_VARIABLE).is_none() && !path.exists()).then_some(path)
    }

    /// The sealer of this configuration; makes the key file of an embedded store at its first start.
    ///
    /// # Errors
    /// The key is malformed, or missing where it cannot be made.
    pub fn load(named: Option<&Path>, database: Option<&Path>) -> anyhow::Result<Self> {
        if let Ok(text) = std::env::var(KEY_VARIABLE).map(Zeroizing::new) {
            let keys = key_file::parse(&text);
            return Ok(Self::with(
                keys.with_context(|| format!("the environment variable {KEY_VARIABLE}"))?,
                None,
            ));
        }
        let path = match (named, database) {
            (Some(named), _) => named.to_owned(),
            (None, Some(database)) => beside(database),
            (None, None) => bail!(
                "with PostgreSQL the key that seals app secrets must be named: set secrets.key_file or \
                 {KEY_VARIABLE}"
            ),
        };
        // On a database that many nodes share, a key made up here would be one that no other node has.
        if !path.exists() && database.is_none() {
            bail!(
                "the key file {} does not exist; make it once, with 64 random hex digits and mode 0600, and \
                 give every node the same",
                path.display()
            );
        }
        if !path.exists() {
            key_file::create(&path)?;
        }
        if key_file::is_open_to_others(&path) {
            tracing::warn!(file = %path.display(), "others can read the key file; its mode should be 0600");
        }
        Ok(Self::with(key_file::read(&path)?, Some(path)))
    }

    /// The file that the keys are in; none where the environment holds them.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads the key file again, which another process may have changed; answers whether it was.
    pub(super) fn reload(&self) -> anyhow::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let keys = key_file::read(file)?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let changed = ring.keys != keys;
        ring.keys = keys;
        Ok(changed)
    }

    fn keys(&self) -> Vec<SealingKey> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// Seals a secret of an app.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn seal(&self, secret: &str, appkey: &str) -> anyhow::Result<Vec<u8>> {
        // What is sealed after a rotation must be sealed with the new key.
        self.reload()?;
        let keys = self.keys();
        let key = keys.first().context("there is no key")?;
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok().context("the system gives no random bytes")?;
        let sealed = cipher(key)
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.as_bytes(), aad: appkey.as_bytes() })
            .ok()
            .context("sealing failed")?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for an app, by any of the keys; by those that came meanwhile, too.
    ///
    /// # Errors
    /// Another key, another app, or damaged.
    pub fn open(&self, sealed: &[u8], appkey: &str) -> anyhow::Result<SecretString> {
        let opened = open_with(&self.keys(), sealed, appkey);
        if opened.is_err() && self.reload()? {
            return open_with(&self.keys(), sealed, appkey);
        }
        opened
    }

    /// Whether the key that seals opens it.
    pub(super) fn is_current(&self, sealed: &[u8], appkey: &str) -> bool {
        self.keys().first().is_some_and(|key| open_with(std::slice::from_ref(key), sealed, appkey).is_ok())
    }
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(**key))
}

fn open_with(keys: &[SealingKey], sealed: &[u8], appkey: &str) -> anyhow::Result<SecretString> {
    let (head, rest) = sealed.split_first().context("empty")?;
    if *head != VERSION || rest.len() < NONCE_LEN {
        bail!("not sealed by a version this program knows");
    }
    let (nonce, text) = rest.split_at(NONCE_LEN);
    let nonce: [u8; NONCE_LEN] = nonce.try_into().context("nonce")?;
    let plain = keys
        .iter()
        .find_map(|key| {
            cipher(key).decrypt(&XNonce::from(nonce), Payload { msg: text, aad: appkey.as_bytes() }).ok()
        })
        .context("sealed with another key, or for another app")?;
    Ok(String::from_utf8(plain).context("not text")?.into())
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    database.with_file_name(name)
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
