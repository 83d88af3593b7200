//! The HTTP server: from a connection to an operator's answer.

use crate::control;
use crate::exchange::{Exchange, UsageFaults};
use crate::faults::Fault;
use crate::instance::Instance;
use crate::ledger::Entry;
use crate::limits::{Admission, Arrival};
use crate::operation::{Operation, Problem};
use crate::output::{self, HangUp};
use crate::shared::Shared;
use crate::wire::{Call, Reply, segments};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const MAX_BODY_BYTES: usize = 256 * 1024;

/// Accepts connections until `stop` changes. Then closes all of them.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                Err(error) => {
                    // Mostly out of file descriptors. A short pause lets connections end.
                    tracing::warn!(%error, "operator simulator cannot accept");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| handle(Arc::clone(&shared), request));
    // An error is a connection that broke, or that was closed on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, HangUp> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let mut below = segments(path);
    let prefix = if below.is_empty() { "_sim".into() } else { below.remove(0) };
    if prefix == "_sim" {
        return Ok(control::handle(&shared, Request::from_parts(parts, Body::new(body))).await);
    }
    let Some(instance) = shared.instance(&prefix) else {
        return Ok(control::no_such_operator(&prefix));
    };
    let body = match body.is_end_stream() {
        true => Bytes::new(),
        false => to_bytes(Body::new(body), MAX_BODY_BYTES).await.map_err(|_| HangUp)?,
    };
    let base = instance.operator.base_path;
    if !base.is_empty() && below.len() >= base.len() && below.iter().zip(base).all(|(a, b)| a == b) {
        below.drain(..base.len());
    }
    let call = Call {
        method: &parts.method,
        segments: below,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    };
    answer(&shared, &instance, &call).await
}

/// A call that was counted: what it was admitted with, and which limit it broke.
struct Arrived {
    admission: Admission,
    /// The limit that it broke.
    violation: Option<String>,
    /// How long the caller should wait after a violation.
    wait: Option<Duration>,
}

/// Counts a call on arrival.
fn arrive(instance: &Instance, operation: &Operation, now: UnixMs) -> Arrived {
    let state = &instance.state;
    let login = *operation == Operation::Login;
    let admission = state.gate.arrive(if login { Arrival::Login } else { Arrival::Call }, now);
    let mut wait = admission.violation.as_ref().and_then(|violation| violation.wait);
    let mut violation = admission.violation.as_ref().map(|violation| violation.note.clone());
    let usage_of = operation.usage_sims();
    for sim in usage_of.unwrap_or_default() {
        if let Err(per_sim) = state.count_call(sim, admission.per_sim.as_ref(), now) {
            wait = wait.max(Some(per_sim));
            violation.get_or_insert_with(|| format!("too many calls about {sim}"));
        }
    }
    state.ledger.enter(&Entry { at: now, login, usage_of, violation: violation.as_deref() });
    Arrived { admission, violation, wait }
}

async fn answer(shared: &Shared, instance: &Instance, call: &Call<'_>) -> Result<Response<Body>, HangUp> {
    let Instance { operator, state, .. } = instance;
    let path: Vec<&str> = call.segments.iter().map(AsRef::as_ref).collect();
    let operation = (operator.operation)(state, call, (call.method.as_str(), &path));
    let now = shared.now();
    // The call is in progress until this function returns, so a caller that waits for the answer never
    // overlaps with itself.
    let arrived = arrive(instance, &operation, now);
    if !shared.config.latency.is_zero() {
        tokio::time::sleep(shared.config.latency).await;
    }
    let with_budget = |reply: Reply| (operator.with_budget)(reply, &arrived.admission.budgets);
    if arrived.violation.is_some() && shared.config.enforce_limits {
        let wait = arrived.wait.filter(|_| operator.tells_retry_after).map(whole_seconds_up);
        return Ok(output::plain(with_budget(rate_limited(instance, wait))));
    }
    let found = state.faults.for_call(operation == Operation::Login, operation.sim(), now);
    if !found.delay.is_zero() {
        tokio::time::sleep(found.delay).await;
    }
    let faults = UsageFaults {
        wrong_card: found.fault == Some(Fault::WrongCard),
        unchanged: found.fault == Some(Fault::Unchanged),
        by_sim: matches!(&operation, Operation::UsageOfMany(sims) if sims.len() != 1),
    };
    // After a delay the usage is that of the answer, not of the question.
    let exchange = Exchange { state, config: &shared.config, call, now: shared.now(), faults };
    let usual = || {
        let reply = match operation {
            Operation::Login => (operator.log_in)(&exchange),
            _ => (operator.answer)(&exchange, &operation),
        };
        with_budget(reply.unwrap_or_else(|problem| (operator.problem)(problem)))
    };
    let reply = match found.fault {
        None | Some(Fault::Delay(_) | Fault::WrongCard | Fault::Unchanged) => usual(),
        Some(Fault::RateLimited { retry_after }) => with_budget(rate_limited(instance, retry_after)),
        Some(Fault::Trickle) => return Ok(output::trickle(usual())),
        Some(Fault::MissingUsed) => output::without_used(usual(), operator.used_fields),
        Some(Fault::Huge) => return Ok(output::huge()),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::HangUp) => return Err(HangUp),
        Some(Fault::Status(status)) => (operator.problem)(Problem::Failure(status)),
        Some(Fault::Nonsense) => Reply::html(200, "Welcome to the portal"),
        Some(Fault::EmptyBody) => Reply::empty(200),
        Some(Fault::AuthExpired) => {
            if let Some(token) = (operator.shown_token)(call) {
                state.tokens.forget(&token);
            }
            (operator.problem)(Problem::TokenGone)
        }
        Some(Fault::Redirect(to)) => Reply::empty(302).with("location", to),
    };
    if !reply.hold.is_zero() {
        tokio::time::sleep(reply.hold).await;
    }
    Ok(output::plain(reply))
}

fn rate_limited(instance: &Instance, retry_after: Option<u64>) -> Reply {
    let reply = (instance.operator.problem)(Problem::RateLimited);
    match retry_after {
        Some(seconds) => reply.with("retry-after", seconds),
        None => reply,
    }
}
