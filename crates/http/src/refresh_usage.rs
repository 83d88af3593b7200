//! `refreshUsage` of either kind of card: accepts a refresh, and with `wait` holds the answer until it has
//! ended.

use crate::answer::{ApiError, done};
use crate::gate::{self, Call, Caller};
use crate::operation::Operation;
use crate::poll::poll;
use crate::state::ApiState;
use axum::response::Response;
use simgauge_domain::accept::cooling_until;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_protocol::answer::{RefreshAnswer, RefreshState};
use simgauge_protocol::request::{self, RefreshUsage as RefreshFields};
use simgauge_service::answers;
use simgauge_service::intake::{CadenceCall, Known, NotAccepted, Verdict};
use simgauge_service::telemetry::Held;
use simgauge_store::{AcceptCall, AcceptOutcome, Accepted, NewWork};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `refreshUsage`.
#[derive(Clone, Copy)]
pub(super) struct RefreshUsage(pub(super) CardKind);

impl Operation for RefreshUsage {
    async fn run(self, state: &ApiState, call: &Call<'_>) -> Result<Response, ApiError> {
        let (caller, fields) = gate::enter(state, call, |body| RefreshFields::read(body, self.0))?;
        let accepted_call = accept(state, &caller, self.0, &fields.number).await?;
        if fields.wait > 0 || accepted_call.is_repeated {
            // In a box: it would be the largest part of every call's future, and most calls neither wait nor
            // are repeated.
            return Box::pin(hold(state, &caller, self.0, fields, accepted_call, call.request_id)).await;
        }
        Ok(done(
            request::success_message(self.0),
            answer(state, &caller, self.0, accepted_call, &[]),
            call.request_id,
        ))
    }
}

/// An accepted refresh with the tasks that it created, and a warning for the caller.
struct AcceptedCall {
    accepted: Accepted,
    tasks: Vec<NewWork>,
    /// Whether an identical request had it accepted. (A field, since a look at the tasks would keep them in
    /// every call's future.)
    is_repeated: bool,
    warning: Option<String>,
}

/// The answer right after the refresh was accepted. `lanes` are the operator accounts of a refresh that an
/// identical request had accepted; the tasks of a new one name their own.
fn answer(
    state: &ApiState,
    caller: &Caller<'_>,
    kind: CardKind,
    accepted_call: AcceptedCall,
    lanes: &[String],
) -> RefreshAnswer {
    let AcceptedCall { accepted, tasks, warning, .. } = accepted_call;
    let cooldown = state.services.rules.of(kind).cooldown;
    let estimate = |task: &NewWork| {
        state.services.registry.estimate(&task.lane, &caller.account, task.last_read_at, accepted.accepted_at)
    };
    // As long as the slowest takes; nothing where of one nobody knows.
    let estimates = tasks.iter().map(estimate).collect::<Option<Vec<u64>>>();
    let lanes = lanes.iter().map(String::as_str).chain(tasks.iter().map(|task| &*task.lane));
    let operator = answers::operator_answer(&state.services, lanes);
    let estimated_seconds = estimates.and_then(|all| all.into_iter().max());
    let is_open = !accepted.state.is_ended();
    RefreshAnswer {
        refresh_id: accepted.id.to_string(),
        state: answers::state_of(accepted.state),
        accepted_at: accepted.accepted_at.seconds(),
        next_refresh_at: answers::seconds_up(accepted.accepted_at.after(cooldown)),
        estimated_seconds,
        operator,
        poll: is_open.then(|| poll(state, accepted.accepted_at, estimated_seconds)),
        usage: None,
        refresh: None,
        warning,
    }
}

/// Has the refresh accepted, or says why it is not.
async fn accept(
    state: &ApiState,
    caller: &Caller<'_>,
    kind: CardKind,
    number: &str,
) -> Result<AcceptedCall, ApiError> {
    let now = caller.at;
    let known = state.services.accepter.known(&caller.account, kind, number, &caller.fingerprint);
    // An identical request gets the same answer, whatever its caller's cadence is.
    // Somebody else may have sent a sign that a read operation used, so it says nothing about the cadence.
    let sign_was_used = state.replay.is_used(&caller.fingerprint);
    let is_beat = known != Known::Same && !sign_was_used;
    let warning = if is_beat { check_cadence(state, caller, kind, number, now)? } else { None };
    if let Known::Other(accepted_at) = known
        && !sign_was_used
        // A time in the future is from a clock that was ahead. The store puts it right.
        && accepted_at <= now
    {
        let cooldown = state.services.rules.of(kind).cooldown;
        if let Some(next_at) = cooling_until(accepted_at, now, cooldown) {
            state.services.telemetry.metrics.refused_from_memory.inc();
            return Err(cooling(next_at, now));
        }
    }
    let call = AcceptCall {
        account: Arc::clone(&caller.account),
        appkey: Arc::clone(&caller.appkey),
        kind,
        number: number.to_owned(),
        is_exact: false,
        sign: caller.sign.to_ascii_uppercase(),
        sign_was_used,
        // The accepter sets the rest of the id, in the order in which it commits.
        id: RefreshId::new(now, 0),
    };
    match state.services.accepter.accept(call).await {
        Ok(AcceptOutcome::Accepted { refresh, tasks }) => {
            Ok(AcceptedCall { accepted: refresh, tasks, is_repeated: false, warning })
        }
        Ok(AcceptOutcome::Same(refresh)) => {
            Ok(AcceptedCall { accepted: refresh, tasks: Vec::new(), is_repeated: true, warning: None })
        }
        Ok(AcceptOutcome::Cooling { next_at, .. }) => Err(cooling(next_at, state.services.clock.now())),
        Ok(AcceptOutcome::SignUsed) => Err(ApiError::Repeated),
        Ok(AcceptOutcome::NotFound) => Err(ApiError::NoCard),
        Ok(AcceptOutcome::Ambiguous(ambiguous)) => Err(ApiError::AmbiguousNumber(ambiguous)),
        Ok(AcceptOutcome::Refused { behind: Some(behind), .. }) => {
            Err(ApiError::LaneBehind { behind, now: caller.at })
        }
        Ok(AcceptOutcome::Refused { lane, behind: None }) => {
            tracing::error!(lane, number, "a card's operator account is not configured");
            Err(ApiError::LaneUnknown)
        }
        Err(NotAccepted::QueueFull | NotAccepted::Untrusted) => Err(ApiError::Overloaded),
        Err(NotAccepted::Stopping) => Err(ApiError::Stopping),
        Err(NotAccepted::Store) => Err(ApiError::Internal),
    }
}

