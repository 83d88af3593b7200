//! The hashes by which requests are signed, by the names that definitions use.

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde::Deserialize;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use sm3::Sm3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithm {
    /// The text itself.
    None,
    Md5,
    Sha1,
    Sha256,
    Sm3,
    HmacSha1,
    HmacSha256,
    HmacSha512,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Output {
    HexLower,
    HexUpper,
    Base64,
    /// As it is. Only for what is not hashed.
    Text,
}

impl Algorithm {
    pub(crate) const fn needs_key(self) -> bool {
        matches!(self, Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha512)
    }

    /// The hash of `text`. A plain hash ignores `key`. `None` where the key cannot be used.
    pub(crate) fn hash(self, key: &str, text: &str) -> Option<Vec<u8>> {
        Some(match self {
            Self::None => text.as_bytes().to_vec(),
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::Sha1 => Sha1::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
            Self::Sm3 => Sm3::digest(text).to_vec(),
            Self::HmacSha1 => mac::<Hmac<Sha1>>(key, text)?,
            Self::HmacSha256 => mac::<Hmac<Sha256>>(key, text)?,
            Self::HmacSha512 => mac::<Hmac<Sha512>>(key, text)?,
        })
    }
}

fn mac<M: Mac + KeyInit>(key: &str, text: &str) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

impl Output {
    pub(crate) fn write(self, bytes: Vec<u8>) -> String {
        match self {
            Self::HexLower => hex::encode(bytes),
            Self::HexUpper => hex::encode_upper(bytes),
            Self::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes),
            Self::Text => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(algorithm: Algorithm, key: &str, text: &str, output: Output) -> String {
        output.write(algorithm.hash(key, text).expect("any key can be used"))
    }

    /// The two examples of GB/T 32905-2016, annex A.
    #[test]
    fn sm3_by_its_standard() {
        let sm3 = |text: &str| written(Algorithm::Sm3, "", text, Output::HexLower);
        assert_eq!(sm3("abc"), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        assert_eq!(
            sm3(&"abcd".repeat(16)),
            "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
        );
    }

    /// Test case 2 of RFC 4231 and of RFC 2202.
    #[test]
    fn hmacs_by_their_standards() {
        let (key, text) = ("Jefe", "what do ya want for nothing?");
        assert_eq!(
            written(Algorithm::HmacSha1, key, text, Output::HexLower),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            written(Algorithm::HmacSha256, key, text, Output::HexLower),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            written(Algorithm::HmacSha512, key, text, Output::HexLower),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
        // The same as above, in Base64.
        assert_eq!(
            written(Algorithm::HmacSha256, key, text, Output::Base64),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
        assert_eq!(
            written(Algorithm::HmacSha512, key, text, Output::Base64),
            "Fkt6e/z4GeLjlfvnO1bgo4e9ZCIugx/WECcM1+olBVSXWL91wFqZSm0DT2X48Ob9yuqxo01Ka0tjbgcKOLznNw=="
        );
    }
}
