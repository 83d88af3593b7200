//! `/api/v3/refresh/get`: the state of a refresh.

use crate::answer::{ApiError, done};
use crate::gate::{self, Call};
use crate::operation::Operation;
use crate::state::ApiState;
use axum::response::Response;
use simgauge_domain::id::RefreshId;
use simgauge_protocol::{Code, request};
use simgauge_service::answers;

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
        let lanes = state.services.store.lanes_of_refresh(&id).await?;
        let mut report = answers::refresh_report(refresh, card.map(|card| card.kind), caller.language);
        report.operator = answers::operator_answer(&state.services, lanes.iter().map(String::as_str));
        Ok(done(Code::Ok.default_message(caller.language), report, call.request_id))
    }
}