/// Checks whether a program refreshes the card: a warning for the caller, or why the call is refused.
fn check_cadence(
    state: &ApiState,
    caller: &Caller<'_>,
    kind: CardKind,
    number: &str,
    at: UnixMs,
) -> Result<Option<String>, ApiError> {
    let verdict = state.services.cadence.observe(CadenceCall { appkey: &caller.appkey, kind, number, at });
    let metrics = &state.services.telemetry.metrics;
    match verdict {
        Verdict::Good => Ok(None),
        Verdict::Warn { span } => {
            metrics.steady_warned.inc();
            let every = span.as_secs();
            Ok(Some(caller.language.pick(
                format!(
                    "该卡片约每 {every} 秒被刷新一次,像是程序定时调用。刷新供用户手动触发,请改用用量查询接口或通知"
                ),
                format!(
                    "this card is refreshed about every {every} s, as by a program; refresh when a person \
                     asks for it, and use the read operations or notifications otherwise"
                ),
            )))
        }
        Verdict::Refuse { span, over_at } => {
            metrics.steady_refused.inc();
            Err(ApiError::SteadyCadence {
                every_seconds: span.as_secs(),
                retry_after_seconds: whole_seconds_up(over_at.since(at)).max(1),
            })
        }
    }
}

fn cooling(next_at: UnixMs, now: UnixMs) -> ApiError {
    ApiError::Cooling {
        retry_after_seconds: whole_seconds_up(next_at.since(now)).max(1),
        next_refresh_at: answers::seconds_up(next_at),
    }
}

/// Holds the answer until the refresh has ended or the time is up, then adds the result. Without a time to
/// wait it answers at once.
async fn hold(
    state: &ApiState,
    caller: &Caller<'_>,
    kind: CardKind,
    fields: RefreshFields<'_>,
    accepted_call: AcceptedCall,
    request_id: &str,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let id = accepted_call.accepted.id;
    let lanes = match accepted_call.is_repeated {
        true => state.services.store.lanes_of_refresh(&id).await?,
        false => Vec::new(),
    };
    let mut answer = answer(state, caller, kind, accepted_call, &lanes);
    // Without a place for it the answer is not held. Its caller can read the refresh later.
    let place = (fields.wait > 0).then(|| state.held_answers.enter(&caller.account)).flatten();
    let Some(_place) = place else {
        return Ok(done(request::success_message(kind), answer, request_id));
    };
    let longest = Duration::from_secs(fields.wait);
    // A stopping process answers at once. The refresh is durable, and its caller can read it later.
    let stopping = state.stopping.cancelled();
    let waiting = state.services.waiters.wait(&state.services.store, &caller.account, &id, longest);
    let refresh = tokio::select! {
        refresh = waiting => refresh?,
        () = stopping => state.services.store.refresh(&caller.account, &id).await?,
    };
    if let Some(refresh) = refresh {
        if let Some(known) = &mut answer.operator
            && !refresh.state.is_ended()
        {
            // What was learned of the operator meanwhile.
            let lanes = state.services.store.lanes_of_refresh(&id).await?;
            if let Some(now) = answers::operator_answer(&state.services, lanes.iter().map(String::as_str)) {
                if now.state != known.state {
                    answer.estimated_seconds = None;
                }
                *known = now;
            }
        }
        answer.state = answers::state_of(refresh.state);
        let is_open = !refresh.state.is_ended();
        answer.poll = is_open.then(|| poll(state, refresh.accepted_at, answer.estimated_seconds));
        if answer.state == RefreshState::Succeeded {
            let card = state.services.store.card(&caller.account, kind, &fields.number).await?;
            answer.usage = card.and_then(|card| {
                answers::card_usage(&state.services, &card.profiles, state.services.clock.now())
            });
        }
        if refresh.state.is_ended() {
            answer.estimated_seconds = None;
            let report = answers::refresh_report(refresh, Some(kind), caller.language);
            answer.refresh = Some(report);
        }
    }
    let mut response = done(request::success_message(kind), answer, request_id);
    response.extensions_mut().insert(Held(began.elapsed()));
    Ok(response)
}
