//! The fields of the operations.

use serde_json::{Map, Value};
use simgauge_domain::card_kind::CardKind;

/// Options of a refresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshOptions {
    /// Seconds (0 to 8) that the server may hold its answer until the refresh ends. The answer then has the
    /// usage.
    pub wait: Option<u8>,
}

/// Which page of which cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// From 1. Does not count beside a cursor.
    pub page_num: u32,
    /// 1 to 500.
    pub page_size: u16,
    /// Only cards in this status, such as `ACTIVATED_NAME`.
    pub status: Option<String>,
    /// Only these ICCIDs or EIDs. Empty means all.
    pub numbers: Vec<String>,
    /// The `next_cursor` of the page before. `None` for the first page.
    pub cursor: Option<String>,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { page_num: 1, page_size: 100, status: None, numbers: Vec::new(), cursor: None }
    }
}

/// Which page of a card's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Readings on a page, 1 to 500.
    pub page_size: u16,
    /// The `next_before` of the previous page. `None` for the newest readings.
    pub before: Option<String>,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self { page_size: 100, before: None }
    }
}

/// The fields of a request beside the common ones.
pub(crate) type Fields = Map<String, Value>;

pub(crate) fn one(name: &str, value: &str) -> Fields {
    Fields::from_iter([(name.to_owned(), value.into())])
}

pub(crate) fn refresh(kind: CardKind, number: &str, options: RefreshOptions) -> Fields {
    let mut fields = one(kind.number_field(), number);
    if let Some(seconds) = options.wait {
        fields.insert("wait".to_owned(), seconds.into());
    }
    fields
}

pub(crate) fn list(kind: CardKind, query: &ListQuery) -> Fields {
    let mut fields = Fields::new();
    match &query.cursor {
        Some(cursor) => fields.insert("cursor".to_owned(), cursor.as_str().into()),
        None => fields.insert("pageNum".to_owned(), query.page_num.into()),
    };
    fields.insert("pageSize".to_owned(), query.page_size.into());
    if let Some(status) = &query.status {
        fields.insert("cardStatus".to_owned(), status.as_str().into());
    }
    if !query.numbers.is_empty() {
        fields.insert(kind.list_field().to_owned(), query.numbers.join(",").into());
    }
    fields
}

pub(crate) fn history(kind: CardKind, number: &str, query: &HistoryQuery) -> Fields {
    let mut fields = one(kind.number_field(), number);
    fields.insert("pageSize".to_owned(), query.page_size.into());
    if let Some(before) = &query.before {
        fields.insert("before".to_owned(), before.as_str().into());
    }
    fields
}
