//! `simgauge sign`: the string to sign and the sign of a body.

use super::input::{self, Secret};
use super::output::{Fields, Output};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use simgauge_protocol::body::{Body, BodyError};
use simgauge_protocol::sign::{self, Form, Scope};
use std::process::ExitCode;

/// Show the string to sign and the sign of a JSON body that comes on standard input.
#[derive(Debug, clap::Args)]
pub struct SignArgs {
    #[command(flatten)]
    secret: Secret,
    /// Sign as a notification: appkey takes no part.
    #[arg(long)]
    notification: bool,
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
    let signed = sign(&bytes, scope(args.notification), args.secret.secret.expose_secret())?;
    output.print(&signed, || {
        Fields::new().line("string to sign", &signed.string_to_sign).line("sign", &signed.sign).text()
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn scope(notification: bool) -> Scope {
    if notification { Scope::Notification } else { Scope::Request }
}

fn sign(bytes: &[u8], scope: Scope, secret: &str) -> Result<Signed, BodyError> {
    let body = Body::parse(bytes)?;
    Ok(Signed {
        string_to_sign: sign::shown(&sign::canonical(&body, scope, Form::default())),
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
    fn bad_input_is_named() {
        let error = |bytes: &[u8]| sign(bytes, Scope::Request, "s").expect_err("refused").to_string();
        assert_eq!(error(b""), "the body is empty");
        assert_eq!(error(b"[]"), "the body must be a JSON object");
        assert!(error(b"{'a':1}").contains("not JSON"));
        assert_eq!(error(br#"{"a":1,"a":2}"#), "the key \"a\" stands twice");
    }
}
