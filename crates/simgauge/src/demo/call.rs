//! Calls of the open API as lines to paste.

use super::{DEMO, SECRET};
use serde_json::{Value, json};
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use simgauge_service::clock::Clock;

/// Makes signed calls for the demo's app.
#[derive(Clone, Debug)]
pub struct SignedCalls {
    /// Where the demo listens: `http://127.0.0.1:8080`.
    pub url: String,
    /// What time the server takes it to be.
    pub clock: Clock,
}

impl SignedCalls {
    /// An operation as a `curl` line; good for one call of a read, and for as long as the timestamp is.
    #[must_use]
    pub fn curl(&self, operation: &str, field: &str, number: &str) -> String {
        let mut body = json!({
            "appkey": DEMO,
            "timestamp": self.clock.now().seconds(),
            "nonce": rand::random_range(10_000..=99_999),
            field: number,
        });
        // Made here, so it parses.
        let text = body.to_string();
        let sign = Body::parse(text.as_bytes())
            .map(|body| sign::sign(&body, Scope::Request, SECRET))
            .unwrap_or_default();
        body["sign"] = sign.into();
        self.post(&format!("api/v3/{operation}"), &body)
    }

    /// Any path of the demo as a `curl` line.
    #[must_use]
    fn post(&self, path: &str, body: &Value) -> String {
        format!("curl -s {}/{path} -H 'Content-Type: application/json' -d '{body}'", self.url)
    }

    /// Uses up 100 MB of a card at its operator.
    #[must_use]
    pub fn add_usage(&self, iccid: &str) -> String {
        self.post("demo/usage", &json!({"iccid": iccid, "addBytes": 100_000_000}))
    }

    /// Moves the clock on by five minutes.
    #[must_use]
    pub fn advance(&self) -> String {
        self.post("demo/clock", &json!({"advanceSeconds": 300}))
    }

    /// The environment in which the client commands speak to the demo.
    #[must_use]
    pub fn environment(&self) -> String {
        format!("SIMGAUGE_URL={} SIMGAUGE_APPKEY={DEMO} SIMGAUGE_SECRET={SECRET}", self.url)
    }
}
