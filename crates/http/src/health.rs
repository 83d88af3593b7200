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

/// The process is ready when it is not stopping, the store answers, and its schema is that of this program.
pub(super) async fn ready(State(state): State<ApiState>) -> (StatusCode, &'static str) {
    if state.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match tokio::time::timeout(STORE_TIMEOUT, state.services.store.is_current()).await {
        Ok(Ok(true)) => (StatusCode::OK, "ready\n"),
        Ok(Ok(false)) => (StatusCode::SERVICE_UNAVAILABLE, "the database is not migrated\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store failed");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached\n")
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer in time\n"),
    }
}
