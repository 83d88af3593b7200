//! The bare handler: an axum server with the same settings as simgauge's own. It parses the same bodies,
//! verifies the same signs and answers with as many bytes, and does nothing else. It has no store, no cards
//! and no clock.

use crate::cards::APPKEY;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::request::{Caller, RefreshUsage};
use simgauge_protocol::sign::{self, Scope};
use simgauge_protocol::{Body, FieldError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;

/// As long as simgauge's answer to an accepted refresh.
const DONE: &[u8] = concat!(
    r#"{"code":"200","message":"操作成功","data":{"refreshId":"01kapb0a5q3m8v7c2w9x4n6y1z","state":"queued","#,
    r#""acceptedAt":1764000000,"nextRefreshAt":1764000300,"estimatedSeconds":100000}}"#
)
.as_bytes();
const REFUSED: &[u8] = r#"{"code":"401","message":"wrong sign"}"#.as_bytes();

struct Bare {
    secret: String,
    verified: AtomicU64,
}

/// Serves until it is killed.
pub(crate) fn serve(listen: SocketAddr, secret: String) -> anyhow::Result<()> {
    // As in simgauge, except for its event interval, which serves background threads that this server does
    // not have.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let bare = Arc::new(Bare { secret, verified: AtomicU64::new(0) });
        let routes = Router::new()
            .route("/api/v3/card/refreshUsage", post(refresh))
            .layer(DefaultBodyLimit::max(16 * 1024))
            .route("/readyz", get(|| async { "ready\n" }))
            .route("/verified", get(verified_so_far))
            .with_state(bare);
        Ok(axum::serve(TcpListener::bind(listen).await?, routes).await?)
    })
}

async fn refresh(State(bare): State<Arc<Bare>>, body: Bytes) -> Response {
    let good = is_good(&body, &bare.secret).unwrap_or(false);
    if good {
        bare.verified.fetch_add(1, Ordering::Relaxed);
    }
    let mut response = Bytes::from_static(if good { DONE } else { REFUSED }).into_response();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn is_good(bytes: &[u8], secret: &str) -> Result<bool, FieldError> {
    let body = Body::parse(bytes)?;
    let caller = Caller::read(&body)?;
    RefreshUsage::read(&body, CardKind::Sim)?;
    Ok(caller.appkey == APPKEY && sign::verify(&body, Scope::Request, secret, caller.sign))
}

async fn verified_so_far(State(bare): State<Arc<Bare>>) -> String {
    bare.verified.load(Ordering::Relaxed).to_string()
}
