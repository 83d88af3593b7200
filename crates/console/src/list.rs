//! What the pages with a table have in common: paging by key, filters in the query, CSV export and live
//! update. A page says what is special about its table by implementing [`List`] or [`WholeList`].

use crate::error::PageResult;
use crate::export::{Batch, csv};
use crate::fields::{Fields, query};
use crate::live::{changes, digest};
use crate::request::PageRequest;
use crate::state::ConsoleState;
use axum::extract::State;
use simgauge_admin::human;
use std::hash::Hash;
use std::time::Duration;

/// Rows of one page.
pub(super) const PAGE: i64 = 50;
/// Rows that are read at once for an export.
pub(super) const EXPORT_BATCH: i64 = 500;
/// Rows that are looked at for one page. If few of them fit the filter, the page offers to look on.
pub(super) const SCAN_LIMIT: i64 = 5_000;

/// A table that is read page by page. The value itself is its filter.
pub(super) trait List: Clone + Send + Sync + 'static {
    /// It is at `/console/NAME`, and its export at `/console/NAME.csv`.
    const NAME: &'static str;
    /// The columns of its export.
    const COLUMNS: &'static [&'static str];
    const PAGE: i64 = PAGE;
    const EXPORT_BATCH: i64 = EXPORT_BATCH;
    type Row: Send;
    /// Where a page begins; the default is the beginning of the list.
    type Place: Default + PartialEq + Send;

    /// The filter and the place that a query names.
    fn parse(query: &Fields) -> (Self, Self::Place);

    /// The fields of a query that name this filter; empty ones are left out.
    fn filter_fields(&self) -> Vec<(&'static str, String)>;

    /// The fields of a query that name a place.
    fn place_fields(place: &Self::Place) -> Vec<(&'static str, String)>;

    /// At most `limit` rows from a place on.
    fn fetch(
        &self,
        state: &ConsoleState,
        place: Self::Place,
        limit: i64,
    ) -> impl Future<Output = PageResult<Rows<Self>>> + Send;

    /// A row's cells in the export, one for each of [`Self::COLUMNS`].
    fn cells(state: &ConsoleState, row: Self::Row) -> Vec<String>;
}

/// A table that is read whole and has no filter.
pub(super) trait WholeList: Clone + Default + Send + Sync + 'static {
    /// As in [`List`].
    const NAME: &'static str;
    /// As in [`List`].
    const COLUMNS: &'static [&'static str];
    const PAGE: i64 = PAGE;
    type Row: Send;

    /// Every row, sorted by key.
    fn all(state: &ConsoleState) -> impl Future<Output = PageResult<Vec<Self::Row>>> + Send;

    /// What tells a row from the others.
    fn key(row: &Self::Row) -> &str;

    /// As in [`List`].
    fn cells(row: Self::Row) -> Vec<String>;
}

impl<L: WholeList> List for L {
    const NAME: &'static str = L::NAME;
    const COLUMNS: &'static [&'static str] = L::COLUMNS;
    const PAGE: i64 = L::PAGE;
    const EXPORT_BATCH: i64 = i64::MAX;
    type Row = L::Row;
    /// The key of the row before.
    type Place = String;

    fn parse(query: &Fields) -> (Self, String) {
        (Self::default(), query.get("after").to_owned())
    }

    fn filter_fields(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn place_fields(after: &String) -> Vec<(&'static str, String)> {
        vec![("after", after.clone())]
    }

    async fn fetch(&self, state: &ConsoleState, after: String, limit: i64) -> PageResult<Rows<Self>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut rows = L::all(state).await?;
        rows.retain(|row| L::key(row) > after.as_str());
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| L::key(last).to_owned());
        Ok(Rows { rows, next, cut: false })
    }

    fn cells(_: &ConsoleState, row: L::Row) -> Vec<String> {
        L::cells(row)
    }
}

/// A table whose page follows what happens.
pub(super) trait LiveList: List {
    /// How often its rows are read while a page is open.
    const EVERY: Duration;

    /// The part of a row whose change makes the page show itself anew.
    fn fingerprint(row: &Self::Row) -> impl Hash;
}

