//! The sign of the open API: every non-empty parameter except `sign`, sorted by name in byte order, `name=value` joined by
//! `&`, then `&secret=SECRET`; SHA-1; upper-case hex.
//!
//! SHA-1 is the API's choice, not ours. An app can be made to sign more strongly (ours): a field `signType`, which takes part in
//! the sign like any other, says `HMAC-SHA256`, and the sign is that of the same string without the secret's part, keyed with
//! the secret; 64 hex digits.
//!
//! Values are signed as they were written (`1.50` stays `1.50`); booleans as `1` and
//! `0`. Two forms that published clients are known to write are accepted as well: whole floats without their fraction
//! (`1.0` as `1`) and booleans as `true`/`false`.

use crate::body::{Body, Value};
use crate::field::{self, FieldError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::fmt::Write as _;
use subtle::ConstantTimeEq;

/// What stands for the secret wherever a string to sign is shown.
pub const HIDDEN_SECRET: &str = "***";

/// The field that announces another way to sign than the API's own.
pub const SIGN_TYPE_FIELD: &str = "signType";
/// What it may say.
pub const SIGN_TYPES: &[&str] = &["SHA-1", "HMAC-SHA256"];

/// How a body is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SignType {
    /// As the API documents it; a body that announces nothing.
    #[default]
    Sha1,
    /// Announced by `"signType": "HMAC-SHA256"`.
    HmacSha256,
}

impl SignType {
    /// What [`SIGN_TYPE_FIELD`] says.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => SIGN_TYPES[0],
            Self::HmacSha256 => SIGN_TYPES[1],
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sha1, Self::HmacSha256].into_iter().find(|kind| kind.as_str() == name)
    }

    /// What a body announces.
    ///
    /// # Errors
    /// It announces something else.
    pub fn of(body: &Body<'_>) -> Result<Self, FieldError> {
        let announced = field::optional_one_of(body, SIGN_TYPE_FIELD, SIGN_TYPES)?;
        Ok(announced.and_then(Self::parse).unwrap_or_default())
    }

    /// Hex digits of a sign.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::HmacSha256 => 64,
        }
    }
}

/// What tells one call's sign from another's: its first 20 bytes, which is all of SHA-1.
pub type Fingerprint = [u8; 20];

/// The fingerprint of a sign in hex digits.
#[must_use]
pub fn fingerprint(sign: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 20];
    hex::decode_to_slice(sign.get(..2 * bytes.len())?, &mut bytes).ok()?;
    Some(bytes)
}

/// How booleans and whole floats are written into the string to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Form {
    /// `true`/`false` instead of `1`/`0`.
    pub boolean_words: bool,
    /// `1` instead of `1.0`.
    pub trim_whole_floats: bool,
}

/// Which parameters take part, beside that `sign` never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A request: every parameter.
    Request,
    /// A notification: every parameter but `appkey`.
    Notification,
}

/// The string to sign, without the secret's part.
#[must_use]
pub fn canonical(body: &Body<'_>, scope: Scope, form: Form) -> String {
    let mut signed: Vec<(&str, &Value<'_>)> = body
        .fields()
        .filter(|(name, value)| {
            *name != "sign" && !(scope == Scope::Notification && *name == "appkey") && !value.is_empty()
        })
        .collect();
    signed.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut out = String::with_capacity(160);
    for (name, value) in signed {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        match value {
            Value::Null => {}
            Value::Bool(truth) if form.boolean_words => {
                // Writing into a String cannot fail.
                let _ = write!(out, "{truth}");
            }
            Value::Bool(truth) => out.push(if *truth { '1' } else { '0' }),
            Value::Number(token) if form.trim_whole_floats => out.push_str(trim_whole_float(token)),
            Value::Number(token) => out.push_str(token),
            Value::Text(text) => out.push_str(text),
            Value::Nested(json) => out.push_str(json),
        }
    }
    out
}

/// The string to sign as it may be shown: the secret, where it stands in it, replaced by `***`.
#[must_use]
pub fn shown(canonical: &str, kind: SignType) -> String {
    match kind {
        SignType::Sha1 => format!("{canonical}&secret={HIDDEN_SECRET}"),
        SignType::HmacSha256 => canonical.to_owned(),
    }
}

/// The 20 bytes of the SHA-1 sign of a canonical string.
#[must_use]
pub fn digest(canonical: &str, secret: &str) -> [u8; 20] {
    let mut hasher = Sha1::new();
    hasher.update(canonical);
    hasher.update(b"&secret=");
    hasher.update(secret);
    hasher.finalize().into()
}

/// The HMAC of a canonical string; the algorithm takes keys of any length.
fn keyed(canonical: &str, secret: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(canonical.as_bytes());
    Some(mac)
}

/// The sign of a body, in the way it announces (SHA-1 where it announces what nobody knows): upper-case hex digits.
#[must_use]
pub fn sign(body: &Body<'_>, scope: Scope, secret: &str) -> String {
    let canonical = canonical(body, scope, Form::default());
    match SignType::of(body).unwrap_or_default() {
        SignType::Sha1 => hex::encode_upper(digest(&canonical, secret)),
        SignType::HmacSha256 => keyed(&canonical, secret)
            .map(|mac| hex::encode_upper(mac.finalize().into_bytes()))
            .unwrap_or_default(),
    }
}

/// Whether `sign` (hex digits in either letter case) is the sign of `body`, in the way it announces. Takes the same time wherever
/// the first difference stands.
#[must_use]
pub fn verify(body: &Body<'_>, scope: Scope, secret: &str, sign: &str) -> bool {
    let Ok(kind) = SignType::of(body) else { return false };
    let mut sent = [0_u8; 32];
    let sent = &mut sent[..kind.digits() / 2];
    let well_formed = hex::decode_to_slice(sign, sent).is_ok();
    let mut good = subtle::Choice::from(0);
    for form in forms(body) {
        let canonical = canonical(body, scope, form);
        good |= match kind {
            SignType::Sha1 => digest(&canonical, secret).ct_eq(sent),
            SignType::HmacSha256 => {
                let right = keyed(&canonical, secret).is_some_and(|mac| mac.verify_slice(sent).is_ok());
                u8::from(right).into()
            }
        };
    }
    well_formed && bool::from(good)
}

/// The forms worth trying for this body; only the first where it carries neither booleans nor whole floats.
fn forms(body: &Body<'_>) -> impl Iterator<Item = Form> {
    let mut booleans = false;
    let mut floats = false;
    for (_, value) in body.fields() {
        match value {
            Value::Bool(_) => booleans = true,
            Value::Number(token) => floats |= trim_whole_float(token).len() != token.len(),
            _ => {}
        }
    }
    [(false, false), (true, false), (false, true), (true, true)]
        .into_iter()
        .filter(move |(words, trim)| (booleans || !words) && (floats || !trim))
        .map(|(boolean_words, trim_whole_floats)| Form { boolean_words, trim_whole_floats })
}

/// A whole float without its fraction; anything else as it is.
pub(crate) fn trim_whole_float(token: &str) -> &str {
    match token.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        _ => token,
    }
}

#[cfg(test)]
mod tests;
