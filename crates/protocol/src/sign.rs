//! The sign of the open API: every non-empty parameter except `sign`, sorted by name in byte order, `name=value` joined by
//! `&`, then `&secret=SECRET`; SHA-1; upper-case hex.
//!
//! SHA-1 is the API's choice, not ours. Values are signed as they were written (`1.50` stays `1.50`); booleans as `1` and
//! `0`. Two forms that published clients are known to write are accepted as well: whole floats without their fraction
//! (`1.0` as `1`) and booleans as `true`/`false`.

use crate::body::{Body, Value};
use sha1::{Digest, Sha1};
use std::fmt::Write as _;
use subtle::ConstantTimeEq;

/// What stands for the secret wherever a string to sign is shown.
pub const HIDDEN_SECRET: &str = "***";

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

/// The string to sign as it may be shown: the secret replaced by `***`.
#[must_use]
pub fn shown(canonical: &str) -> String {
    format!("{canonical}&secret={HIDDEN_SECRET}")
}

/// The 20 bytes of the sign of a canonical string.
#[must_use]
pub fn digest(canonical: &str, secret: &str) -> [u8; 20] {
    let mut hasher = Sha1::new();
    hasher.update(canonical);
    hasher.update(b"&secret=");
    hasher.update(secret);
    hasher.finalize().into()
}

/// The sign of a body: 40 upper-case hex digits.
#[must_use]
pub fn sign(body: &Body<'_>, scope: Scope, secret: &str) -> String {
    hex::encode_upper(digest(&canonical(body, scope, Form::default()), secret))
}

/// Whether `sign` (40 hex digits in either letter case) is the sign of `body`. Takes the same time wherever the first
/// difference stands.
#[must_use]
pub fn verify(body: &Body<'_>, scope: Scope, secret: &str, sign: &str) -> bool {
    let mut sent = [0_u8; 20];
    let well_formed = hex::decode_to_slice(sign, &mut sent).is_ok();
    let mut good = subtle::Choice::from(0);
    for form in forms(body) {
        good |= digest(&canonical(body, scope, form), secret).ct_eq(&sent);
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
