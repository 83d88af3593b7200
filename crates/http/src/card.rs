//! The operations on cards of either kind: refresh, read one, list.

use crate::answer::{ApiError, done};
use crate::gate::{self, Caller, Origin};
use crate::router::Operation;
use crate::state::ApiState;
use axum::response::Response;
use simgauge_domain::accept::cooling_until;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_protocol::answer::{CardPage, RefreshAnswer, RefreshState};
use simgauge_protocol::request::{self, ListCards, RefreshUsage};
use simgauge_protocol::{Body, Code};
use simgauge_service::answers;
use simgauge_service::intake::CadenceCall;
use simgauge_service::intake::Known;
use simgauge_service::intake::NotAccepted;
use simgauge_service::intake::Verdict;
use simgauge_service::telemetry::Held;
use simgauge_store::{AcceptCall, AcceptOutcome, Accepted, CardFilter, NewWork};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `refreshUsage`.
#[derive(Clone, Copy)]
pub(super) struct Refresh(pub(super) CardKind);

/// `getCardsInfo`, `get`.
#[derive(Clone, Copy)]
pub(super) struct Get(pub(super) CardKind);

/// `getAllCardInfo`, `list`.
#[derive(Clone, Copy)]
pub(super) struct List(pub(super) CardKind);

impl Operation for Refresh {
    async fn run(
        self,
        state: &ApiState,
        body: &Body<'_>,
        origin: Origin,
        request_id: &str,
    ) -> Result<Response, ApiError> {
        let (caller, fields) = gate::enter(state, body, origin, |body| RefreshUsage::read(body, self.0))?;
        let taken = accept(state, &caller, self.0, fields.number).await?;
        if fields.wait > 0 {
            // In a box: of what a call takes, this would be the largest part, and most calls are not held.
            return Box::pin(hold(state, &caller, self.0, fields, taken, request_id)).await;
        }
        Ok(done(request::success_message(self.0), answer(state, &caller, self.0, taken), request_id))
    }
}

/// A call that was accepted: with the tasks that it made, and with what the caller should change.
struct Taken {
    accepted: Accepted,
    tasks: Vec<NewWork>,
    warning: Option<String>,
}

/// What is answered at once.
fn answer(state: &ApiState, caller: &Caller<'_>, kind: CardKind, taken: Taken) -> RefreshAnswer {
    let Taken { accepted, tasks, warning } = taken;
    let cooldown = state.services.rules.of(kind).cooldown;
    let estimate = |task: &NewWork| {
        state.services.registry.estimate(&task.lane, &caller.account, task.last_read_at, accepted.accepted_at)
    };
    RefreshAnswer {
        refresh_id: accepted.id.to_string(),
        state: answers::state_of(accepted.state),
        accepted_at: accepted.accepted_at.seconds(),
        next_refresh_at: answers::seconds_up(accepted.accepted_at.after(cooldown)),
        estimated_seconds: tasks.iter().map(estimate).max(),
        usage: None,
        refresh: None,
        warning,
    }
}

/// Takes a call to the store.
async fn accept(
    state: &ApiState,
    caller: &Caller<'_>,
    kind: CardKind,
    number: &str,
) -> Result<Taken, ApiError> {
    let now = caller.at;
    let known = state.services.accepter.known(&caller.account, kind, number, &caller.fingerprint);
    // An identical request is answered alike, whatever else is said of its caller.
    let warning = if known == Known::Same { None } else { listen(state, caller, kind, number, now)? };
    if let Known::Other(accepted_at) = known {
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
        sign: caller.sign.to_ascii_uppercase(),
        // The accepter gives the id, in the order in which it commits.
        id: RefreshId::new(now, 0),
    };
    match state.services.accepter.accept(call).await {
        Ok(AcceptOutcome::Accepted { refresh, tasks }) => Ok(Taken { accepted: refresh, tasks, warning }),
        Ok(AcceptOutcome::Same(refresh)) => Ok(Taken { accepted: refresh, tasks: Vec::new(), warning: None }),
        Ok(AcceptOutcome::Cooling { next_at, .. }) => Err(cooling(next_at, now)),
        Ok(AcceptOutcome::NotFound) => Err(ApiError::NoCard),
        Ok(AcceptOutcome::Refused { estimate: Some(estimated_seconds), .. }) => {
            Err(ApiError::LaneBehind { estimated_seconds })
        }
        Ok(AcceptOutcome::Refused { lane, estimate: None }) => {
            tracing::error!(lane, number, "a card's operator account is not configured");
            Err(ApiError::LaneUnknown)
        }
        Err(NotAccepted::QueueFull) => Err(ApiError::Overloaded),
        Err(NotAccepted::Stopping) => Err(ApiError::Stopping),
        Err(NotAccepted::Store) => Err(ApiError::Internal),
    }
}

