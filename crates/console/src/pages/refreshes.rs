//! Refreshes as they come and end.

use super::card::{RefreshRow, refresh_row};
use super::{EXPORT_PAGE, PAGE, SCAN_LIMIT};
use crate::export::csv;
use crate::fields::{Fields, query};
use crate::live::{changes, digest};
use crate::page::{PageResult, ReadSession, Shell, html};
use crate::state::ConsoleState;
use crate::view::ViewContext;
use askama::Template;
use axum::extract::State;
use simgauge_admin::human;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{RefreshFilter, RefreshPage, RefreshView};
use std::time::Duration;

const STATES: [&str; 5] = ["open", "queued", "running", "succeeded", "failed"];

/// What somebody looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    filter: RefreshFilter,
    /// Of one card only; the rest of the filter then does not count.
    card: String,
    /// Accepted before this time of the platform's zone, as browsers write it.
    until: String,
    before: String,
}

impl Wanted {
    fn read(fields: &Fields) -> Self {
        let state = Some(fields.get("state")).filter(|state| STATES.contains(state)).unwrap_or_default();
        Self {
            filter: RefreshFilter {
                account: fields.get("account").to_owned(),
                state: state.to_owned(),
                reason: FailureKind::parse(fields.get("reason")),
            },
            card: fields.get("card").to_ascii_uppercase(),
            until: fields.get("until").to_owned(),
            before: fields.get("before").to_owned(),
        }
    }

    fn query(&self, more: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("card", self.card.as_str()),
            ("account", &self.filter.account),
            ("state", &self.filter.state),
            ("reason", self.filter.reason.map_or("", FailureKind::as_str)),
            ("until", &self.until),
        ];
        fields.extend_from_slice(more);
        query(&fields)
    }

    /// The id before which to look: that of the page before, or the one that a time stands for.
    fn before(&self, state: &ConsoleState) -> Option<String> {
        if !self.before.is_empty() {
            return Some(self.before.clone());
        }
        let until: jiff::civil::DateTime = self.until.parse().ok()?;
        let at = until.to_zoned(state.services.zone.clone()).ok()?.timestamp().as_millisecond();
        Some(RefreshId::new(UnixMs(at), 0).to_string())
    }
}

async fn find(state: &ConsoleState, wanted: &Wanted, limit: i64) -> PageResult<RefreshPage> {
    let store = &state.services.store;
    let before = wanted.before(state);
    if wanted.card.is_empty() {
        return Ok(store.refreshes_before(before.as_deref(), &wanted.filter, limit, SCAN_LIMIT).await?);
    }
    // A card's own history goes from one to the one before, so a time is no place in it.
    let before = Some(wanted.before.as_str()).filter(|id| !id.is_empty());
    let Some(card) = store.card_of_any(&wanted.card).await? else { return Ok(RefreshPage::default()) };
    let refreshes = store.refreshes_of_card(card.id, before, limit).await?;
    let full = i64::try_from(refreshes.len()).is_ok_and(|count| count == limit);
    Ok(RefreshPage { next: refreshes.last().filter(|_| full).map(|last| last.id), refreshes, cut: false })
}

struct Choice {
    value: &'static str,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/refreshes.html")]
struct RefreshesPage {
    shell: Shell,
    wanted: Wanted,
    states: Vec<Choice>,
    reasons: Vec<Choice>,
    rows: Vec<RefreshRow>,
    is_filtered: bool,
    is_newest: bool,
    first: String,
    next: Option<String>,
    cut: Option<String>,
    export: String,
    events: String,
}

/// The page.
pub(crate) async fn page(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let wanted = Wanted::read(&read.query);
    let now = state.services.clock.now();
    let t = read.texts();
    let context = ViewContext { t, now, zone: &state.services.zone };
    let found = find(&state, &wanted, PAGE).await?;
    let seen = shown(&found.refreshes);
    let choice = |value: &'static str, text, chosen: &str| Choice { is_chosen: value == chosen, value, text };
    let reason = wanted.filter.reason.map_or("", FailureKind::as_str);
    html(&RefreshesPage {
        states: STATES
            .iter()
            .map(|name| choice(name, t.named("state", name), &wanted.filter.state))
            .collect(),
        reasons: FailureKind::ALL
            .iter()
            .map(|kind| choice(kind.as_str(), t.named("reason", kind.as_str()), reason))
            .collect(),
        rows: found.refreshes.iter().map(|refresh| refresh_row(refresh, context)).collect(),
        is_filtered: !wanted.query(&[]).is_empty(),
        is_newest: wanted.before.is_empty() && wanted.until.is_empty(),
        first: format!("/console/refreshes{}", wanted.query(&[])),
        next: found
            .next
            .as_ref()
            .map(|next| format!("/console/refreshes{}", wanted.query(&[("before", next.as_str())]))),
        cut: found.cut.then(|| human::count(u64::try_from(SCAN_LIMIT).unwrap_or(0))),
        export: format!("/console/refreshes.csv{}", wanted.query(&[])),
        events: format!("/console/refreshes/events{}", wanted.query(&[("seen", &seen)])),
        wanted,
        shell: read.shell("refreshes", now),
    })
}

fn shown(refreshes: &[RefreshView]) -> String {
    let list: Vec<_> =
        refreshes.iter().map(|refresh| (refresh.id.as_str(), refresh.state.as_str())).collect();
    digest(&list)
}

/// Tells the page when to show itself anew.
pub(crate) async fn events(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let wanted = Wanted::read(&read.query);
    let of = state.clone();
    changes(&state, &read.visitor, read.query.get("seen"), Duration::from_secs(1), move || {
        let (state, wanted) = (of.clone(), wanted.clone());
        async move { Ok(shown(&find(&state, &wanted, PAGE).await?.refreshes)) }
    })
}

/// The list as CSV.
pub(crate) async fn export(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let wanted = Wanted::read(&read.query);
    let columns = [
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
    csv("refreshes", &columns, wanted.before.clone(), move |before| {
        let (state, wanted) = (state.clone(), Wanted { before, ..wanted.clone() });
        async move {
            let found = find(&state, &wanted, EXPORT_PAGE).await?;
            let rows = found.refreshes.into_iter().map(csv_row).collect();
            Ok((rows, found.next.map(|next| next.to_string())))
        }
    })
}

fn csv_row(refresh: RefreshView) -> Vec<String> {
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let (reason, detail) =
        refresh.failure.map(|failure| (failure.kind.as_str().to_owned(), failure.detail)).unwrap_or_default();
    vec![
        refresh.id.to_string(),
        refresh.number,
        refresh.account,
        refresh.appkey,
        refresh.accepted_at.seconds().to_string(),
        refresh.finished_at.map(|at| at.seconds().to_string()).unwrap_or_default(),
        refresh.state.as_str().to_owned(),
        reason,
        detail,
        number(refresh.before),
        number(refresh.after),
    ]
}
