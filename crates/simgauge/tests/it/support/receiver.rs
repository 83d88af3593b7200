//! A customer's server that takes notifications. It can fail, hang, redirect, or refuse single cards.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What it does with a notification.
#[derive(Clone, Debug)]
pub enum Mode {
    Answer(u16),
    Hang,
    /// With this status, to there.
    Redirect(u16, String),
}

/// A notification as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub raw: String,
    pub value: Value,
    /// Whether the answer was 2xx.
    pub taken: bool,
}

impl Received {
    pub fn text(&self, name: &str) -> &str {
        self.value[name].as_str().unwrap_or_default()
    }

    /// The card's number.
    pub fn card(&self) -> &str {
        if self.value["iccid"].is_string() { self.text("iccid") } else { self.text("eid") }
    }
}

struct Shared {
    mode: Mutex<Mode>,
    /// Cards whose notifications get 500.
    refused: Mutex<HashSet<String>>,
    received: watch::Sender<Vec<Received>>,
}

pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            mode: Mutex::new(Mode::Answer(200)),
            refused: Mutex::default(),
            received: watch::Sender::new(Vec::new()),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let server = tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, shared, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?token=t0ken", self.address)
    }

    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    pub fn refuse(&self, card: &str, refused: bool) {
        let mut cards = self.shared.refused.lock().unwrap();
        if refused {
            cards.insert(card.to_owned())
        } else {
            cards.remove(card)
        };
    }

    /// Everything that came, also what was not taken.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.borrow().clone()
    }

    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|one| one.taken).collect()
    }

    /// Waits until what came is as wanted.
    #[track_caller]
    pub fn wait(
        &self,
        timeout: Duration,
        wanted: impl Fn(&[Received]) -> bool,
    ) -> impl Future<Output = Vec<Received>> {
        let shared = Arc::clone(&self.shared);
        let caller = std::panic::Location::caller();
        async move {
            let mut received = shared.received.subscribe();
            let waited = tokio::time::timeout(timeout, received.wait_for(|list| wanted(list))).await;
            let Ok(list) = waited else { panic!("{caller}: not in time: {:#?}", shared.received.borrow()) };
            list.unwrap().clone()
        }
    }

    /// Waits until so many were taken.
    #[track_caller]
    pub fn wait_taken(&self, count: usize, timeout: Duration) -> impl Future<Output = Vec<Received>> {
        self.wait(timeout, move |list| list.iter().filter(|one| one.taken).count() >= count)
    }
}

async fn receive(State(shared): State<Arc<Shared>>, raw: String) -> Response {
    let value: Value = serde_json::from_str(&raw).unwrap_or_default();
    let mode = shared.mode.lock().unwrap().clone();
    let one = Received { raw, value, taken: false };
    let refused = shared.refused.lock().unwrap().contains(one.card());
    let status = match &mode {
        _ if refused => 500,
        Mode::Answer(status) => *status,
        Mode::Hang => 0,
        Mode::Redirect(status, _) => *status,
    };
    let one = Received { taken: (200..300).contains(&status), ..one };
    shared.received.send_modify(|list| list.push(one));
    match mode {
        Mode::Hang if !refused => std::future::pending().await,
        Mode::Redirect(_, to) if !refused => {
            (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, to)]).into_response()
        }
        // What the answer says does not matter.
        _ => (StatusCode::from_u16(status).unwrap(), "x".repeat(100_000)).into_response(),
    }
}
