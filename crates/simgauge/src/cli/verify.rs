//! `simgauge verify`: whether the sign in a body is right.

use super::input::{self, Secret};
use super::output::{Fields, Output};
use super::sign::scope;
use anyhow::bail;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use simgauge_protocol::body::{Body, Value};
use simgauge_protocol::sign::{self, Form, Scope};
use std::process::ExitCode;

/// Say whether the `sign` in a JSON body that comes on standard input is right; exit code 1 where it is not.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    secret: Secret,
    /// Verify as a notification: appkey takes no part.
    #[arg(long)]
    notification: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    valid: bool,
    string_to_sign: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

/// Runs the command.
///
/// # Errors
/// Standard input holds no JSON object, or no `sign` in it.
pub async fn run(args: VerifyArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let bytes = input::body()?;
    let verdict = verify(&bytes, scope(args.notification), args.secret.secret.expose_secret())?;
    output.print(&verdict, || {
        if verdict.valid {
            return "the sign is right".to_owned();
        }
        Fields::new()
            .line("the sign is wrong", "")
            .line("the server signs", &verdict.string_to_sign)
            .maybe("hint", verdict.hint)
            .text()
    })?;
    Ok(ExitCode::from(u8::from(!verdict.valid)))
}

fn verify(bytes: &[u8], scope: Scope, secret: &str) -> anyhow::Result<Verdict> {
    let body = Body::parse(bytes)?;
    let sent = match body.get("sign") {
        Some(Value::Text(sign)) => sign,
        Some(_) => bail!("the field `sign` must be a string"),
        None => bail!("the body has no field `sign`"),
    };
    let valid = sign::verify(&body, scope, secret, sent);
    let (other, other_hint) = match scope {
        Scope::Request => (Scope::Notification, "it is right as a notification: use --notification"),
        Scope::Notification => (Scope::Request, "it is right as a request: leave --notification out"),
    };
    let hint = if valid {
        None
    } else if sign::verify(&body, other, secret, sent) {
        Some(other_hint)
    } else if sent.len() != 40 || !sent.bytes().all(|b| b.is_ascii_hexdigit()) {
        Some("a sign has 40 hex digits")
    } else {
        Some("compare your own string to sign with this one, then the secret")
    };
    let string_to_sign = sign::shown(&sign::canonical(&body, scope, Form::default()));
    Ok(Verdict { valid, string_to_sign, hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(sign: &str) -> Vec<u8> {
        format!(r#"{{"appkey":"k","timestamp":1556595508,"nonce":24523,"sign":"{sign}"}}"#).into_bytes()
    }

    fn signed(scope: Scope) -> String {
        sign::sign(&Body::parse(&body("")).expect("body"), scope, "s")
    }

    #[test]
    fn right_and_wrong() {
        let right = signed(Scope::Request);
        assert!(verify(&body(&right), Scope::Request, "s").expect("verdict").valid);
        assert!(verify(&body(&right.to_lowercase()), Scope::Request, "s").expect("verdict").valid);
        let wrong = verify(&body(&right), Scope::Request, "t").expect("verdict");
        assert!(!wrong.valid);
        assert_eq!(wrong.string_to_sign, "appkey=k&nonce=24523&timestamp=1556595508&secret=***");
    }

    #[test]
    fn hints() {
        let hint = |sign: &str| verify(&body(sign), Scope::Request, "s").expect("verdict").hint.unwrap_or("");
        assert!(hint(&signed(Scope::Notification)).contains("--notification"));
        assert!(hint("ABC").contains("40 hex digits"));
        assert!(verify(b"{}", Scope::Request, "s").is_err());
        assert!(verify(br#"{"sign":1}"#, Scope::Request, "s").is_err());
    }
}
