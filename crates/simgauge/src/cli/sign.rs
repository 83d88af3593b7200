//! `simgauge sign`: the string to sign and the sign of a body.

use super::input::{self, Secret};
use super::output::{Fields, Output};
use anyhow::bail;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use simgauge_protocol::Language;
use simgauge_protocol::body::Body;
use simgauge_protocol::sign::{self, Form, SIGN_TYPE_FIELD, Scope, SignType};
use std::process::ExitCode;

/// Show the string to sign and the sign of a JSON body that comes on standard input.
#[derive(Debug, clap::Args)]
pub struct SignArgs {
    #[command(flatten)]
    secret: Secret,
    /// Sign as a notification: appkey takes no part.
    #[arg(long)]
    notification: bool,
    /// Sign in this way: sha-1 or hmac-sha256, which adds a field `signType` to the body where it does not
    /// stand in it.
    #[arg(long, value_parser = input::sign_type)]
    sign_type: Option<SignType>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    string_to_sign: String,
    sign: String,
}

/// Runs the command.
///
/// # Errors
/// Standard input holds no JSON object.
pub async fn run(args: SignArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let bytes = input::body()?;
    let bytes = announced(bytes, args.sign_type)?;
    let signed = sign(&bytes, scope(args.notification), args.secret.secret.expose_secret())?;
    output.print(&signed, || {
        Fields::new().line("string to sign", &signed.string_to_sign).line("sign", &signed.sign).text()
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn scope(notification: bool) -> Scope {
    if notification { Scope::Notification } else { Scope::Request }
}

/// The body with the field that announces how it is signed.
fn announced(bytes: Vec<u8>, wanted: Option<SignType>) -> anyhow::Result<Vec<u8>> {
    let Some(wanted) = wanted else { return Ok(bytes) };
    let body = Body::parse(&bytes)?;
    if kind_of(&body)? == wanted {
        return Ok(bytes);
    }
    if body.get(SIGN_TYPE_FIELD).is_some() {
        bail!("the body's {SIGN_TYPE_FIELD} says otherwise");
    }
    // It parses, so an object begins at the first brace.
    let text = String::from_utf8(bytes)?;
    let comma = if body_is_empty(&text)? { "" } else { "," };
    Ok(text.replacen('{', &format!("{{\"{SIGN_TYPE_FIELD}\":\"{}\"{comma}", wanted.as_str()), 1).into())
}

fn body_is_empty(text: &str) -> anyhow::Result<bool> {
    Ok(Body::parse(text.as_bytes())?.fields().next().is_none())
}

/// How a body is signed.
pub(super) fn kind_of(body: &Body<'_>) -> anyhow::Result<SignType> {
    SignType::of(body).map_err(|error| anyhow::anyhow!(error.message(Language::En)))
}

fn sign(bytes: &[u8], scope: Scope, secret: &str) -> anyhow::Result<Signed> {
    let body = Body::parse(bytes)?;
    Ok(Signed {
        string_to_sign: sign::shown(&sign::canonical(&body, scope, Form::default()), kind_of(&body)?),
        sign: sign::sign(&body, scope, secret),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_documented_vector_without_the_secret() {
        let body =
            br#"{"appkey":"000001","timestamp":1556595508,"nonce":24523,"userName":"wx","age":24,"sex":1}"#;
        let signed = sign(body, Scope::Request, "a1b1c1d1").expect("signed");
        assert_eq!(
            signed.string_to_sign,
            "age=24&appkey=000001&nonce=24523&sex=1&timestamp=1556595508&userName=wx&secret=***"
        );
        assert_eq!(signed.sign, "963A56BAEBED746F2746E4D9B3B77BE0F2E171E7");
        let notification = sign(body, Scope::Notification, "a1b1c1d1").expect("signed");
        assert!(!notification.string_to_sign.contains("appkey"));
    }

    #[test]
    fn another_way_to_sign_is_announced() {
        let hmac = Some(SignType::HmacSha256);
        let body = announced(br#" {"b":1}"#.to_vec(), hmac).expect("announced");
        assert_eq!(String::from_utf8_lossy(&body), r#" {"signType":"HMAC-SHA256","b":1}"#);
        let signed = sign(&body, Scope::Request, "s").expect("signed");
        assert_eq!((signed.string_to_sign.as_str(), signed.sign.len()), ("b=1&signType=HMAC-SHA256", 64));
        assert_eq!(announced(body.clone(), hmac).expect("stands already"), body);
        assert_eq!(announced(b"{}".to_vec(), hmac).expect("announced"), br#"{"signType":"HMAC-SHA256"}"#);
        assert!(announced(body, Some(SignType::Sha1)).is_err());
        assert!(sign(br#"{"signType":"MD5"}"#, Scope::Request, "s").is_err());
    }

    #[test]
    fn bad_input_is_named() {
        let error = |bytes: &[u8]| sign(bytes, Scope::Request, "s").expect_err("refused").to_string();
        assert_eq!(error(b""), "the body is empty");
        assert_eq!(error(b"[]"), "the body must be a JSON object");
        assert!(error(b"{'a':1}").contains("not JSON"));
        assert_eq!(error(br#"{"a":1,"a":2}"#), "the key \"a\" is defined twice");
    }
}
