//! Calling the server: signed, or on purpose not.

use super::{SECRET, TestServer};
use serde_json::{Value, json};
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Nonces in turn: random ones meet within a second of asking again and again.
static NONCES: AtomicU32 = AtomicU32::new(0);

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().expect("code is a string")
    }

    pub fn message(&self) -> &str {
        self.body["message"].as_str().expect("message is a string")
    }

    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    #[track_caller]
    pub fn expect(&self, code: &str) -> &Value {
        assert_eq!(self.code(), code, "{self:?}");
        self.data()
    }

    pub fn refresh_id(&self) -> String {
        self.expect("200")["refreshId"].as_str().unwrap().to_owned()
    }
}

/// Adds `sign` to a body that has everything else.
pub fn sign_body(mut body: Value, secret: &str) -> Value {
    let text = body.to_string();
    body["sign"] = sign::sign(&Body::parse(text.as_bytes()).unwrap(), Scope::Request, secret).into();
    body
}

impl TestServer {
    /// A body with the common fields and these, signed as app `k`.
    pub fn signed(&self, fields: Value) -> Value {
        self.signed_as("k", fields)
    }

    pub fn signed_as(&self, appkey: &str, fields: Value) -> Value {
        let mut body = json!({
            "appkey": appkey,
            "timestamp": self.clock.now().seconds(),
            "nonce": 10_000 + NONCES.fetch_add(1, Ordering::Relaxed) % 90_000,
        });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        sign_body(body, SECRET)
    }

    /// Posts a body as it is.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.url)).body(body)).await
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        read(request.send().await.unwrap()).await
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn refresh_sim(&self, iccid: &str) -> Answer {
        self.post("/api/v3/card/refreshUsage", self.signed(json!({ "iccid": iccid })).to_string()).await
    }

    pub async fn card(&self, iccid: &str) -> Answer {
        self.post("/api/v3/card/getCardsInfo", self.signed(json!({ "iccid": iccid })).to_string()).await
    }

    pub async fn refresh(&self, id: &str) -> Answer {
        self.post("/api/v3/refresh/get", self.signed(json!({ "refreshId": id })).to_string()).await
    }

    /// Waits until a refresh ended, at most `timeout`; answers its report.
    pub async fn ended(&self, id: &str, timeout: Duration) -> Value {
        let deadline = Instant::now() + timeout;
        loop {
            let report = self.refresh(id).await.expect("200").clone();
            if report["state"] == "succeeded" || report["state"] == "failed" {
                return report["refresh"].clone();
            }
            assert!(Instant::now() < deadline, "still not ended: {report}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub async fn read(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no envelope: {status} {text:?}"));
    Answer { status, headers, body }
}
