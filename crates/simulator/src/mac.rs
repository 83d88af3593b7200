//! Keyed hashes that operators sign with.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

pub(crate) fn hmac_sha1(key: &str, text: &[u8]) -> Vec<u8> {
    keyed::<Hmac<Sha1>>(key, text)
}

pub(crate) fn hmac_sha256(key: &str, text: &[u8]) -> Vec<u8> {
    keyed::<Hmac<Sha256>>(key, text)
}

/// HMAC takes keys of every length.
fn keyed<M: Mac + KeyInit>(key: &str, text: &[u8]) -> Vec<u8> {
    let made = <M as KeyInit>::new_from_slice(key.as_bytes());
    made.map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec()).unwrap_or_default()
}
