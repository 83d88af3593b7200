//! Appkeys and secrets made of the system's random bytes.

use anyhow::Context as _;

/// A made-up appkey.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_appkey() -> anyhow::Result<String> {
    random_hex::<10>()
}

/// A made-up secret of an app.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_secret() -> anyhow::Result<String> {
    random_hex::<32>()
}

fn random_hex<const BYTES: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).ok().context("the system gives no random bytes")?;
    Ok(hex::encode(bytes))
}
