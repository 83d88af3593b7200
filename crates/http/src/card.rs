//! The operations that read cards of either kind: one card, and a list.

use crate::answer::{ApiError, done};
use crate::gate::{self, Call};
use crate::operation::Operation;
use crate::state::ApiState;
use axum::response::Response;
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::answer::CardPage;
use simgauge_protocol::cursor::cursor_after;
use simgauge_protocol::request::{self, ListCards as ListFields};
use simgauge_protocol::{Body, Code, FieldError};
use simgauge_service::answers;
use simgauge_store::CardFilter;

/// So many cards are reached by page number: those before a page have to be counted for each page.
const DEEPEST: i64 = 100_000;

/// `getCardsInfo` of SIM cards, `get` of cloud eSIMs.
#[derive(Clone, Copy)]
pub(super) struct GetCard(pub(super) CardKind);

/// `getAllCardInfo` of SIM cards, `list` of cloud eSIMs.
#[derive(Clone, Copy)]
pub(super) struct ListCards(pub(super) CardKind);

impl Operation for GetCard {
    async fn run(self, state: &ApiState, call: &Call<'_>) -> Result<Response, ApiError> {
        let (caller, number) = gate::enter_once(state, call, |body| request::card_number(body, self.0))?;
        let _permit = state.read_shares.enter(&caller.account).await?;
        let card =
            state.services.store.card(&caller.account, self.0, &number).await?.ok_or(ApiError::NoCard)?;
        let answer = answers::card_answer(&state.services, card, caller.language);
        Ok(done(Code::Ok.default_message(caller.language), answer, call.request_id))
    }
}

impl Operation for ListCards {
    async fn run(self, state: &ApiState, call: &Call<'_>) -> Result<Response, ApiError> {
        let (caller, fields) = gate::enter_once(state, call, |body| list_fields(body, self.0))?;
        let _permit = state.read_shares.enter(&caller.account).await?;
        let numbers = state.services.store.meant_numbers(&caller.account, self.0, fields.numbers).await?;
        let offset = if fields.after.is_some() { 0 } else { (fields.page_num - 1) * fields.page_size };
        let filter = CardFilter {
            status: fields.status.map(str::to_owned),
            numbers,
            after: fields.after.unwrap_or_default(),
        };
        // One card more than the page, to know whether there is a next page.
        let mut cards = state
            .services
            .store
            .cards(&caller.account, self.0, &filter, offset, fields.page_size + 1)
            .await?;
        let page_size = usize::try_from(fields.page_size).unwrap_or(usize::MAX);
        let has_more = cards.len() > page_size;
        cards.truncate(page_size);
        let last = cards.last().filter(|_| has_more);
        let next_cursor = last.map(|card| cursor_after(self.0, &card.number));
        let page = CardPage {
            page_num: fields.page_num,
            page_size: fields.page_size,
            has_more,
            next_cursor,
            list: cards
                .into_iter()
                .map(|card| answers::card_answer(&state.services, card, caller.language))
                .collect(),
        };
        Ok(done(Code::Ok.default_message(caller.language), page, call.request_id))
    }
}

/// The fields of a list, whose pages do not lie too deep. Where the cards are named there are few.
fn list_fields(body: &Body<'_>, kind: CardKind) -> Result<ListFields, FieldError> {
    let fields = ListFields::read(body, kind)?;
    if !fields.numbers.is_empty() || fields.after.is_some() || fields.page_num * fields.page_size <= DEEPEST {
        return Ok(fields);
    }
    let list = kind.list_field();
    Err(FieldError::Body(
        format!(
            "the fields `pageNum` and `pageSize` reach beyond the first {DEEPEST} cards, for which a list \
             has page numbers; read on by `cursor`, the `nextCursor` of the page before, name the cards in \
             `{list}`, or narrow the list by `cardStatus`"
        ),
        "pageNum × pageSize 不得超过 100000,请改用 cursor(上一页返回的 nextCursor)翻页,或用卡号列表、cardStatus 缩小范围",
    ))
}
