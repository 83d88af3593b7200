//! The HTTP server: from a connection to an operator's answer.

use super::config::{Clock, SimulatorConfig};
use super::control;
use super::faults::Fault;
use super::instance::{Exchange, Instance, Twist};
use super::limits::Arrival;
use super::operators::{self, Op, Problem};
use super::output::{self, HangUp};
use super::stats::Entry;
use super::wire::{Call, Reply, segments};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Copies of operators one simulator makes; a client that invents tags does not fill the memory.
const MOST_INSTANCES: usize = 10_000;
const MOST_BODY: usize = 256 * 1024;

/// What all connections share.
pub(super) struct Shared {
    pub(super) config: SimulatorConfig,
    pub(super) clock: Clock,
    start: UnixMs,
    instances: RwLock<HashMap<String, Arc<Instance>>>,
}

impl Shared {
    pub(super) fn new(config: SimulatorConfig, clock: Clock) -> Self {
        let start = config.growth_since.unwrap_or_else(|| clock());
        Self { config, clock, start, instances: RwLock::default() }
    }

    pub(super) fn now(&self) -> UnixMs {
        (self.clock)()
    }

    /// The operator of that name (`name` or `name@tag`), made on first use.
    pub(super) fn instance(&self, name: &str) -> Option<Arc<Instance>> {
        if let Some(found) = self.instances.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(Arc::clone(found));
        }
        let operator = operators::find(name.split_once('@').map_or(name, |(operator, _)| operator))?;
        let mut instances = self.instances.write().unwrap_or_else(PoisonError::into_inner);
        if instances.len() >= MOST_INSTANCES && !instances.contains_key(name) {
            return None;
        }
        let instance = instances
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Instance::new(name.to_owned(), operator, self.start)));
        Some(Arc::clone(instance))
    }

    /// Every operator used so far, by name.
    pub(super) fn used_instances(&self) -> Vec<Arc<Instance>> {
        let mut all: Vec<_> =
            self.instances.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

/// Accepts connections until told to stop; then closes all of them.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: a short rest lets connections end.
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
    // An error is a connection that broke or was hung up on purpose.
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
        false => to_bytes(Body::new(body), MOST_BODY).await.map_err(|_| HangUp)?,
    };
    let base = instance.operator.base_path();
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

async fn answer(shared: &Shared, instance: &Instance, call: &Call<'_>) -> Result<Response<Body>, HangUp> {
    let operator = instance.operator;
    let op = operator.classify(instance, call);
    let now = shared.now();
    let is_login = op == Op::Login;
    let arrival = if is_login { Arrival::Login } else { Arrival::Call };
    // Under way until this function returns: a caller that waits for the answer never overlaps with itself.
    let admission = instance.gate.arrive(arrival, now);
    let mut wait = admission.violation.as_ref().and_then(|violation| violation.wait);
    let mut note = admission.violation.as_ref().map(|violation| violation.note.clone());
    if let Op::Usage(sim) = &op
        && let Err(per_sim) = instance.ask_about(sim, admission.per_sim.as_ref(), now)
    {
        wait = wait.max(Some(per_sim));
        note.get_or_insert_with(|| format!("too many calls about {sim}"));
    }
    let usage_of = if let Op::Usage(sim) = &op { Some(sim.as_str()) } else { None };
    instance.ledger.enter(&Entry { at: now, login: is_login, usage_of, violation: note.as_deref() });

    if !shared.config.latency.is_zero() {
        tokio::time::sleep(shared.config.latency).await;
    }
    let tell = |reply: Reply| match &admission.budget {
        Some(budget) => operator.tell_budget(reply, budget),
        None => reply,
    };
    if note.is_some() && shared.config.enforce_limits {
        let wait = wait.filter(|_| operator.tells_retry_after());
        let reply = operator.problem(&Problem::RateLimited);
        return Ok(output::plain(tell(match wait {
            Some(wait) => reply.with("retry-after", simgauge_domain::time::whole_seconds_up(wait)),
            None => reply,
        })));
    }

    let hit = instance.faults.hit(is_login, op.sim(), now);
    if !hit.delay.is_zero() {
        tokio::time::sleep(hit.delay).await;
    }
    let twist = Twist {
        wrong_card: hit.fault == Some(Fault::WrongCard),
        unchanged: hit.fault == Some(Fault::Unchanged),
    };
    // After a delay the figure is that of the answer, not of the question.
    let exchange = Exchange { instance, config: &shared.config, call, now: shared.now(), twist };
    let usual = || tell(operator.answer(&exchange, &op));
    let reply = match hit.fault {
        None | Some(Fault::Delay(_) | Fault::WrongCard | Fault::Unchanged) => usual(),
        Some(Fault::Status(status)) => operator.problem(&Problem::Failure(status)),
        Some(Fault::RateLimited { retry_after }) => {
            let reply = tell(operator.problem(&Problem::RateLimited));
            match retry_after {
                Some(seconds) => reply.with("retry-after", seconds),
                None => reply,
            }
        }
        Some(Fault::HangUp) => return Err(HangUp),
        Some(Fault::Nonsense) => Reply::html(200, "Welcome to the portal"),
        Some(Fault::EmptyBody) => Reply::empty(200),
        Some(Fault::AuthExpired) => {
            if let Some(token) = operator.shown_token(call) {
                instance.tokens.forget(&token);
            }
            operator.problem(&Problem::TokenGone)
        }
        Some(Fault::Huge) => return Ok(output::huge()),
        Some(Fault::Trickle) => return Ok(output::trickle(usual())),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Redirect(to)) => Reply::empty(302).with("location", to),
        Some(Fault::MissingUsed) => output::without_used(usual(), operator.used_fields()),
    };
    if !reply.hold.is_zero() {
        tokio::time::sleep(reply.hold).await;
    }
    Ok(output::plain(reply))
}
