//! What accounts are notified of, and what could not be delivered.

use crate::action::{Action, Outcome, perform};
use crate::error::{PageError, PageResult};
use crate::fields::Fields;
use crate::list::{self, Choice, Frame, List, ListPage, Rows, SCAN_LIMIT, cell, choices};
use crate::page::{Shell, back_done, html};
use crate::request::{ActionRequest, PageRequest};
use crate::state::ConsoleState;
use crate::view::{Badge, ViewContext, When};
use askama::Template;
use axum::extract::{Path, State};
use simgauge_domain::time::UnixMs;
use simgauge_store::{NotificationState, NotificationView};

/// The notifications that fit, the newest first.
#[derive(Clone)]
pub(crate) struct NotificationList {
    account: String,
    state: Option<NotificationState>,
}

impl List for NotificationList {
    const NAME: &'static str = "notifications";
    const COLUMNS: &'static [&'static str] =
        &["id", "account", "card", "event", "state", "created_at", "attempts", "ended_at", "last_error"];
    type Row = NotificationView;
    /// The sequence number of the notification before.
    type Place = Option<i64>;

    fn parse(query: &Fields) -> (Self, Option<i64>) {
        let filter = Self {
            account: query.get("account").to_owned(),
            state: NotificationState::parse(query.get("state")),
        };
        (filter, query.get("before").parse().ok())
    }

    fn filter_fields(&self) -> Vec<(&'static str, String)> {
        vec![("account", self.account.clone()), ("state", self.state_name().to_owned())]
    }

    fn place_fields(before: &Option<i64>) -> Vec<(&'static str, String)> {
        vec![("before", cell(*before))]
    }

    async fn fetch(&self, state: &ConsoleState, before: Option<i64>, limit: i64) -> PageResult<Rows<Self>> {
        let store = &state.services.store;
        let (rows, next) =
            store.notifications_before(before, &self.account, self.state, limit, SCAN_LIMIT).await?;
        let cut = next.is_some() && i64::try_from(rows.len()).is_ok_and(|count| count < limit);
        Ok(Rows { rows, next: next.map(Some), cut })
    }

    fn cells(_: &ConsoleState, notification: NotificationView) -> Vec<String> {
        vec![
            notification.id,
            notification.account,
            notification.number,
            notification.event,
            notification.state.as_str().to_owned(),
            notification.created_at.seconds().to_string(),
            notification.attempts.to_string(),
            cell(notification.ended_at.map(UnixMs::seconds)),
            cell(notification.last_error),
        ]
    }
}

impl NotificationList {
    fn state_name(&self) -> &'static str {
        self.state.map_or("", NotificationState::as_str)
    }
}

struct Row {
    id: String,
    account: String,
    number: String,
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

fn row(notification: NotificationView, context: ViewContext<'_>) -> Row {
    let tone = match notification.state {
        NotificationState::Waiting => "busy",
        NotificationState::Delivered => "good",
        NotificationState::Dead => "bad",
    };
    Row {
        event: context.t.named("event", &notification.event),
        state: Badge::new(tone, context.t.named("notification", notification.state.as_str())),
        created: context.when(notification.created_at),
        attempts: notification.attempts,
        next: notification.next_at.map(|at| context.ago(at)),
        ended: notification.ended_at.map(|at| context.when(at)),
        error: notification.last_error,
        is_waiting: notification.state == NotificationState::Waiting,
        id: notification.id,
        account: notification.account,
        number: notification.number,
        body: notification.body,
    }
}

#[derive(Template)]
#[template(path = "console/notifications.html")]
struct NotificationsPage {
    shell: Shell,
    frame: Frame,
    account: String,
    states: Vec<Choice>,
    rows: Vec<Row>,
    any_dead: bool,
}

pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let context = state.view(request.texts());
    let t = context.t;
    let ListPage { filter, rows, frame } = list::page::<NotificationList>(&state, &request.query).await?;
    html(&NotificationsPage {
        shell: request.shell("notifications"),
        frame,
        states: choices(
            NotificationState::ALL.iter().map(|state| state.as_str()),
            |name| t.named("notification", name),
            filter.state_name(),
        ),
        any_dead: state.services.store.count_dead_notifications(1).await? > 0,
        rows: rows.into_iter().map(|notification| row(notification, context)).collect(),
        account: filter.account,
    })
}

/// Delivers one again.
pub(crate) async fn replay(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    request: ActionRequest,
) -> PageResult {
    match perform(&state, &request.session, Action::ReplayNotification { id }).await? {
        Outcome::Done => Ok(back_done("/console/notifications", "replayed")),
        _ => Err(PageError::NotFound),
    }
}

/// Delivers every dead one again, or those of one account.
pub(crate) async fn replay_dead(State(state): State<ConsoleState>, request: ActionRequest) -> PageResult {
    let account = request.form.some("account").map(str::to_owned);
    match perform(&state, &request.session, Action::ReplayDead { account }).await? {
        Outcome::DoneTo(count) => {
            Ok(back_done("/console/notifications", &format!("replayed_dead&count={count}")))
        }
        _ => Err(PageError::NotFound),
    }
}