/// Whether the call comes at a steady beat, as from a program: what to tell the caller, or why it is refused.
fn listen(
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
                format!("该卡片约每 {every} 秒被刷新一次,像是程序定时调用。刷新供用户手动触发,请改用用量查询接口或通知"),
                format!(
                    "this card is refreshed about every {every} s, as by a program; refresh when a person asks for it, and use the read \
                     operations or notifications otherwise"
                ),
            )))
        }
        Verdict::Refuse { span, over_at } => {
            metrics.steady_refused.inc();
            Err(ApiError::SteadyBeat {
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

/// Holds the answer until the refresh ended or the time is up, then adds what is known.
async fn hold(
    state: &ApiState,
    caller: &Caller<'_>,
    kind: CardKind,
    fields: RefreshUsage<'_>,
    taken: Taken,
    request_id: &str,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let id = taken.accepted.id;
    let mut answer = answer(state, caller, kind, taken);
    let patience = Duration::from_secs(fields.wait);
    // A stopping process lets its callers go: the refresh is durable and they can ask for it.
    let stopping = state.stopping.cancelled();
    let waiting = state.services.waiters.wait(&state.services.store, &caller.account, &id, patience);
    let refresh = tokio::select! {
        refresh = waiting => refresh?,
        () = stopping => state.services.store.refresh(&caller.account, &id).await?,
    };
    if let Some(refresh) = refresh {
        answer.state = answers::state_of(refresh.state);
        if answer.state == RefreshState::Succeeded {
            let card = state.services.store.card(&caller.account, kind, fields.number).await?;
            answer.usage = card.and_then(|card| {
                answers::card_usage(&state.services, &card.profiles, state.services.clock.now())
            });
        }
        if refresh.state.is_ended() {
            answer.estimated_seconds = None;
            answer.refresh = Some(answers::refresh_report(refresh, Some(kind), caller.language));
        }
    }
    let mut response = done(request::success_message(kind), answer, request_id);
    response.extensions_mut().insert(Held(began.elapsed()));
    Ok(response)
}

impl Operation for Get {
    async fn run(
        self,
        state: &ApiState,
        body: &Body<'_>,
        origin: Origin,
        request_id: &str,
    ) -> Result<Response, ApiError> {
        let (caller, number) =
            gate::enter_once(state, body, origin, |body| request::card_number(body, self.0))?;
        let card =
            state.services.store.card(&caller.account, self.0, number).await?.ok_or(ApiError::NoCard)?;
        let answer = answers::card_answer(&state.services, card, caller.language);
        Ok(done(Code::Ok.default_message(caller.language), answer, request_id))
    }
}

impl Operation for List {
    async fn run(
        self,
        state: &ApiState,
        body: &Body<'_>,
        origin: Origin,
        request_id: &str,
    ) -> Result<Response, ApiError> {
        let (caller, fields) = gate::enter_once(state, body, origin, |body| ListCards::read(body, self.0))?;
        let filter = CardFilter { status: fields.status.map(str::to_owned), numbers: fields.numbers };
        let offset = (fields.page_num - 1) * fields.page_size;
        // One more than the page, to know whether there is another.
        let mut cards = state
            .services
            .store
            .cards(&caller.account, self.0, &filter, offset, fields.page_size + 1)
            .await?;
        let page_size = usize::try_from(fields.page_size).unwrap_or(usize::MAX);
        let has_more = cards.len() > page_size;
        cards.truncate(page_size);
        let page = CardPage {
            page_num: fields.page_num,
            page_size: fields.page_size,
            has_more,
            list: cards
                .into_iter()
                .map(|card| answers::card_answer(&state.services, card, caller.language))
                .collect(),
        };
        Ok(done(Code::Ok.default_message(caller.language), page, request_id))
    }
}
