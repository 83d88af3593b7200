//! `usageHistory` of either kind of card: its readings page by page, and its daily totals.

use crate::answer::{ApiError, done};
use crate::gate::{self, Call};
use crate::operation::Operation;
use crate::state::ApiState;
use axum::response::Response;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::Code;
use simgauge_protocol::answer::{DayAnswer, HistoryAnswer};
use simgauge_protocol::request::UsageHistory as HistoryFields;
use simgauge_service::answers;

/// `usageHistory`.
#[derive(Clone, Copy)]
pub(super) struct UsageHistory(pub(super) CardKind);

impl Operation for UsageHistory {
    async fn run(self, state: &ApiState, call: &Call<'_>) -> Result<Response, ApiError> {
        let (caller, fields) = gate::enter_once(state, call, |body| HistoryFields::read(body, self.0))?;
        let _permit = state.read_shares.enter(&caller.account).await?;
        let store = &state.services.store;
        // For its caller, a card of another account does not exist.
        let card = store.card(&caller.account, self.0, &fields.number).await?.ok_or(ApiError::NoCard)?;
        let before = UnixMs(fields.before.unwrap_or(i64::MAX));
        let readings = store.readings(card.id, before, fields.page_size).await?;
        let full = readings.len() >= usize::try_from(fields.page_size).unwrap_or(usize::MAX);
        let next_before = readings.last().filter(|_| full).map(|last| last.began_at.0.to_string());
        let days = match fields.before {
            None => store.daily_totals(card.id, &state.services.zone).await?,
            Some(_) => std::collections::BTreeMap::new(),
        };
        let answer = HistoryAnswer {
            readings: readings.into_iter().map(answers::reading_answer).collect(),
            next_before,
            days: days.into_iter().map(|(day, used_bytes)| DayAnswer { day, used_bytes }).collect(),
        };
        Ok(done(Code::Ok.default_message(caller.language), answer, call.request_id))
    }
}
