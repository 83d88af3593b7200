//! Operators made for tests.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, Response};
use secrecy::SecretString;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{Catalog, Clock, Definition, Operator, OperatorAccount, ProfileRef};
use simgauge_simulator::Simulator;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

/// 2026-05-08T10:11:12Z.
pub(crate) const NOW: i64 = 1_778_235_072_000;
pub(crate) const ICCID: &str = "8988308650100524999";

pub(crate) fn clock() -> Clock {
    Arc::new(|| UnixMs(NOW))
}

pub(crate) fn profile(iccid: &str) -> ProfileRef<'_> {
    ProfileRef { iccid, eid: None }
}

/// An account with what the simulator accepts, and any value for a setting that has none.
pub(crate) fn account(definition: &Definition, base_url: &str) -> OperatorAccount {
    let secrets = definition.secret_names().map(|name| {
        let identifies = definition.secret_identifies(name);
        let value = Simulator::accepted_secret(definition.name(), name, identifies);
        (name.to_owned(), SecretString::from(value))
    });
    let settings = definition
        .settings()
        .iter()
        .filter(|(_, setting)| setting.default.is_none() && !setting.follows_base_url)
        .map(|(name, setting)| {
            (name.clone(), setting.one_of.first().map_or("sim", String::as_str).to_owned())
        });
    OperatorAccount {
        name: "test".into(),
        base_url: Some(base_url.into()),
        allow_http: true,
        settings: settings.collect(),
        secrets: secrets.collect::<BTreeMap<_, _>>(),
        ..OperatorAccount::default()
    }
}

pub(crate) fn built_in(name: &str) -> Arc<Definition> {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    Arc::clone(CATALOG.get_or_init(|| Catalog::builtin().unwrap()).get(name).unwrap())
}

/// A definition of the tests' own: one call, JSON `{"iccid", "used"}`.
pub(crate) const SIMPLE: &str = r#"
name = "simple"
title = "Simple"
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
[errors]
code = ".code"
"#;

pub(crate) fn parse(toml: &str) -> Arc<Definition> {
    Arc::new(Definition::parse("test.toml", toml).unwrap())
}

/// What a stub server was asked, in order.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
}

type Answers = Arc<dyn Fn(&Asked) -> Response<Body> + Send + Sync>;

/// An HTTP server that answers as a function says.
pub(crate) struct Stub {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Stub {
    pub(crate) async fn new(answers: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, notes): (Answers, _) = (Arc::new(answers), Arc::clone(&asked));
        let router = Router::new().fallback(move |request: Request<Body>| {
            let (answers, notes) = (Arc::clone(&answers), Arc::clone(&notes));
            async move {
                let (head, _) = request.into_parts();
                let asked = Asked {
                    path: head.uri.path().into(),
                    query: head.uri.query().unwrap_or_default().into(),
                    headers: head.headers,
                };
                notes.lock().unwrap().push(asked.clone());
                answers(&asked)
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked, task }
    }

    /// Always the same text.
    pub(crate) async fn saying(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(move |_| ok(&text)).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn ok(text: &str) -> Response<Body> {
    Response::new(Body::from(text.to_owned()))
}

pub(crate) fn status(code: u16, text: &str) -> Response<Body> {
    Response::builder().status(code).body(Body::from(text.to_owned())).unwrap()
}

pub(crate) fn operator(definition: &Arc<Definition>, base_url: &str) -> Operator {
    Operator::new(Arc::clone(definition), account(definition, base_url), clock()).unwrap()
}
