//! Passwords of admins: argon2id, with the parameters in the hash.

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Argon2, Block, Params};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::{Mutex, PoisonError};

/// The memory of checks that are over, for the next ones. Otherwise each thread that ever checked a password
/// would keep 20 MB in its part of the allocator. As many are kept as there were checks at once.
static MEMORY: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Fewest characters of a password.
const MIN_CHARS: usize = 10;
/// Most bytes of a password: hashing takes time for each of them.
const MAX_BYTES: usize = 256;

/// Why a password was not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password must have at least {MIN_CHARS} characters and at most {MAX_BYTES} bytes")]
    Length,
    #[error("the system gives no random bytes")]
    NoRandomBytes,
}

/// Hashes a password for the store. Takes about 20 MB and, on purpose, tens of milliseconds.
///
/// # Errors
/// It is too short or too long, or the system gives no random bytes.
pub fn hash(password: &SecretString) -> Result<String, PasswordError> {
    let password = password.expose_secret();
    if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
        return Err(PasswordError::Length);
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|_| PasswordError::NoRandomBytes)
}

/// Whether this is the password of the hash.
#[must_use]
pub fn is_right(password: &SecretString, hash: &str) -> bool {
    let password = password.expose_secret();
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= MAX_BYTES && hashes_to(password, &hash).unwrap_or(false)
}

/// None if the hash is not one of argon2.
fn hashes_to(password: &str, hash: &PasswordHash) -> Option<bool> {
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let version = argon2::Version::try_from(hash.version?).ok()?;
    let params = Params::try_from(hash).ok()?;
    let argon2 = Argon2::new(hash.algorithm.as_str().try_into().ok()?, version, params);
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    memory.resize(argon2.params().block_count(), Block::default());
    let mut output = vec![0; expected.len()];
    let hashed = argon2.hash_password_into_with_memory(
        password.as_bytes(),
        salt.as_ref(),
        &mut output,
        memory.as_mut_slice(),
    );
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    hashed.ok()?;
    // Outputs are compared in constant time.
    Some(Output::new(&output).ok()? == *expected)
}

/// A hash of no password, with the usual parameters. Log-ins with an unknown name are checked against it, so
/// that they take as long as others.
pub const UNKNOWN_ADMIN: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cy1zYWx0LTAx$6uQwyXqZbX1aFzB0F2YqWqT5sQ3n0VvJp8o8m1kq2yE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_and_its_hash() {
        let hashed = hash(&"correct horse".into()).expect("hashed");
        assert!(hashed.starts_with("$argon2id$") && !hashed.contains("correct"));
        assert!(is_right(&"correct horse".into(), &hashed));
        assert!(!is_right(&"correct horsf".into(), &hashed) && !is_right(&"".into(), &hashed));
        assert_ne!(hashed, hash(&"correct horse".into()).expect("hashed"), "a salt of its own each time");
        assert!(hash(&"short".into()).is_err() && hash(&"x".repeat(257).into()).is_err());
        assert!(hash(&"卡".repeat(10).into()).is_ok());
    }

    #[test]
    fn the_hash_for_unknown_admins_costs_what_a_real_one_does() {
        let real = hash(&"correct horse".into()).expect("hashed");
        let parameters = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parameters(UNKNOWN_ADMIN), parameters(&real));
        assert!(PasswordHash::new(UNKNOWN_ADMIN).is_ok());
        assert!(!is_right(&"demo-secret".into(), UNKNOWN_ADMIN));
    }
}
