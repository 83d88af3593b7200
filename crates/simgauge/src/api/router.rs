//! Every route on one page, and what surrounds all of them: the limit of the body, shedding load, request ids.

use super::answer::ApiError;
use super::gate;
use super::{ApiState, card, docs, health, history, refresh};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use simgauge_protocol::{Body, FieldError, Language, OperationName};
use std::sync::atomic::Ordering;

/// Largest body, in bytes.
pub(super) const BODY_MAX: usize = 16 * 1024;

/// The open API, the two health checks and, where wanted, the pages that describe the API.
pub fn router(state: ApiState, docs: bool) -> Router {
    let operations = OperationName::ALL
        .into_iter()
        .fold(Router::new(), |router, operation| router.route(operation.path(), operation_route(operation)));
    let pages = if docs { docs::routes() } else { Router::new() };
    operations
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .merge(pages)
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(|s, h| refuse(s, h, ApiError::Method))
        .fallback(|s, h| refuse(s, h, ApiError::NoPath))
        .with_state(state)
}

fn operation_route(operation: OperationName) -> MethodRouter<ApiState> {
    match operation {
        OperationName::RefreshUsage(kind) => post(move |s, h, b| call(s, h, b, card::Refresh(kind))),
        OperationName::GetCard(kind) => post(move |s, h, b| call(s, h, b, card::Get(kind))),
        OperationName::ListCards(kind) => post(move |s, h, b| call(s, h, b, card::List(kind))),
        OperationName::UsageHistory(kind) => post(move |s, h, b| call(s, h, b, history::History(kind))),
        OperationName::GetRefresh => post(|s, h, b| call(s, h, b, refresh::Get)),
    }
}

/// The health checks alone, for a node that only works lanes.
pub fn health_router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(|s, h| refuse(s, h, ApiError::Method))
        .fallback(|s, h| refuse(s, h, ApiError::NoPath))
        .with_state(state)
}

/// An operation of the open API.
pub(super) trait Operation: Copy + Send + 'static {
    /// Does it: from the parsed body to an answer.
    fn run(
        self,
        state: &ApiState,
        body: &Body<'_>,
        asked: Option<Language>,
        request_id: &str,
    ) -> impl Future<Output = Result<Response, ApiError>> + Send;
}

async fn call(
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
    operation: impl Operation,
) -> Response {
    let request_id = state.request_ids.next();
    let asked = asked_language(&headers);
    if state.stopping.is_cancelled() {
        return ApiError::Stopping.answer(asked.unwrap_or_default(), &request_id);
    }
    let Ok(_slot) = state.slots.try_acquire() else {
        return ApiError::Overloaded.answer(asked.unwrap_or_default(), &request_id);
    };
    let bytes = match body {
        Ok(bytes) => bytes,
        Err(rejection) if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
            return ApiError::TooLarge { limit: BODY_MAX }.answer(asked.unwrap_or_default(), &request_id);
        }
        Err(_) => {
            // The caller went away in the middle of the body.
            let error = FieldError::Body("the body broke off".into(), "请求体不完整");
            return ApiError::Field(error).answer(asked.unwrap_or_default(), &request_id);
        }
    };
    let parsed = match Body::parse(&bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            return ApiError::Field(error.into()).answer(gate::language_of(&state, None, asked), &request_id);
        }
    };
    match operation.run(&state, &parsed, asked, &request_id).await {
        Ok(response) => response,
        Err(error) => {
            if matches!(error, ApiError::Internal) {
                tracing::error!(request_id, "a call ended with our own fault");
            } else {
                tracing::debug!(request_id, ?error, "a call was refused");
            }
            error.answer(gate::language_of(&state, Some(&parsed), asked), &request_id)
        }
    }
}

async fn refuse(state: State<ApiState>, headers: HeaderMap, error: ApiError) -> Response {
    error.answer(asked_language(&headers).unwrap_or_default(), &state.request_ids.next())
}

pub(crate) fn asked_language(headers: &HeaderMap) -> Option<Language> {
    Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

impl super::RequestIds {
    pub(super) fn next(&self) -> String {
        format!("{:08x}-{:x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
