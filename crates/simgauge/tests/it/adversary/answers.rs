//! Texts that something might run, in an operator's answers.

use super::injection::is_clear;
use super::marks::texts;
use super::pages_input::{every_list_is_safe, is_harmless};
use super::target::{Kind, TIMEOUT, Target};
use crate::console::browser::{Browser, PASSWORD};
use crate::support::{ICCID, row};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::response::IntoResponse as _;
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;
use tokio::net::TcpListener;

/// An operator that answers with each text in each place, its status line and its codes included.
#[derive(Clone)]
struct Operator(Arc<Vec<String>>);

const PLACES: usize = 6;

impl Operator {
    async fn start() -> String {
        let operator = Self(Arc::new(texts()));
        let router = Router::new()
            .route("/rws/api/v1/devices/{iccid}/ctdUsages", axum::routing::get(Self::answer))
            .with_state(operator);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }

    async fn answer(State(Self(texts)): State<Self>, Path(iccid): Path<String>) -> axum::response::Response {
        let n: usize = iccid[14..].parse().unwrap();
        let (text, place) = (texts[n / PLACES].clone(), n % PLACES);
        let good = json!({ "iccid": iccid, "ctdDataUsage": 5, "status": "ACTIVATED" });
        let with = |name: &str| {
            let mut answer = good.clone();
            answer[name] = json!(text);
            answer
        };
        match place {
            0 => axum::Json(with("status")).into_response(),
            1 => axum::Json(with("ctdDataUsage")).into_response(),
            2 => axum::Json(with("iccid")).into_response(),
            3 => axum::Json(json!({ "errorCode": text, "errorMessage": text })).into_response(),
            4 => {
                // Not 429: the lane would pause each time.
                let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
                // A number is honoured: the lane would pause for as long.
                let is_number = text.trim().parse::<f64>().is_ok();
                let retry = HeaderValue::from_bytes(text.as_bytes()).ok().filter(|_| !is_number);
                let retry = retry.unwrap_or(HeaderValue::from_static("x"));
                (status, [("retry-after", retry)], text).into_response()
            }
            _ => text.into_response(),
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_in_an_operators_answers(#[values(Kind::Json, Kind::Postgres)] kind: Kind) {
    let url = Operator::start().await;
    let mut target = Target::start(kind, Some(url)).await;
    let texts = texts();
    let mut rows = Vec::new();
    for n in 0..texts.len() * PLACES {
        let number = format!("89860000000005{n:05}");
        rows.push(row(&number, &number, "acme"));
    }
    crate::support::import(&target.store, &rows).await;
    let mut ann = Browser::of(&target.server, "ann").await;
    let mut ids = Vec::new();
    for row in &rows {
        ids.push(target.server.refresh_sim(&row.number).await.refresh_id());
    }
    for (n, (row, id)) in rows.iter().zip(&ids).enumerate() {
        let text = &texts[n / PLACES];
        let report = target.server.ended(id, TIMEOUT).await.to_string();
        // A short code may be quoted, and nothing else of it.
        let is_code =
            text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        assert!(
            is_code || n % PLACES == 0 || !report.contains(&json!(text).to_string()),
            "{n}: {text:?} {report}"
        );
        if n % PLACES == 0 || n % PLACES == 3 {
            is_harmless(&ann.get(&format!("/console/cards/{}", row.number)).await, text, "card");
            is_clear(&target.server.card(&row.number).await, text);
        }
        target.inputs += 1;
    }
    every_list_is_safe(&mut ann).await;
    let used = ann.get(&format!("/console/cards/{ICCID}")).await;
    assert!(!used.text.contains(PASSWORD));
    target.unharmed(kind).await;
}
