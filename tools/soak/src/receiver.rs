//! A customer's server that is told what happens, and is not always well.

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

use super::calls::unix_seconds;

/// What it does with a notification.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Take,
    Late(Duration),
    Refuse,
    Hang,
}

/// The server; clones are the same one.
#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    secret: OnceLock<SecretString>,
    state: Mutex<Option<Told>>,
}

/// What came.
#[derive(Debug)]
pub(super) struct Told {
    mode: Mode,
    /// Refreshes whose end was taken.
    pub(super) refreshes: HashSet<String>,
    pub(super) attempts: u64,
    /// Notifications that were not signed as they have to be.
    pub(super) unsigned: u64,
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Option<Told>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Told) -> T) -> T {
        work(self.told().get_or_insert_with(|| Told {
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

    /// The secret that notifications have to be signed with.
    pub(super) fn knows(&self, secret: &str) {
        let _ = self.shared.secret.set(secret.into());
    }

    pub(super) fn set(&self, mode: Mode) {
        self.shared.with(|told| told.mode = mode);
    }

    /// Takes everything from now on.
    pub(super) fn behave(&self) {
        self.set(Mode::Take);
    }

    /// How many refreshes' ends it has taken.
    pub(super) fn taken(&self) -> usize {
        self.look(|told| told.refreshes.len())
    }

    pub(super) fn look<T>(&self, work: impl FnOnce(&Told) -> T) -> T {
        self.shared.with(|told| work(told))
    }
}

async fn receive(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let now = i64::try_from(unix_seconds()).unwrap_or(i64::MAX);
    let verified = shared
        .secret
        .get()
        .context("no secret yet")
        .and_then(|secret| Ok(verify_notification(&body, secret, now, Duration::from_secs(60))?));
    let mode = shared.with(|told| {
        told.attempts += 1;
        told.unsigned += u64::from(verified.is_err());
        told.mode
    });
    match mode {
        Mode::Refuse => return StatusCode::INTERNAL_SERVER_ERROR,
        Mode::Hang => std::future::pending().await,
        Mode::Late(pause) => tokio::time::sleep(pause).await,
        Mode::Take => {}
    }
    if let Some(id) = verified.ok().as_ref().and_then(|event| event["refreshId"].as_str()) {
        shared.with(|told| told.refreshes.insert(id.to_owned()));
    }
    StatusCode::NO_CONTENT
}
