//! The demo's own routes: a page about its test cards, usage by hand, and the clock. Only the demo adds them
//! to the server.

use super::call::SignedCalls;
use super::cards::{EID, ICCID, MORE_CARDS, TEST_CARDS, ordinary};
use super::operators::simulated_operator;
use super::{DEMO, SECRET};
use crate::config::OperatorAccountConfig;
use askama::Template;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use simgauge_http::asked_language;
use simgauge_operators::simulator::Simulator;
use simgauge_protocol::{Code, Envelope, Language};
use simgauge_service::clock::Clock;
use simgauge_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// Nothing but the page itself and its style sheet.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The farthest a clock is moved at once: a year.
const ADVANCE_MAX_SECONDS: u64 = 366 * 86_400;

/// What the demo's routes work with.
pub struct DemoRoutes {
    /// Makes the lines to paste.
    pub calls: SignedCalls,
    /// The operators.
    pub simulator: Simulator,
    /// Where cards are looked up.
    pub store: Store,
    /// The logins at the simulated operators.
    pub operator_accounts: Vec<OperatorAccountConfig>,
    /// How long attempts are made.
    pub deadline: Duration,
    /// Whether the clock may be moved.
    pub time_travel: bool,
    /// Whether the server has its pages about the API.
    pub docs: bool,
}

/// The routes.
pub fn routes(demo: DemoRoutes) -> Router {
    let mut routes = Router::new()
        .route("/demo", get(page))
        .route("/demo/demo.css", get(style))
        .route("/demo/usage", post(add_usage));
    if demo.time_travel {
        routes = routes.route("/demo/clock", get(tell_clock).post(move_clock));
    }
    routes.with_state(Arc::new(demo))
}

#[derive(Deserialize)]
struct PageQuery {
    lang: Option<String>,
}

#[derive(Template)]
#[template(path = "demo/page.html")]
struct Page {
    language: Language,
    first_ordinary: String,
    environment: String,
    cards: Vec<CardLines>,
    refresh_esim: String,
    add_usage: String,
    advance: Option<String>,
    deadline: u64,
    docs: bool,
}

struct CardLines {
    iccid: &'static str,
    name: &'static str,
    story: &'static str,
    end: String,
    takes: String,
    refresh: String,
    look: String,
}

impl Page {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.language.pick(zh, en)
    }
}

async fn page(
    State(demo): State<Arc<DemoRoutes>>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Response {
    let chosen = query.lang.as_deref().and_then(Language::parse);
    let language = chosen.or_else(|| asked_language(&headers)).unwrap_or_default();
    let lines = |iccid: &str| {
        let calls = &demo.calls;
        (calls.curl("card/refreshUsage", "iccid", iccid), calls.curl("card/getCardsInfo", "iccid", iccid))
    };
    let test_cards = TEST_CARDS.iter().map(|card| {
        let (refresh, look) = lines(card.iccid);
        CardLines {
            iccid: card.iccid,
            name: card.name,
            story: card.story(language),
            end: card.end.text(),
            takes: card.takes.text(demo.deadline, language),
            refresh,
            look,
        }
    });
    let page = Page {
        language,
        first_ordinary: ordinary(0),
        environment: demo.calls.environment(),
        cards: test_cards.collect(),
        refresh_esim: demo.calls.curl("cloudesim/refreshUsage", "eid", EID),
        add_usage: demo.calls.add_usage(ICCID),
        advance: demo.time_travel.then(|| demo.calls.advance()),
        deadline: demo.deadline.as_secs(),
        docs: demo.docs,
    };
    match page.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "no-referrer"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, Html(html)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the demo's page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/demo/demo.css"))
        .into_response()
}

/// Why an order to the demo was not carried out.
#[derive(Debug, thiserror::Error)]
enum OrderError {
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

impl OrderError {
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

fn answer(headers: &HeaderMap, result: Result<Value, OrderError>) -> Response {
    match result {
        Ok(data) => Json(Envelope::new(Code::Ok, "success", Some(data))).into_response(),
        Err(error) => error.answer(headers),
    }
}

/// The JSON of an order, refused unless it says that it is JSON: a web page cannot send that here unasked.
fn order<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, OrderError> {
    body.map(|Json(order)| order).map_err(|error| OrderError::Body(error.body_text()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UsageOrder {
    iccid: Option<String>,
    eid: Option<String>,
    add_bytes: u64,
}

/// Uses up bytes of a card at its operator; nobody knows of it before the next refresh.
async fn add_usage(
    State(demo): State<Arc<DemoRoutes>>,
    headers: HeaderMap,
    body: Result<Json<UsageOrder>, JsonRejection>,
) -> Response {
    let result = async {
        let order = order(body)?;
        let number = match (order.iccid, order.eid) {
            (Some(number), None) | (None, Some(number)) => number.to_ascii_uppercase(),
            _ => return Err(OrderError::Which),
        };
        let card = demo.store.card_of_any(&number).await.map_err(|error| {
            tracing::error!(%error, "a card of the demo could not be looked up");
            OrderError::Store
        })?;
        let profile = card.and_then(|card| card.profiles.into_iter().next()).ok_or(OrderError::NoCard)?;
        let account = demo.operator_accounts.iter().find(|own| own.name == profile.operator_account);
        let operator = account.and_then(simulated_operator).ok_or(OrderError::NoCard)?;
        demo.simulator.inject(operator, &profile.iccid, order.add_bytes);
        let used = demo.simulator.usage(operator, &profile.iccid);
        Ok(json!({"iccid": profile.iccid, "operatorAccount": profile.operator_account, "usedBytes": used}))
    };
    answer(&headers, result.await)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockOrder {
    advance_seconds: u64,
}

async fn tell_clock(State(demo): State<Arc<DemoRoutes>>, headers: HeaderMap) -> Response {
    answer(&headers, Ok(clock_as_json(&demo.calls.clock)))
}

/// Moves the clock of everything in this process: cooldowns, deadlines, packages, the operators' usage.
async fn move_clock(
    State(demo): State<Arc<DemoRoutes>>,
    headers: HeaderMap,
    body: Result<Json<ClockOrder>, JsonRejection>,
) -> Response {
    let result = order(body).and_then(|order| match order.advance_seconds {
        seconds @ 1..=ADVANCE_MAX_SECONDS => {
            demo.calls.clock.advance(Duration::from_secs(seconds));
            Ok(clock_as_json(&demo.calls.clock))
        }
        _ => Err(OrderError::Advance),
    });
    answer(&headers, result)
}

fn clock_as_json(clock: &Clock) -> Value {
    json!({"now": clock.now().seconds(), "aheadSeconds": clock.offset().as_secs()})
}
