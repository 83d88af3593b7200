//! The operator of the stories: a server whose every answer a story gives itself.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use axum::routing::get;
use secrecy::SecretString;
use simgauge_operators::{Definition, Operator, OperatorAccount, Timeouts};
use simgauge_service::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// One call: `{"iccid", "used"}`. `x-left` says how many more there may be, `x-reset` after how many seconds
/// there are new ones.
const DEFINITION: &str = r#"
name = "simple"
title = "Simple"
[limits]
max_concurrent = 1
remaining = [{ header = "x-left", reset = { name = "x-reset", format = "seconds" } }]
[secrets.key]
about = "key"
[auth]
headers = { X-Key = "{{ secret.key }}" }
[[steps]]
name = "usage"
request = { path = "/sims/{{ iccid }}" }
[answer]
identity = ".iccid"
used = { add = ".used", unit = "B" }
period = { kind = "billing_cycle" }
"#;

/// A call that waits for the story's answer.
pub struct Call {
    pub iccid: String,
    answer: oneshot::Sender<Response<Body>>,
}

impl Call {
    pub fn succeed(self, used: u64) {
        let body = format!(r#"{{"iccid": "{}", "used": {used}}}"#, self.iccid);
        self.answer(200, &[], body);
    }

    /// Succeeds, with so many calls left, and new ones after so many seconds.
    pub fn succeed_with(self, left: u64, reset_seconds: u64) {
        let body = format!(r#"{{"iccid": "{}", "used": 7}}"#, self.iccid);
        self.answer(200, &[("x-left", left), ("x-reset", reset_seconds)], body);
    }

    pub fn fail(self, status: u16) {
        self.answer(status, &[], "{}".into());
    }

    pub fn fail_until(self, status: u16, retry_after_seconds: u64) {
        self.answer(status, &[("retry-after", retry_after_seconds)], "{}".into());
    }

    /// An answer to a reading that was dropped meanwhile reaches nobody.
    fn answer(self, status: u16, headers: &[(&str, u64)], body: String) {
        let mut response = Response::builder().status(status).header("content-type", "application/json");
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let _ = self.answer.send(response.body(Body::from(body)).unwrap());
    }
}

/// An operator account whose calls go to `url`. A call has an hour, so that a story can hold its answer.
pub fn operator(name: &str, url: String, clock: &Clock) -> Arc<Operator> {
    let hour = Duration::from_secs(3600);
    let account = OperatorAccount {
        name: name.into(),
        base_url: Some(url),
        allow_http: true,
        secrets: [("key".to_owned(), SecretString::from("k"))].into(),
        timeouts: Timeouts { step: hour, total: hour, ..Timeouts::default() },
        ..OperatorAccount::default()
    };
    let definition = Arc::new(Definition::parse("simple.toml", DEFINITION).unwrap());
    Arc::new(Operator::new(definition, account, clock.as_fn()).unwrap())
}

type Asked = mpsc::UnboundedSender<Call>;

/// Serves on a port of its own: its URL, the calls that it gets, and its task.
pub async fn serve() -> (String, mpsc::UnboundedReceiver<Call>, JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, calls) = mpsc::unbounded_channel();
    let router = Router::new().route("/sims/{iccid}", get(answer)).with_state(asked);
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, calls, server)
}

async fn answer(State(asked): State<Asked>, Path(iccid): Path<String>) -> Response<Body> {
    let (answer, answered) = oneshot::channel();
    asked.send(Call { iccid, answer }).unwrap();
    answered.await.unwrap()
}
