//! One connection: its requests are handed to the routes, and it ends gracefully or at its deadline.

use super::deadlines::{Deadlines, Timed};
use super::limits::ConnectionLimits;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use simgauge_domain::origin::OverTls;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// The longest head of a request, in bytes.
const HEAD_MAX: usize = 64 * 1024;

/// Serves a connection until it ends, its deadline passes, or the process stops and its last request is
/// answered.
pub(super) async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    over_tls: Option<OverTls>,
    routes: Router,
    limits: ConnectionLimits,
    stopping: CancellationToken,
) {
    let deadlines = Arc::new(Deadlines::begin(limits));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        deadlines.head_ended();
        if request.body().is_end_stream() {
            deadlines.body_ended();
        }
        let mut request: Request = request.map(|body| Body::new(Timed::new(body, &deadlines)));
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(over_tls) = over_tls {
            request.extensions_mut().insert(over_tls);
        }
        let (routes, deadlines) = (routes.clone(), Arc::clone(&deadlines));
        async move {
            let response = routes.oneshot(request).await;
            deadlines.answered();
            response
        }
    });
    let io = TokioIo::new(Timed::new(stream, &deadlines));
    let mut connection = pin!(http1::Builder::new().max_buf_size(HEAD_MAX).serve_connection(io, service));
    let overdue = tokio::select! {
        biased;
        // A caller that goes away or does not send HTTP is not our error.
        _ = connection.as_mut() => return,
        () = deadlines.passed() => true,
        () = stopping.cancelled() => false,
    };
    if !overdue {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection.as_mut() => return,
            () = deadlines.passed() => {}
        }
    }
    tracing::debug!(%peer, "a connection was too slow and was closed");
}
