//! Calls of the open API as `curl` commands to copy.

use super::names::{DEMO, SECRET};
use serde_json::{Value, json};
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use simgauge_service::clock::Clock;

/// Makes calls that are signed by the demo's app.
#[derive(Clone, Debug)]
pub struct SignedCalls {
    /// The URL of the demo, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// The clock of the server.
    pub clock: Clock,
}

impl SignedCalls {
    /// A command that calls an operation. It is good as long as its timestamp is; that of a read operation is
    /// good once.
    #[must_use]
    pub fn curl(&self, operation: &str, field: &str, number: &str) -> String {
        let mut body = json!({
            "appkey": DEMO,
            "timestamp": self.clock.now().seconds(),
            "nonce": rand::random_range(10_000..=99_999),
            field: number,
        });
        // Built here, so it parses.
        let text = body.to_string();
        let sign = Body::parse(text.as_bytes())
            .map(|body| sign::sign(&body, Scope::Request, SECRET))
            .unwrap_or_default();
        body["sign"] = sign.into();
        self.post(&format!("api/v3/{operation}"), &body)
    }

    /// A command that posts to any path of the demo.
    fn post(&self, path: &str, body: &Value) -> String {
        format!("curl -s {}/{path} -H 'Content-Type: application/json' -d '{body}'", self.url)
    }

    /// A command that uses 100 MB of a card at its operator.
    #[must_use]
    pub fn add_usage(&self, iccid: &str) -> String {
        self.post("demo/usage", &json!({"iccid": iccid, "addBytes": 100_000_000}))
    }

    /// A command that moves the clock on by five minutes.
    #[must_use]
    pub fn advance(&self) -> String {
        self.post("demo/clock", &json!({"advanceSeconds": 300}))
    }

    /// The environment variables with which the client commands use the demo.
    #[must_use]
    pub fn environment(&self) -> String {
        format!("SIMGAUGE_URL={} SIMGAUGE_APPKEY={DEMO} SIMGAUGE_SECRET={SECRET}", self.url)
    }
}
