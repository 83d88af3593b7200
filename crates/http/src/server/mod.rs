//! The listener of the open API: connections, bounded in number and in time, that end gracefully.

mod deadlines;
mod front;
mod tls;

pub use front::Front;
pub use tls::{Tls, TlsFiles};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use deadlines::{Deadlines, Timed};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use simgauge_domain::origin::OverTls;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Most bytes of a request's head.
const HEAD_MAX: usize = 64 * 1024;
/// Pause after an accept that failed for want of something (file handles, memory).
const SHORT_OF: Duration = Duration::from_secs(1);
/// How often it is said that there is no room for another connection.
const SAY_FULL_EVERY: Duration = Duration::from_secs(60);

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// From the first byte of a head (of the first one: from the connection on) to its end.
    pub head: Duration,
    /// From the end of a head to the end of the body, where this does not come with the head.
    pub body: Duration,
    /// From an answer to the next request; also how long a caller may take to take a part of an answer off us.
    pub idle: Duration,
}

/// Serves until stopped and until what was under way then is answered.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    routes: Router,
    limits: Limits,
    stopping: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let accepting = async {
        let mut said = None;
        loop {
            let permit = permit(&room, &mut said).await;
            let (stream, peer) = accept(&listener).await;
            let (tls, routes, stopping) = (tls.clone(), routes.clone(), stopping.clone());
            connections.spawn(async move {
                let _permit = permit;
                match tls {
                    None => connection(stream, peer, None, routes, limits, stopping).await,
                    // Who cannot finish the handshake is gone, and so is its connection.
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(limits.head, tls.acceptor().accept(stream)).await {
                            connection(stream, peer, Some(OverTls), routes, limits, stopping).await;
                        }
                    }
                }
            });
        }
    };
    stopping.run_until_cancelled(accepting).await;
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Room for another connection.
async fn permit(room: &Arc<Semaphore>, said: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
    if room.available_permits() == 0 && said.is_none_or(|said| said.elapsed() >= SAY_FULL_EVERY) {
        tracing::warn!("server.max_connections is reached; new connections wait");
        *said = Some(Instant::now());
    }
    // Never closed, so there is always one.
    Arc::clone(room).acquire_owned().await.ok()
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and written whole; nothing is gained by holding them back.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            // The caller went away before it was its turn.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "connections cannot be accepted; trying again");
                tokio::time::sleep(SHORT_OF).await;
            }
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    over_tls: Option<OverTls>,
    routes: Router,
    limits: Limits,
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
        // Callers that go away or send what is no HTTP are theirs to mend.
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
    tracing::debug!(%peer, "a connection took too long and was closed");
}
