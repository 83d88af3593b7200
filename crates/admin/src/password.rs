//! Passwords of admins: argon2id, with the parameters in the hash.

use anyhow::bail;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};

/// Shorter passwords are refused.
pub const SHORTEST: usize = 10;
/// Longer ones are, too: hashing takes time for each byte.
pub const LONGEST: usize = 256;

/// Hashes a password for the store. Takes some 20 MB and, on purpose, tens of milliseconds.
///
/// # Errors
/// It is too short or too long, or the system gives no random bytes.
pub fn hash(password: &SecretString) -> anyhow::Result<String> {
    let password = password.expose_secret();
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        bail!("a password must have at least {SHORTEST} characters and at most {LONGEST} bytes");
    }
    match Argon2::default().hash_password(password.as_bytes()) {
        Ok(hash) => Ok(hash.to_string()),
        Err(_) => bail!("the system gives no random bytes"),
    }
}

/// Whether it is the password of this hash.
#[must_use]
pub fn is_right(password: &SecretString, hash: &str) -> bool {
    let password = password.expose_secret();
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= LONGEST && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

/// A hash of nobody's password, of the same parameters, against which log-ins as unknown people are checked: they take as long
/// as others.
pub const NOBODYS: &str =
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
    fn nobodys_hash_costs_what_a_real_one_does() {
        let real = hash(&"correct horse".into()).expect("hashed");
        let parameters = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parameters(NOBODYS), parameters(&real));
        assert!(PasswordHash::new(NOBODYS).is_ok());
        assert!(!is_right(&"demo-secret".into(), NOBODYS));
    }
}