/// Rows of a table.
pub(super) struct Rows<L: List> {
    pub(super) rows: Vec<L::Row>,
    /// Where the next rows begin, if there are more.
    pub(super) next: Option<L::Place>,
    /// Whether the search stopped before `limit` rows were found.
    pub(super) cut: bool,
}

/// What a page shows around its rows.
pub(super) struct Frame {
    pub(super) is_filtered: bool,
    /// The export of all rows that fit the filter.
    pub(super) export: String,
    /// The first page, if this is another.
    pub(super) first: Option<String>,
    pub(super) next: Option<String>,
    /// How many rows were looked at, if the search stopped there.
    pub(super) cut: Option<String>,
}

/// One page of a table.
pub(super) struct ListPage<L: List> {
    pub(super) filter: L,
    pub(super) rows: Vec<L::Row>,
    pub(super) frame: Frame,
}

/// The page that a query asks for.
pub(super) async fn page<L: List>(state: &ConsoleState, query: &Fields) -> PageResult<ListPage<L>> {
    let (filter, place) = L::parse(query);
    let is_first = place == L::Place::default();
    let Rows { rows, next, cut } = filter.fetch(state, place, L::PAGE).await?;
    let frame = Frame {
        is_filtered: !address(&filter, "", Vec::new()).is_empty(),
        export: address(&filter, &format!("/console/{}.csv", L::NAME), Vec::new()),
        first: (!is_first).then(|| address(&filter, &format!("/console/{}", L::NAME), Vec::new())),
        next: next.map(|place| address(&filter, &format!("/console/{}", L::NAME), L::place_fields(&place))),
        cut: cut.then(|| human::count(u64::try_from(SCAN_LIMIT).unwrap_or(0))),
    };
    Ok(ListPage { filter, rows, frame })
}

impl<L: LiveList> ListPage<L> {
    /// Where this page hears that its rows have changed since it was made.
    pub(super) fn events(&self, query: &Fields) -> String {
        let (_, place) = L::parse(query);
        let mut more = L::place_fields(&place);
        more.push(("seen", digest_of::<L>(&self.rows)));
        address(&self.filter, &format!("/console/{}/events", L::NAME), more)
    }
}

fn digest_of<L: LiveList>(rows: &[L::Row]) -> String {
    let fingerprints: Vec<_> = rows.iter().map(L::fingerprint).collect();
    digest(&fingerprints)
}

/// A path with the filter and more fields as its query.
fn address<L: List>(filter: &L, path: &str, more: Vec<(&'static str, String)>) -> String {
    let mut fields = filter.filter_fields();
    fields.extend(more);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    format!("{path}{}", query(&fields))
}

/// Handles `/console/NAME/events`: tells the page when to show itself anew.
pub(super) async fn events<L: LiveList>(
    State(state): State<ConsoleState>,
    request: PageRequest,
) -> PageResult {
    let of = state.clone();
    let query = request.query.clone();
    changes(&state, &request.visitor, request.query.get("seen"), L::EVERY, move || {
        let (state, (filter, place)) = (of.clone(), L::parse(&query));
        async move { Ok(digest_of::<L>(&filter.fetch(&state, place, L::PAGE).await?.rows)) }
    })
}

/// Handles `/console/NAME.csv`: every row that fits the filter.
pub(super) async fn export<L: List>(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let (filter, place) = L::parse(&request.query);
    csv(L::NAME, L::COLUMNS, place, move |place| {
        let (state, filter) = (state.clone(), filter.clone());
        async move {
            let found = filter.fetch(&state, place, L::EXPORT_BATCH).await?;
            let lines = found.rows.into_iter().map(|row| L::cells(&state, row)).collect();
            Ok(Batch { lines, next: found.next })
        }
    })
}

/// One of the values that a filter can be set to.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

/// The values of a filter, with the one that is set.
pub(super) fn choices<'a>(
    values: impl IntoIterator<Item = &'a str>,
    text: impl Fn(&str) -> String,
    chosen: &str,
) -> Vec<Choice> {
    let choice =
        |value: &str| Choice { value: value.to_owned(), text: text(value), is_chosen: value == chosen };
    values.into_iter().map(choice).collect()
}

/// A value that may be absent, as a cell.
pub(super) fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
