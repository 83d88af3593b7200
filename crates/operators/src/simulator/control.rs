//! Control over HTTP, for people and other processes.

use super::server::Shared;
use axum::body::Body;
use http::{Request, Response};

use super::output;
use super::wire::Reply;
use serde_json::json;
use std::sync::Arc;

pub(super) async fn handle(_shared: &Arc<Shared>, _request: Request<Body>) -> Response<Body> {
    output::plain(Reply::ok(&json!({"name": "simgauge operator simulator"})))
}

pub(super) fn no_such_operator(name: &str) -> Response<Body> {
    output::plain(Reply::json(404, &json!({"error": format!("no operator {name:?} here; see /_sim")})))
}
