//! A customer's server that receives notifications. Sometimes it fails.

use super::calls::unix_seconds;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use simgauge_client::{SecretString, verify_notification};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Take,
    Late(Duration),
    Refuse,
    Hang,
}

/// The server. Clones are handles to the same one.
#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    secret: OnceLock<SecretString>,
    state: Mutex<Option<Received>>,
}

/// What it has received.
#[derive(Debug)]
pub(super) struct Received {
    mode: Mode,
    /// Refreshes whose end was accepted.
    pub(super) refreshes: HashSet<String>,
    pub(super) attempts: u64,
    /// Notifications without a right sign.
    pub(super) unsigned: u64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Received>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Received) -> T) -> T {
        work(self.lock().get_or_insert_with(|| Received {
            mode: Mode::Take,
            refreshes: HashSet::new(),
            attempts: 0,
            unsigned: 0,
        }))
    }
}

impl Receiver {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { address, shared })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/told", self.address)
    }

    /// Sets the secret of the notifications' sign.
    pub(super) fn set_secret(&self, secret: &str) {
        let _ = self.shared.secret.set(secret.into());
    }

    pub(super) fn set(&self, mode: Mode) {
        self.shared.with(|received| received.mode = mode);
    }

    /// Accepts everything from now on.
    pub(super) fn behave(&self) {
        self.set(Mode::Take);
    }

    /// How many ends of refreshes it has accepted.
    pub(super) fn taken(&self) -> usize {
        self.look(|received| received.refreshes.len())
    }

    pub(super) fn look<T>(&self, work: impl FnOnce(&Received) -> T) -> T {
        self.shared.with(|received| work(received))
    }
}

async fn receive(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let now = i64::try_from(unix_seconds()).unwrap_or(i64::MAX);
    let verified = shared
        .secret
        .get()
        .context("no secret yet")
        .and_then(|secret| Ok(verify_notification(&body, secret, now, Duration::from_secs(60))?));
    let mode = shared.with(|received| {
        received.attempts += 1;
        received.unsigned += u64::from(verified.is_err());
        received.mode
    });
    match mode {
        Mode::Refuse => return StatusCode::INTERNAL_SERVER_ERROR,
        Mode::Hang => std::future::pending().await,
        Mode::Late(pause) => tokio::time::sleep(pause).await,
        Mode::Take => {}
    }
    if let Some(id) = verified.ok().as_ref().and_then(|event| event["refreshId"].as_str()) {
        shared.with(|received| received.refreshes.insert(id.to_owned()));
    }
    StatusCode::NO_CONTENT
}
