//! The page about the test cards, with commands to copy.

use super::names::{DEMO, EID, ICCID, MORE_CARDS, SECRET, ordinary_iccid};
use super::state::DemoState;
use super::test_cards::TEST_CARDS;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;
use simgauge_http::asked_language;
use simgauge_protocol::Language;
use std::sync::Arc;

/// Content policy: the page itself and its style sheet, nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Deserialize)]
pub(super) struct PageQuery {
    lang: Option<String>,
}

#[derive(Template)]
#[template(path = "demo/page.html")]
struct Page {
    language: Language,
    first_ordinary: String,
    environment: String,
    cards: Vec<CardRow>,
    refresh_esim: String,
    add_usage: String,
    advance: Option<String>,
    deadline: u64,
    docs: bool,
}

struct CardRow {
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

pub(super) async fn page(
    State(demo): State<Arc<DemoState>>,
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
        CardRow {
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
        first_ordinary: ordinary_iccid(0),
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
            tracing::error!(%error, "the demo's page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/demo/demo.css"))
        .into_response()
}
