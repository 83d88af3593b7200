//! `/api/v3/refresh/get`: the state of a refresh.

use crate::answer::{ApiError, done};
use crate::gate::{self, Call, Caller};
use crate::operation::Operation;
use crate::poll::poll;
use crate::state::ApiState;
use axum::response::Response;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_protocol::answer::RefreshAnswer;
use simgauge_protocol::{Code, request};
use simgauge_service::answers;
use simgauge_store::{CardView, RefreshView};

/// `refresh/get`.
#[derive(Clone, Copy)]
pub(super) struct GetRefresh;

impl Operation for GetRefresh {
    async fn run(self, state: &ApiState, call: &Call<'_>) -> Result<Response, ApiError> {
        let (caller, id) = gate::enter_once(state, call, request::refresh_id)?;
        let id = RefreshId::parse(id).ok_or(ApiError::NoRefresh)?;
        let _permit = state.read_shares.enter(&caller.account).await?;
        let refresh = state.services.store.refresh(&caller.account, &id).await?.ok_or(ApiError::NoRefresh)?;
        let card = state.services.store.card_of_any(&refresh.number).await?;
        // Of the card that was refreshed, while it is this account's.
        let card = card.filter(|card| card.id == refresh.card && card.account == *caller.account);
        let lanes = state.services.store.lanes_of_refresh(&id).await?;
        let answer = answer(state, &caller, refresh, card, &lanes);
        Ok(done(Code::Ok.default_message(caller.language), answer, call.request_id))
    }
}

/// The shape of a `refreshUsage` that was held.
fn answer(
    state: &ApiState,
    caller: &Caller<'_>,
    refresh: RefreshView,
    card: Option<CardView>,
    lanes: &[String],
) -> RefreshAnswer {
    let services = &state.services;
    let kind = card.as_ref().map(|card| card.kind);
    let cooldown = services.rules.of(kind.unwrap_or(CardKind::Sim)).cooldown;
    let has_succeeded = refresh.state == RefreshState::Succeeded;
    let usage = card
        .filter(|_| has_succeeded)
        .and_then(|card| answers::card_usage(services, &card.profiles, services.clock.now()));
    RefreshAnswer {
        refresh_id: refresh.id.to_string(),
        state: answers::state_of(refresh.state),
        accepted_at: refresh.accepted_at.seconds(),
        next_refresh_at: answers::seconds_up(refresh.accepted_at.after(cooldown)),
        estimated_seconds: None,
        operator: answers::operator_answer(services, lanes.iter().map(String::as_str)),
        poll: (!refresh.state.is_ended()).then(|| poll(state, refresh.accepted_at, None)),
        usage,
        refresh: Some(answers::refresh_report(refresh, kind, caller.language)),
        warning: None,
    }
}
