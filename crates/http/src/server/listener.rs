//! The listener: accepts connections, as many as its limits allow, until the process stops.

use super::connection::serve_connection;
use super::limits::ConnectionLimits;
use super::tls::Tls;
use axum::Router;
use simgauge_domain::origin::OverTls;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The pause after an accept that failed because something ran out (file handles, memory).
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The least time between two log lines that say that the limit of connections is reached.
const FULL_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Serves until the process stops and every request that came before is answered.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    routes: Router,
    limits: ConnectionLimits,
    stopping: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let accepting = async {
        let mut full_logged_at = None;
        loop {
            let permit = permit(&permits, &mut full_logged_at).await;
            let (stream, peer) = accept(&listener).await;
            let (tls, routes, stopping) = (tls.clone(), routes.clone(), stopping.clone());
            connections.spawn(async move {
                let _permit = permit;
                match tls {
                    None => serve_connection(stream, peer, None, routes, limits, stopping).await,
                    // A connection without a complete handshake is dropped.
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(limits.head, tls.acceptor().accept(stream)).await {
                            serve_connection(stream, peer, Some(OverTls), routes, limits, stopping).await;
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

/// Waits until there may be another connection.
async fn permit(permits: &Arc<Semaphore>, logged_at: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
    let logged_lately = logged_at.is_some_and(|at| at.elapsed() < FULL_LOG_INTERVAL);
    if permits.available_permits() == 0 && !logged_lately {
        tracing::warn!("server.max_connections is reached; new connections wait");
        *logged_at = Some(Instant::now());
    }
    // The semaphore is never closed, so there is always a permit.
    Arc::clone(permits).acquire_owned().await.ok()
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and written whole, so delaying them (Nagle's algorithm) gains nothing.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            // The caller went away before it was accepted.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "connections cannot be accepted; trying again");
                tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
            }
        }
    }
}
