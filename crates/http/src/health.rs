//! The health checks: whether the process runs, and whether it can answer calls.

use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use std::time::Duration;

/// How long the store may take to answer a check.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// The process is ready when it is not stopping, the store answers, its schema is that of this program, and
/// refreshes can be written to it.
pub(super) async fn ready(State(state): State<ApiState>) -> (StatusCode, String) {
    match not_ready(&state).await {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn not_ready(state: &ApiState) -> Option<&'static str> {
    if state.stopping.is_cancelled() {
        return Some("stopping");
    }
    if let Err(error) = state.services.store.trusted() {
        return Some(error.in_plain_words());
    }
    match tokio::time::timeout(STORE_TIMEOUT, state.services.store.is_current()).await {
        Ok(Ok(true)) => state.services.accepter.can_write().await.err(),
        Ok(Ok(false)) => Some("the database is not migrated"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store failed");
            Some("the store cannot be reached")
        }
        Err(_) => Some("the store does not answer in time"),
    }
}
