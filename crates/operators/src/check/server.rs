//! A small HTTP server that expects one request after the other and gives prepared answers.

use super::case::Exchange;
use super::request_differences;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// A definition's request body is far smaller than this.
const MAX_BODY_BYTES: usize = 1024 * 1024;

#[derive(Debug, Default)]
struct Expected {
    exchanges: VecDeque<Exchange>,
    differences: Vec<String>,
}

type Shared = Arc<Mutex<Expected>>;

pub(super) struct FixtureServer {
    address: SocketAddr,
    expected: Shared,
    task: JoinHandle<()>,
}

impl FixtureServer {
    pub(super) async fn start(exchanges: Vec<Exchange>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let expected: Shared =
            Arc::new(Mutex::new(Expected { exchanges: exchanges.into(), differences: Vec::new() }));
        let task = tokio::spawn(serve(listener, Arc::clone(&expected)));
        Ok(Self { address, expected, task })
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the server. Returns what differed from the expected exchanges.
    pub(super) async fn finish(self) -> Vec<String> {
        self.task.abort();
        let mut expected = lock(&self.expected);
        let left = expected.exchanges.len();
        if left > 0 {
            expected.differences.push(format!("{left} expected request(s) were never sent"));
        }
        std::mem::take(&mut expected.differences)
    }
}

/// Serves until the task is aborted. The connections end with it.
async fn serve(listener: TcpListener, expected: Shared) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let expected = Arc::clone(&expected);
                let service = service_fn(move |request| answer(Arc::clone(&expected), request));
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            Err(error) => {
                tracing::error!(%error, "the fixture server stopped");
                return;
            }
        }
    }
}

fn lock(expected: &Mutex<Expected>) -> MutexGuard<'_, Expected> {
    expected.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(expected: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let mut expected = lock(&expected);
    let body = match body {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            expected.differences.push(format!("a request's body could not be read: {error}"));
            return Ok(plain(StatusCode::IM_A_TEAPOT));
        }
    };
    let Some(exchange) = expected.exchanges.pop_front() else {
        let extra = format!("one request more than expected: {} {}", head.method, head.uri.path());
        expected.differences.push(extra);
        return Ok(plain(StatusCode::IM_A_TEAPOT));
    };
    if let Some(wanted) = &exchange.request {
        expected.differences.extend(request_differences::of(wanted, &head, &body));
    }
    let mut response = Response::builder().status(exchange.answer.status);
    for (name, value) in &exchange.answer.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(exchange.answer.body)).unwrap_or_else(|_| {
        expected.differences.push("the fixture's answer cannot be sent".into());
        plain(StatusCode::IM_A_TEAPOT)
    }))
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
