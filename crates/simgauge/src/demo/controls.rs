//! Usage by hand, and the clock.

use super::operators::simulated_operator;
use super::state::DemoState;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use simgauge_http::asked_language;
use simgauge_protocol::{Code, Envelope, Language};
use simgauge_service::clock::Clock;
use std::sync::Arc;
use std::time::Duration;

/// The most that the clock is moved at once: a year.
const ADVANCE_MAX_SECONDS: u64 = 366 * 86_400;

/// Why a request to the demo was refused.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("the body must be JSON (Content-Type: application/json): {0}")]
    Body(String),
    #[error("advanceSeconds must be between 1 and {ADVANCE_MAX_SECONDS}")]
    Advance,
    #[error("exactly one of iccid and eid is needed")]
    Which,
    #[error("the demo has no such card at a simulated operator")]
    NoCard,
    #[error("the store failed; the log says why")]
    Store,
}

impl ControlError {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let (status, code, zh) = match self {
            Self::Body(_) => (
                StatusCode::BAD_REQUEST,
                Code::BadRequest,
                "请求体必须是 JSON(Content-Type: application/json)",
            ),
            Self::Advance => {
                (StatusCode::BAD_REQUEST, Code::BadRequest, "advanceSeconds 必须在 1 到 31622400 之间")
            }
            Self::Which => (StatusCode::BAD_REQUEST, Code::BadRequest, "iccid 和 eid 必须且只能给出一个"),
            Self::NoCard => (StatusCode::NOT_FOUND, Code::NotFound, "demo 的模拟运营商没有这张卡"),
            Self::Store => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "存储出错,详见日志"),
        };
        let message = match asked_language(headers).unwrap_or_default() {
            Language::Zh => zh.to_owned(),
            Language::En => self.to_string(),
        };
        (status, Json(Envelope::<Value>::new(code, message, None))).into_response()
    }
}

fn answer(headers: &HeaderMap, result: Result<Value, ControlError>) -> Response {
    match result {
        Ok(data) => Json(Envelope::new(Code::Ok, "success", Some(data))).into_response(),
        Err(error) => error.answer(headers),
    }
}

/// The JSON of a request. It must have the content type of JSON, which a web page of another origin cannot
/// send.
fn parsed<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, ControlError> {
    body.map(|Json(parsed)| parsed).map_err(|error| ControlError::Body(error.body_text()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UsageRequest {
    iccid: Option<String>,
    eid: Option<String>,
    add_bytes: u64,
}

/// Uses bytes of a card at its operator. Only the next refresh shows them.
pub(super) async fn add_usage(
    State(demo): State<Arc<DemoState>>,
    headers: HeaderMap,
    body: Result<Json<UsageRequest>, JsonRejection>,
) -> Response {
    let result = async {
        let request: UsageRequest = parsed(body)?;
        let number = match (request.iccid, request.eid) {
            (Some(number), None) | (None, Some(number)) => number.to_ascii_uppercase(),
            _ => return Err(ControlError::Which),
        };
        let card = demo.store.card_of_any(&number).await.map_err(|error| {
            tracing::error!(%error, "a card of the demo could not be looked up");
            ControlError::Store
        })?;
        let profile = card.and_then(|card| card.profiles.into_iter().next()).ok_or(ControlError::NoCard)?;
        let account = demo.operator_accounts.iter().find(|own| own.name == profile.operator_account);
        let operator = account.and_then(simulated_operator).ok_or(ControlError::NoCard)?;
        demo.simulator.inject(operator, &profile.iccid, request.add_bytes);
        let used = demo.simulator.usage(operator, &profile.iccid);
        Ok(json!({"iccid": profile.iccid, "operatorAccount": profile.operator_account, "usedBytes": used}))
    };
    answer(&headers, result.await)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClockRequest {
    advance_seconds: u64,
}

pub(super) async fn show_clock(State(demo): State<Arc<DemoState>>, headers: HeaderMap) -> Response {
    answer(&headers, Ok(clock_as_json(&demo.calls.clock)))
}

/// Moves the clock of the whole process: cooldowns, deadlines, packages, the operators' usage.
pub(super) async fn move_clock(
    State(demo): State<Arc<DemoState>>,
    headers: HeaderMap,
    body: Result<Json<ClockRequest>, JsonRejection>,
) -> Response {
    let result = parsed(body).and_then(|request: ClockRequest| match request.advance_seconds {
        seconds @ 1..=ADVANCE_MAX_SECONDS => {
            demo.calls.clock.advance(Duration::from_secs(seconds));
            Ok(clock_as_json(&demo.calls.clock))
        }
        _ => Err(ControlError::Advance),
    });
    answer(&headers, result)
}

fn clock_as_json(clock: &Clock) -> Value {
    json!({"now": clock.now().seconds(), "aheadSeconds": clock.offset().as_secs()})
}
