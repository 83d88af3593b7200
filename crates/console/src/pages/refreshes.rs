//! Refreshes as they come and end.

use super::card::find;
use super::refresh_row::{RefreshRow, refresh_row};
use crate::error::PageResult;
use crate::fields::Fields;
use crate::list::{self, Choice, Frame, List, LiveList, Rows, SCAN_LIMIT, cell, choices};
use crate::page::{Shell, html};
use crate::request::PageRequest;
use crate::state::ConsoleState;
use askama::Template;
use axum::extract::State;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::identity::canonical_iccid;
use simgauge_domain::time::UnixMs;
use simgauge_store::{RefreshFilter, RefreshPage, RefreshView};
use std::hash::Hash;
use std::time::Duration;

const STATES: [&str; 5] = ["open", "queued", "running", "succeeded", "failed"];

/// The refreshes that fit, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefreshList {
    filter: RefreshFilter,
    /// Those of one card only. The rest of the filter then does not count.
    number: String,
    /// Accepted before this time of the platform's zone, as browsers write it.
    until: String,
}

impl List for RefreshList {
    const NAME: &'static str = "refreshes";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "card",
        "account",
        "appkey",
        "accepted_at",
        "finished_at",
        "state",
        "reason",
        "detail",
        "before_bytes",
        "after_bytes",
    ];
    type Row = RefreshView;
    /// The id of the refresh before.
    type Place = String;

    fn parse(query: &Fields) -> (Self, String) {
        let state = Some(query.get("state")).filter(|state| STATES.contains(state)).unwrap_or_default();
        let filter = RefreshFilter {
            account: query.get("account").to_owned(),
            state: state.to_owned(),
            reason: FailureKind::parse(query.get("reason")),
        };
        let number = canonical_iccid(query.get("card")).into_owned();
        (Self { filter, number, until: query.get("until").to_owned() }, query.get("before").to_owned())
    }

    fn filter_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("card", self.number.clone()),
            ("account", self.filter.account.clone()),
            ("state", self.filter.state.clone()),
            ("reason", self.reason().to_owned()),
            ("until", self.until.clone()),
        ]
    }

    fn place_fields(before: &String) -> Vec<(&'static str, String)> {
        vec![("before", before.clone())]
    }

    async fn fetch(&self, state: &ConsoleState, before: String, limit: i64) -> PageResult<Rows<Self>> {
        let store = &state.services.store;
        let before = Some(before).filter(|id| !id.is_empty());
        if self.number.is_empty() {
            let before = before.or_else(|| self.id_at_until(state));
            let RefreshPage { refreshes, next, cut } =
                store.refreshes_before(before.as_deref(), &self.filter, limit, SCAN_LIMIT).await?;
            return Ok(Rows { rows: refreshes, next: next.map(|id| id.to_string()), cut });
        }
        // A card's own history goes from each refresh to the one before, so a time is no place in it.
        let rows = match find(store, &self.number).await? {
            Some(card) => store.refreshes_of_card(card.id, before.as_deref(), limit).await?,
            None => Vec::new(),
        };
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == limit);
        let next = rows.last().filter(|_| is_full).map(|last| last.id.to_string());
        Ok(Rows { rows, next, cut: false })
    }

    fn cells(_: &ConsoleState, refresh: RefreshView) -> Vec<String> {
        let (reason, detail) = match refresh.failure {
            Some(failure) => (failure.kind.as_str().to_owned(), failure.detail),
            None => Default::default(),
        };
        vec![
            refresh.id.to_string(),
            refresh.number,
            refresh.account,
            refresh.appkey,
            refresh.accepted_at.seconds().to_string(),
            cell(refresh.finished_at.map(UnixMs::seconds)),
            refresh.state.as_str().to_owned(),
            reason,
            detail,
            cell(refresh.before),
            cell(refresh.after),
        ]
    }
}

impl LiveList for RefreshList {
    const EVERY: Duration = Duration::from_secs(1);

    fn fingerprint(refresh: &RefreshView) -> impl Hash {
        (refresh.id.to_string(), refresh.state.as_str())
    }
}

impl RefreshList {
    fn reason(&self) -> &'static str {
        self.filter.reason.map_or("", FailureKind::as_str)
    }

    /// The id that the time `until` stands for.
    fn id_at_until(&self, state: &ConsoleState) -> Option<String> {
        let until: jiff::civil::DateTime = self.until.parse().ok()?;
        let at = until.to_zoned(state.services.zone.clone()).ok()?.timestamp().as_millisecond();
        Some(RefreshId::new(UnixMs(at), 0).to_string())
    }
}

#[derive(Template)]
#[template(path = "console/refreshes.html")]
struct RefreshesPage {
    shell: Shell,
    frame: Frame,
    filter: RefreshList,
    states: Vec<Choice>,
    reasons: Vec<Choice>,
    rows: Vec<RefreshRow>,
    /// Says that the page follows what happens, if it does.
    live: &'static str,
    events: String,
}

pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let context = state.view(request.texts());
    let t = context.t;
    let found = list::page::<RefreshList>(&state, &request.query).await?;
    let events = found.events(&request.query);
    let filter = found.filter;
    let is_newest = found.frame.first.is_none() && filter.until.is_empty();
    html(&RefreshesPage {
        shell: request.shell("refreshes"),
        states: choices(STATES, |name| t.named("state", name), &filter.filter.state),
        reasons: choices(
            FailureKind::ALL.iter().map(|kind| kind.as_str()),
            |name| t.named("reason", name),
            filter.reason(),
        ),
        rows: found.rows.iter().map(|refresh| refresh_row(refresh, context)).collect(),
        live: if is_newest { t.get("refreshes.live") } else { "" },
        frame: found.frame,
        events,
        filter,
    })
}
