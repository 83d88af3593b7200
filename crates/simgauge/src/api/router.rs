//! Every route on one page, and what surrounds all of them: the limit of the body, shedding load, request ids.

use super::answer::ApiError;
use super::gate;
use super::{ApiState, card, health, history, refresh};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{get, post};
use simgauge_protocol::request::CardKind;
use simgauge_protocol::{Body, FieldError, Language};
use std::sync::atomic::Ordering;

/// Largest body, in bytes.
pub(super) const BODY_MAX: usize = 16 * 1024;

/// The open API and the two health checks.
pub fn router(state: ApiState) -> Router {
    let sim = CardKind::Sim;
    let esim = CardKind::CloudEsim;
    Router::new()
        .route("/api/v3/card/refreshUsage", post(move |s, h, b| call(s, h, b, card::Refresh(sim))))
        .route("/api/v3/cloudesim/refreshUsage", post(move |s, h, b| call(s, h, b, card::Refresh(esim))))
        .route("/api/v3/card/getCardsInfo", post(move |s, h, b| call(s, h, b, card::Get(sim))))
        .route("/api/v3/cloudesim/get", post(move |s, h, b| call(s, h, b, card::Get(esim))))
        .route("/api/v3/card/getAllCardInfo", post(move |s, h, b| call(s, h, b, card::List(sim))))
        .route("/api/v3/cloudesim/list", post(move |s, h, b| call(s, h, b, card::List(esim))))
        .route("/api/v3/card/usageHistory", post(move |s, h, b| call(s, h, b, history::History(sim))))
        .route("/api/v3/cloudesim/usageHistory", post(move |s, h, b| call(s, h, b, history::History(esim))))
        .route("/api/v3/refresh/get", post(|s, h, b| call(s, h, b, refresh::Get)))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(|s, h| refuse(s, h, ApiError::Method))
        .fallback(|s, h| refuse(s, h, ApiError::NoPath))
        .with_state(state)
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

fn asked_language(headers: &HeaderMap) -> Option<Language> {
    Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

impl super::RequestIds {
    fn next(&self) -> String {
        format!("{:08x}-{:x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
