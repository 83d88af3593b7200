//! What the client commands share: where the server is, who calls, which card, and how a failed call is
//! printed.

use super::input::{self, Secret};
use super::output::Output;
use serde_json::json;
use simgauge_admin::human;
use simgauge_client::answer::CardAnswer;
use simgauge_client::{Client, ClientError, Code, Language, Refusal, SignType};
use std::error::Error as _;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

/// A person waits, so retries end sooner than a program's.
const RETRY_BUDGET: Duration = Duration::from_secs(5);

/// Where the server is and who calls.
#[derive(Clone, Debug, clap::Args)]
pub struct Connection {
    /// The server's address.
    #[arg(long, env = "SIMGAUGE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The app's key.
    #[arg(long, env = "SIMGAUGE_APPKEY")]
    appkey: String,
    #[command(flatten)]
    secret: Secret,
    /// How the app has to sign: sha-1 or hmac-sha256.
    #[arg(long, env = "SIMGAUGE_SIGN_TYPE", default_value = "sha-1", value_parser = input::sign_type)]
    sign_type: SignType,
}

impl Connection {
    /// A client of that server.
    ///
    /// # Errors
    /// The address cannot be one.
    pub fn client(&self) -> Result<Client, ClientError> {
        Client::builder(&self.url, &self.appkey, self.secret.secret.clone())
            .retry_budget(RETRY_BUDGET)
            .language(Language::En)
            .sign_type(self.sign_type)
            .build()
    }
}

/// The card that is meant.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct CardNumber {
    /// A physical card, by its ICCID.
    #[arg(long)]
    pub iccid: Option<String>,
    /// A cloud eSIM, by its EID.
    #[arg(long)]
    pub eid: Option<String>,
}

impl CardNumber {
    /// Reads the card.
    pub(super) async fn read(&self, client: &Client) -> Result<CardAnswer, ClientError> {
        match self {
            Self { eid: Some(eid), .. } => client.cloud_esim(eid).await,
            Self { iccid, .. } => client.sim(iccid.as_deref().unwrap_or_default()).await,
        }
    }
}

/// The exit code of a call that was told to wait.
const TOLD_TO_WAIT: u8 = 3;

/// Prints why a call failed: on standard error, or as JSON on standard output. The exit code is 3 where the
/// server said to come back later (429), else 1.
pub(super) fn report(error: &ClientError, now: i64, output: &Output) -> anyhow::Result<ExitCode> {
    if output.json {
        output.print(&as_json(error), String::new)?;
    } else {
        eprintln!("{}", in_words(error, now));
    }
    Ok(exit_code(error))
}

fn exit_code(error: &ClientError) -> ExitCode {
    match error.refusal().and_then(Refusal::known_code) {
        Some(Code::TooMany) => ExitCode::from(TOLD_TO_WAIT),
        _ => ExitCode::FAILURE,
    }
}

fn as_json(error: &ClientError) -> serde_json::Value {
    match error {
        ClientError::Refused(refusal) => json!({"error": {
            "kind": "refused", "code": refusal.code, "message": refusal.message, "data": refusal.data,
        }}),
        other => json!({"error": {"kind": kind(other), "message": chain(other)}}),
    }
}

fn kind(error: &ClientError) -> &'static str {
    match error {
        ClientError::Setup(_) => "setup",
        ClientError::Transport { .. } => "transport",
        ClientError::Refused(_) => "refused",
        ClientError::Answer { .. } => "answer",
        ClientError::NoData { .. } => "no_data",
    }
}

fn chain(error: &ClientError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing into a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

fn in_words(error: &ClientError, now: i64) -> String {
    let Some(refusal) = error.refusal() else { return chain(error) };
    let mut text = format!("refused: {} (code {})", refusal.message, refusal.code);
    if let Some(seconds) = refusal.retry_after_seconds() {
        let _ = write!(text, "\nagain in {seconds} s");
        if let Some(at) = refusal.next_refresh_at() {
            let _ = write!(text, ", from {} on", human::time(at));
        }
    }
    if let Some(string) = refusal.string_to_sign() {
        let hint = "so the appkey, or the secret, is not the right one";
        let _ = write!(text, "\nthe server signed: {string}\n{hint}");
    }
    if refusal.known_code() == Some(Code::Unauthorized)
        && let Some(server_time) = refusal.server_time()
        && server_time.abs_diff(now) > 60
    {
        let _ = write!(
            text,
            "\nthis machine's clock is {} {} the server's",
            human::duration(server_time.abs_diff(now)),
            if now > server_time { "ahead of" } else { "behind" }
        );
    }
    if let Some(id) = refusal.request_id() {
        let _ = write!(text, "\nrequest id: {id}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, data: serde_json::Value) -> ClientError {
        ClientError::Refused(Box::new(Refusal {
            status: 200,
            code: code.into(),
            message: "no".into(),
            data,
            retry_after_header: None,
        }))
    }

    #[test]
    fn refusals_in_words() {
        let cooling =
            in_words(&refused("429", json!({"retryAfterSeconds": 123, "nextRefreshAt": 1_800_000_123})), 0);
        assert!(
            cooling.starts_with("refused: no (code 429)\nagain in 123 s, from 2027-01-15 08:02:03 UTC"),
            "{cooling}"
        );
        let unsigned =
            in_words(&refused("401", json!({"serverTime": 1000, "stringToSign": "a=1&secret=***"})), 400);
        assert!(unsigned.contains("the server signed: a=1&secret=***"), "{unsigned}");
        assert!(unsigned.contains("this machine's clock is 10 min behind the server's"), "{unsigned}");
        assert_eq!(in_words(&refused("404", json!(null)), 0), "refused: no (code 404)");
    }
}
