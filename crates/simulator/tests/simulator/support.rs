//! A simulator with a clock that stands until it is moved, and a plain HTTP client.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use simgauge_domain::time::UnixMs;
use simgauge_simulator::{Simulator, SimulatorConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// 2026-05-08T10:11:12Z.
pub(crate) const NOW: i64 = 1_778_235_072_000;
pub(crate) const SIM: &str = "8988308650100524999";
pub(crate) const UNKNOWN: &str = "8900000000000040499";

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
    clock: Arc<AtomicI64>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The text at a JSON pointer.
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        self.json().pointer(pointer).unwrap().as_str().unwrap().to_owned()
    }

    /// Field names of a JSON object, in order.
    pub(crate) fn fields(&self, pointer: &str) -> Vec<String> {
        self.json().pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
    }
}

impl World {
    pub(crate) async fn new(config: SimulatorConfig) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(AtomicI64::new(NOW));
        let reads = Arc::clone(&clock);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let simulator =
            Simulator::start(listener, config, Arc::new(move || UnixMs(reads.load(Ordering::SeqCst))))
                .await
                .unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { simulator, http, clock }
    }

    /// Usage stands still.
    pub(crate) async fn fixed() -> Self {
        Self::new(SimulatorConfig::fixed()).await
    }

    /// Usage stands still, and [`SIM`] has used this much at an operator.
    pub(crate) async fn with_usage(operator: &str, bytes: u64) -> Self {
        let world = Self::fixed().await;
        world.simulator.set_usage(operator, SIM, bytes);
        world
    }

    /// Usage grows with the clock.
    pub(crate) async fn growing() -> Self {
        Self::new(SimulatorConfig::default()).await
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.clock.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> UnixMs {
        UnixMs(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}/{path}", self.simulator.url()))
    }

    pub(crate) async fn get_with_bearer(&self, token: &str, path: &str) -> Answer {
        send(self.get(path).bearer_auth(token)).await
    }

    /// OAuth2 client credentials, as a form.
    pub(crate) async fn log_in_by_form(&self, path: &str, secret: &str) -> Answer {
        let user =
            [("grant_type", "client_credentials"), ("client_id", "sim-user"), ("client_secret", secret)];
        send(form(self.post(path), &user)).await
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}/{path}", self.simulator.url()))
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A request with a JSON body.
pub(crate) fn json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

pub(crate) fn hmac_sha256_hex(key: &str, text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    hex::encode(mac.chain_update(text).finalize().into_bytes())
}

/// A request with a form body.
pub(crate) fn form(request: reqwest::RequestBuilder, pairs: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}
