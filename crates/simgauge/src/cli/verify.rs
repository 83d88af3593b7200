//! `simgauge verify`: whether the sign in a body is right.

use super::input::{self, Secret};
use super::output::{Fields, Output};
use super::sign::{kind_of, scope};
use anyhow::bail;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use simgauge_protocol::body::{Body, Value};
use simgauge_protocol::sign::{self, Form, Scope, SignType};
use std::process::ExitCode;

/// Say whether the `sign` in a JSON body that comes on standard input is right; exit code 1 where it is not.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    secret: Secret,
    /// Verify as a notification: appkey takes no part.
    #[arg(long)]
    notification: bool,
    /// Demand that it is signed in this way: sha-1 or hmac-sha256. Without, the body's field `signType` says
    /// how.
    #[arg(long, value_parser = input::sign_type)]
    sign_type: Option<SignType>,
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
    let secret = args.secret.secret.expose_secret();
    let verdict = verify(&bytes, scope(args.notification), args.sign_type, secret)?;
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

fn verify(bytes: &[u8], scope: Scope, wanted: Option<SignType>, secret: &str) -> anyhow::Result<Verdict> {
    let body = Body::parse(bytes)?;
    let kind = kind_of(&body)?;
    let as_wanted = wanted.is_none_or(|wanted| wanted == kind);
    let sent = match body.get("sign") {
        Some(Value::Text(sign)) => sign,
        Some(_) => bail!("the field `sign` must be a string"),
        None => bail!("the body has no field `sign`"),
    };
    let right = sign::verify(&body, scope, secret, sent);
    let valid = right && as_wanted;
    let (other, other_hint) = match scope {
        Scope::Request => (Scope::Notification, "it is right as a notification: use --notification"),
        Scope::Notification => (Scope::Request, "it is right as a request: leave --notification out"),
    };
    let hint = if valid {
        None
    } else if right {
        Some("it is right, but signed in another way than --sign-type says")
    } else if sign::verify(&body, other, secret, sent) {
        Some(other_hint)
    } else if sent.len() != kind.digits() || !sent.bytes().all(|b| b.is_ascii_hexdigit()) {
        Some(match kind {
            SignType::Sha1 => "a sign has 40 hex digits",
            SignType::HmacSha256 => "a sign of HMAC-SHA256 has 64 hex digits",
        })
    } else {
        Some("compare your own string to sign with this one, then the secret")
    };
    let string_to_sign = sign::shown(&sign::canonical(&body, scope, Form::default()), kind);
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
        assert!(verify(&body(&right), Scope::Request, None, "s").expect("verdict").valid);
        assert!(verify(&body(&right.to_lowercase()), Scope::Request, None, "s").expect("verdict").valid);
        let wrong = verify(&body(&right), Scope::Request, None, "t").expect("verdict");
        assert!(!wrong.valid);
        assert_eq!(wrong.string_to_sign, "appkey=k&nonce=24523&timestamp=1556595508&secret=***");
    }

    #[test]
    fn the_way_to_sign_can_be_demanded() {
        let body = br#"{"a":1,"signType":"HMAC-SHA256"}"#;
        let sign = sign::sign(&Body::parse(body).expect("body"), Scope::Request, "s");
        let body = format!(r#"{{"a":1,"signType":"HMAC-SHA256","sign":"{sign}"}}"#).into_bytes();
        let valid = |wanted| verify(&body, Scope::Request, wanted, "s").expect("verdict");
        assert!(valid(None).valid && valid(Some(SignType::HmacSha256)).valid);
        let other = valid(Some(SignType::Sha1));
        assert!(!other.valid && other.hint.is_some_and(|hint| hint.contains("--sign-type")));
    }

    #[test]
    fn hints() {
        let hint =
            |sign: &str| verify(&body(sign), Scope::Request, None, "s").expect("verdict").hint.unwrap_or("");
        assert!(hint(&signed(Scope::Notification)).contains("--notification"));
        assert!(hint("ABC").contains("40 hex digits"));
        assert!(verify(b"{}", Scope::Request, None, "s").is_err());
        assert!(verify(br#"{"sign":1}"#, Scope::Request, None, "s").is_err());
    }
}
