//! A tiny HTTP server that expects one request after the other, and answers as it is told.

use super::fixtures::{Exchange, WantedRequest};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use http::{Request, Response, StatusCode};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::form_urlencoded;

#[derive(Debug, Default)]
struct Expected {
    exchanges: VecDeque<Exchange>,
    differences: Vec<String>,
}

type Shared = Arc<Mutex<Expected>>;

pub(super) struct FixtureServer {
    address: SocketAddr,
    expected: Shared,
    task: JoinHandle<()>,
}

impl FixtureServer {
    pub(super) async fn start(exchanges: Vec<Exchange>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let expected: Shared =
            Arc::new(Mutex::new(Expected { exchanges: exchanges.into(), differences: Vec::new() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&expected));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the fixture server stopped");
            }
        });
        Ok(Self { address, expected, task })
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops; tells what was other than expected.
    pub(super) async fn finish(self) -> Vec<String> {
        self.task.abort();
        let mut expected = lock(&self.expected);
        let left = expected.exchanges.len();
        if left > 0 {
            expected.differences.push(format!("{left} expected request(s) were never sent"));
        }
        std::mem::take(&mut expected.differences)
    }
}

fn lock(expected: &Mutex<Expected>) -> MutexGuard<'_, Expected> {
    expected.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(expected): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap_or_default();
    let mut expected = lock(&expected);
    let Some(exchange) = expected.exchanges.pop_front() else {
        expected.differences.push(format!(
            "one request more than expected: {} {}",
            head.method,
            head.uri.path()
        ));
        return plain(StatusCode::IM_A_TEAPOT);
    };
    if let Some(wanted) = &exchange.request {
        compare(wanted, &head, &body, &mut expected.differences);
    }
    let mut response = Response::builder().status(exchange.answer.status);
    for (name, value) in &exchange.answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(exchange.answer.body)).unwrap_or_else(|_| {
        expected.differences.push("the fixture's answer cannot be sent".into());
        plain(StatusCode::IM_A_TEAPOT)
    })
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn compare(wanted: &WantedRequest, head: &http::request::Parts, body: &[u8], differences: &mut Vec<String>) {
    let mut differ = |what: &str, is: String, wanted: String| {
        if is != wanted && wanted != "*" {
            differences.push(format!("{what} is `{is}` instead of `{wanted}`"));
        }
    };
    differ("the method", head.method.to_string(), wanted.method.clone());
    differ("the path", head.uri.path().to_owned(), wanted.path.clone());
    let query = pairs(head.uri.query().unwrap_or_default().as_bytes());
    let is_same = |is: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
        is.len() == wanted.len()
            && wanted.iter().all(|(name, value)| is.get(name).is_some_and(|is| value == "*" || is == value))
    };
    if !is_same(&query, &wanted.query) {
        differ("the query", format!("{query:?}"), format!("{:?}", wanted.query));
    }
    for (name, value) in &wanted.headers {
        let is = head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        differ(&format!("the header {name}"), is.to_owned(), value.clone());
    }
    if let Some(form) = &wanted.form {
        let is = pairs(body);
        if !is_same(&is, form) {
            differ("the form", format!("{is:?}"), format!("{form:?}"));
        }
    }
    if let Some(json) = &wanted.json {
        let is = serde_json::from_slice(body).unwrap_or(serde_json::Value::Null);
        if !same_json(&is, json) {
            differ("the JSON body", is.to_string(), json.to_string());
        }
    }
    if wanted.form.is_none() && wanted.json.is_none() {
        differ("the body", String::from_utf8_lossy(body).into_owned(), String::new());
    }
}

fn pairs(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn same_json(is: &serde_json::Value, wanted: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Object, String};
    match (is, wanted) {
        (_, String(any)) if any == "*" => true,
        (Object(is), Object(wanted)) => {
            is.len() == wanted.len()
                && wanted.iter().all(|(name, value)| is.get(name).is_some_and(|is| same_json(is, value)))
        }
        (Array(is), Array(wanted)) => {
            is.len() == wanted.len() && is.iter().zip(wanted).all(|(is, wanted)| same_json(is, wanted))
        }
        _ => is == wanted,
    }
}
