//! All routes of the open API, and what every call goes through: the limit of its body, the limit of calls in
//! flight, its request id.

use crate::answer::ApiError;
use crate::card::{GetCard, ListCards};
use crate::gate::{self, Call, Origin};
use crate::history::UsageHistory;
use crate::operation::Operation;
use crate::refresh::GetRefresh;
use crate::refresh_usage::RefreshUsage;
use crate::state::ApiState;
use crate::{docs, health};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, header};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use simgauge_protocol::{Body, Code, FieldError, Language, OperationName};
use simgauge_service::telemetry::Held;
use std::time::Instant;

/// The largest body, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// Below this path are operations.
const OPERATIONS: &str = "/api/v3/";

/// How much of the name of an unknown operation is shown, in characters.
const NAME_SHOWN: usize = 100;

/// The open API, the two health checks and, with `docs`, the pages that describe the API.
pub fn router(state: ApiState, docs: bool) -> Router {
    let operations = OperationName::ALL
        .into_iter()
        .zip(0..)
        .map(|(operation, index)| Named { index, operation })
        .fold(Router::new(), |router, name| router.route(name.operation.path(), operation_route(name)));
    let pages = if docs { docs::routes(state.codes.clone()) } else { Router::new() };
    operations
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .merge(pages)
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(|s, o| refuse(s, o, ApiError::Method))
        .fallback(no_route)
        .with_state(state)
}

/// An operation and its index in the list of all operations.
#[derive(Clone, Copy)]
struct Named {
    /// In one byte, since it is part of every call's future.
    index: u8,
    operation: OperationName,
}

fn operation_route(name: Named) -> MethodRouter<ApiState> {
    match name.operation {
        OperationName::RefreshUsage(kind) => post(move |s, o, b| call(s, o, b, name, RefreshUsage(kind))),
        OperationName::GetCard(kind) => post(move |s, o, b| call(s, o, b, name, GetCard(kind))),
        OperationName::ListCards(kind) => post(move |s, o, b| call(s, o, b, name, ListCards(kind))),
        OperationName::UsageHistory(kind) => post(move |s, o, b| call(s, o, b, name, UsageHistory(kind))),
        OperationName::GetRefresh => post(move |s, o, b| call(s, o, b, name, GetRefresh)),
    }
}

/// The health checks alone, for a node that only works lanes.
pub fn health_router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(|s, o| refuse(s, o, ApiError::Method))
        .fallback(|s, o| refuse(s, o, ApiError::NoPath))
        .with_state(state)
}

/// Answers a call, and counts and logs how it ended.
async fn call(
    State(state): State<ApiState>,
    origin: Origin,
    body: Result<Bytes, BytesRejection>,
    name: Named,
    operation: impl Operation,
) -> Response {
    let began = Instant::now();
    let request_id = state.request_ids.next();
    let (code, response, turned_away) = match answered(&state, origin, body, operation, &request_id).await {
        Ok(response) => (Code::Ok, response, false),
        Err((error, language)) => {
            let turned_away = matches!(error, ApiError::Overloaded);
            (error.code(), error.answer(&state.codes, language, &request_id), turned_away)
        }
    };
    state.services.telemetry.metrics.call_ended(name.index.into(), code);
    let held = response.extensions().get::<Held>().copied();
    state.services.telemetry.slow.call(name.operation, code, began.elapsed(), held, &request_id);
    if turned_away {
        state.overload_delay.wait(&state.stopping).await;
    }
    response
}

/// Answers a call. A refusal comes with the language of its message.
async fn answered(
    state: &ApiState,
    origin: Origin,
    body: Result<Bytes, BytesRejection>,
    operation: impl Operation,
    request_id: &str,
) -> Result<Response, (ApiError, Language)> {
    let refused = |error| (error, origin.language.unwrap_or_default());
    if state.stopping.is_cancelled() {
        return Err(refused(ApiError::Stopping));
    }
    let Ok(_slot) = state.slots.try_acquire() else { return Err(refused(ApiError::Overloaded)) };
    // In one step: each body that is moved would be a part of every call's future.
    let bytes = body.map_err(broken_off).and_then(|body| origin.encoding.unpacked(body, BODY_MAX));
    let bytes = bytes.map_err(refused)?;
    let parsed = Body::parse(&bytes).map_err(|error| refused(ApiError::Field(error.into())))?;
    let call = Call { body: &parsed, origin: &origin, request_id };
    operation.run(state, &call).await.map_err(|error| {
        if matches!(error, ApiError::Internal) {
            tracing::error!(request_id, "a call ended with an internal error");
        } else {
            tracing::debug!(request_id, ?error, "a call was refused");
        }
        let language = origin.language.unwrap_or_else(|| gate::language_to_refuse_in(state, &parsed, &error));
        (error, language)
    })
}

async fn refuse(state: State<ApiState>, origin: Origin, error: ApiError) -> Response {
    error.answer(&state.codes, origin.language.unwrap_or_default(), &state.request_ids.next())
}

fn broken_off(rejection: BytesRejection) -> ApiError {
    if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::TooLarge { limit: BODY_MAX }
    } else {
        // The connection ended in the middle of the body.
        ApiError::Field(FieldError::Body("the body broke off".into(), "请求体不完整"))
    }
}

/// Answers a request that no route takes. A caller of an operation that there is not gets an envelope with
/// HTTP 200, since published clients ignore the body of any other answer.
async fn no_route(State(state): State<ApiState>, origin: Origin, request: Request) -> Response {
    let error = match operation_asked_for(&state, origin, request).await {
        Some(name) => ApiError::UnknownOperation { name },
        None => ApiError::NoPath,
    };
    refuse(State(state), origin, error).await
}

/// The name of the operation that a request asks for: a POST of JSON below the path of operations.
async fn operation_asked_for(state: &ApiState, origin: Origin, request: Request) -> Option<String> {
    let name = request.uri().path().strip_prefix(OPERATIONS)?;
    if request.method() != Method::POST {
        return None;
    }
    let name = name.chars().take(NAME_SHOWN).collect();
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("json")) {
        return Some(name);
    }
    // As with operations that there are, what the body is counts, not what the header says.
    let _slot = state.slots.try_acquire().ok()?;
    let body = axum::body::to_bytes(request.into_body(), BODY_MAX).await.ok()?;
    let body = origin.encoding.unpacked(body, BODY_MAX).ok()?;
    Body::parse(&body).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_domain::card_kind::CardKind;

    /// The largest future of a refresh, in bytes. Every call allocates its future, so what few calls need
    /// belongs in a box of its own (as [`RefreshUsage`] does for calls that wait). Such a part in the future
    /// itself would more than double it.
    const MOST: usize = 768;

    fn size<F: Future>(_: impl Fn(State<ApiState>, Origin, Result<Bytes, BytesRejection>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_refresh_is_small() {
        let name = Named { index: 0, operation: OperationName::RefreshUsage(CardKind::Sim) };
        let operation = RefreshUsage(CardKind::Sim);
        let size = size(|state, origin, body| call(state, origin, body, name, operation));
        assert!(size <= MOST, "{size} bytes");
    }
}
