//! What accounts are told, and what could not be delivered.

use super::{EXPORT_PAGE, LOOK_AT, PAGE};
use crate::console::ConsoleState;
use crate::console::action::{Action, Outcome, perform};
use crate::console::export::csv;
use crate::console::fields::{Fields, query};
use crate::console::page::{Act, Look, PageError, PageResult, Shell, back, html};
use crate::console::view::{Badge, Eyes, When};
use crate::human;
use askama::Template;
use axum::extract::{Path, State};
use simgauge_store::{NotificationState, NotificationView};

struct Wanted {
    account: String,
    state: Option<NotificationState>,
    before: Option<i64>,
}

impl Wanted {
    fn read(fields: &Fields) -> Self {
        Self {
            account: fields.get("account").to_owned(),
            state: NotificationState::parse(fields.get("state")),
            before: fields.get("before").parse().ok(),
        }
    }

    fn query(&self, before: &str) -> String {
        let state = self.state.map_or("", NotificationState::as_str);
        query(&[("account", &self.account), ("state", state), ("before", before)])
    }
}

struct Row {
    id: String,
    account: String,
    card: String,
    event: String,
    state: Badge,
    created: When,
    attempts: u32,
    next: Option<String>,
    ended: Option<When>,
    error: Option<String>,
    body: String,
    is_waiting: bool,
}

fn row(one: NotificationView, eyes: Eyes<'_>) -> Row {
    let tone = match one.state {
        NotificationState::Waiting => "busy",
        NotificationState::Delivered => "good",
        NotificationState::Dead => "bad",
    };
    Row {
        event: eyes.t.named("event", &one.event),
        state: Badge::new(tone, eyes.t.named("notification", one.state.as_str())),
        created: eyes.when(one.created_at),
        attempts: one.attempts,
        next: one.next_at.map(|at| eyes.ago(at)),
        ended: one.ended_at.map(|at| eyes.when(at)),
        error: one.last_error,
        is_waiting: one.state == NotificationState::Waiting,
        id: one.id,
        account: one.account,
        card: one.number,
        body: one.body,
    }
}

struct Choice {
    value: &'static str,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/notifications.html")]
struct NotificationsPage {
    shell: Shell,
    account: String,
    states: Vec<Choice>,
    rows: Vec<Row>,
    is_filtered: bool,
    is_newest: bool,
    first: String,
    next: Option<String>,
    cut: Option<String>,
    export: String,
    any_dead: bool,
}

/// The page.
pub(in crate::console) async fn page(State(state): State<ConsoleState>, look: Look) -> PageResult {
    let wanted = Wanted::read(&look.query);
    let now = state.api.clock.now();
    let t = look.texts();
    let eyes = Eyes { t, now, zone: &state.api.zone };
    let store = &state.api.store;
    let (found, next) =
        store.notifications_before(wanted.before, &wanted.account, wanted.state, PAGE, LOOK_AT).await?;
    let is_cut = next.is_some() && i64::try_from(found.len()).is_ok_and(|count| count < PAGE);
    html(&NotificationsPage {
        states: NotificationState::ALL
            .into_iter()
            .map(|state| Choice {
                value: state.as_str(),
                text: t.named("notification", state.as_str()),
                is_chosen: wanted.state == Some(state),
            })
            .collect(),
        any_dead: store.count_dead_notifications(1).await? > 0,
        rows: found.into_iter().map(|one| row(one, eyes)).collect(),
        is_filtered: wanted.state.is_some() || !wanted.account.is_empty(),
        is_newest: wanted.before.is_none(),
        first: format!("/console/notifications{}", wanted.query("")),
        next: next.map(|seq| format!("/console/notifications{}", wanted.query(&seq.to_string()))),
        cut: is_cut.then(|| human::count(u64::try_from(LOOK_AT).unwrap_or(0))),
        export: format!("/console/notifications.csv{}", wanted.query("")),
        account: wanted.account,
        shell: look.shell("notifications", now),
    })
}

/// Delivers one again.
pub(in crate::console) async fn replay(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    act: Act,
) -> PageResult {
    match perform(&state, &act.who, Action::ReplayNotification { id }).await? {
        Outcome::Done => Ok(back("/console/notifications", ("done", "replayed"))),
        _ => Err(PageError::NotFound),
    }
}

/// Delivers every dead one again, or an account's.
pub(in crate::console) async fn replay_dead(State(state): State<ConsoleState>, act: Act) -> PageResult {
    let account = act.form.some("account").map(str::to_owned);
    match perform(&state, &act.who, Action::ReplayDead { account }).await? {
        Outcome::DoneTo(count) => {
            Ok(back("/console/notifications", ("done", &format!("replayed_dead&count={count}"))))
        }
        _ => Err(PageError::NotFound),
    }
}

/// The list as CSV.
pub(in crate::console) async fn export(State(state): State<ConsoleState>, look: Look) -> PageResult {
    let wanted = Wanted::read(&look.query);
    let (account, only) = (wanted.account, wanted.state);
    let columns =
        ["id", "account", "card", "event", "state", "created_at", "attempts", "ended_at", "last_error"];
    csv("notifications", &columns, wanted.before, move |before| {
        let (state, account) = (state.clone(), account.clone());
        async move {
            let (found, next) =
                state.api.store.notifications_before(before, &account, only, EXPORT_PAGE, LOOK_AT).await?;
            let rows = found
                .into_iter()
                .map(|one| {
                    vec![
                        one.id,
                        one.account,
                        one.number,
                        one.event,
                        one.state.as_str().to_owned(),
                        one.created_at.seconds().to_string(),
                        one.attempts.to_string(),
                        one.ended_at.map(|at| at.seconds().to_string()).unwrap_or_default(),
                        one.last_error.unwrap_or_default(),
                    ]
                })
                .collect();
            Ok((rows, next.map(Some)))
        }
    })
}
