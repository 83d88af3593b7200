//! The sign of the open API: every non-empty parameter except `sign` is sorted by name in byte order, written
//! as `name=value` and joined by `&`. Then `&secret=SECRET` follows. The sign is the SHA-1 of that string in
//! upper-case hex.
//!
//! SHA-1 is the API's choice. As our own addition, an app can be created to sign with HMAC. Its calls have a
//! field `signType`, which is signed like any other, with the value `HMAC-SHA256`. The sign is the HMAC of
//! the same string without the secret's part, with the secret as key: 64 hex digits.
//!
//! Values are signed as they were written (`1.50` stays `1.50`), booleans as `1` and `0`. Published clients
//! are known to write two other forms, which are accepted too: whole floats without their fraction (`1.0` as
//! `1`), and booleans as `true`/`false`.

use crate::body::{Body, Value, trim_whole_float};
use crate::field::{self, FieldError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::fmt::Write as _;
use subtle::ConstantTimeEq;

/// Replaces the secret wherever a string to sign is shown.
pub const HIDDEN_SECRET: &str = "***";

/// The field that announces how a body is signed, where that is not the API's own way.
pub const SIGN_TYPE_FIELD: &str = "signType";
/// The values of [`SIGN_TYPE_FIELD`].
pub const SIGN_TYPES: &[&str] = &["SHA-1", "HMAC-SHA256"];

/// How a body is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SignType {
    /// As the API documents it. A body that announces nothing is signed so.
    #[default]
    Sha1,
    /// Announced by `"signType": "HMAC-SHA256"`.
    HmacSha256,
}

impl SignType {
    /// The value of [`SIGN_TYPE_FIELD`].
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

    /// The type that a body announces.
    ///
    /// # Errors
    /// The body announces an unknown type.
    pub fn of(body: &Body<'_>) -> Result<Self, FieldError> {
        let announced = field::optional_one_of(body, SIGN_TYPE_FIELD, SIGN_TYPES)?;
        Ok(announced.and_then(Self::parse).unwrap_or_default())
    }

    /// The number of hex digits of a sign.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::HmacSha256 => 64,
        }
    }
}

/// The first 20 bytes of a sign, which is all of a SHA-1 sign. They distinguish one call's sign from
/// another's.
pub type Fingerprint = [u8; 20];

/// The fingerprint of a sign that is given in hex digits. `None` where it is too short or not hex.
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

/// Which parameters are signed. `sign` itself never is.
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

/// The string to sign as it may be shown, with `***` in place of the secret.
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

/// The HMAC of a canonical string. The algorithm accepts keys of any length.
fn keyed(canonical: &str, secret: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(canonical.as_bytes());
    Some(mac)
}

/// The sign of a body in upper-case hex digits, of the type that the body announces. SHA-1 where that type is
/// unknown.
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

/// Whether `sign` (hex digits in either letter case) is the sign of `body`, of the type that the body
/// announces. It takes the same time wherever the first difference is.
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

/// The forms that make a difference for this body. Only the first where it has neither booleans nor whole
/// floats.
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

#[cfg(test)]
mod tests;
