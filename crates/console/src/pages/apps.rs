//! Apps: appkeys and their secrets, each shown once.

use super::{PAGE, page_after};
use crate::action::{Action, Outcome, perform};
use crate::export::csv;
use crate::page::{Act, PageError, PageResult, ReadSession, Shell, back, html};
use crate::state::ConsoleState;
use crate::view::{ViewContext, When};
use askama::Template;
use axum::extract::{Path, State};
use secrecy::ExposeSecret as _;
use simgauge_domain::names;
use simgauge_domain::time::UnixMs;
use std::time::Duration;

/// How long an old secret can be kept good beside the new one.
const KEEP_OLD: Duration = Duration::from_secs(24 * 3600);

struct Row {
    appkey: String,
    account: String,
    label: String,
    is_disabled: bool,
    /// Until when an old secret is good as well.
    old_until: Option<When>,
    created: When,
}

#[derive(Default)]
struct Draft {
    account: String,
    appkey: String,
    label: String,
}

#[derive(Template)]
#[template(path = "console/apps.html")]
struct AppsPage {
    shell: Shell,
    rows: Vec<Row>,
    accounts: Vec<String>,
    draft: Draft,
    problem: Option<String>,
    /// An appkey and its secret, this once.
    secret: Option<(String, String)>,
    is_first: bool,
    next: Option<String>,
}

/// The page.
pub(crate) async fn page(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let after = read.query.get("after").to_owned();
    let draft = Draft { account: read.query.get("account").to_owned(), ..Draft::default() };
    html(&shown(&state, read.shell("apps", state.services.clock.now()), &after, draft).await?)
}

async fn shown(state: &ConsoleState, shell: Shell, after: &str, draft: Draft) -> PageResult<AppsPage> {
    let context = ViewContext { t: shell.t, now: shell.now, zone: &state.services.zone };
    let size = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let (apps, next) = page_after(state.services.store.apps().await?, after, size, |app| &app.appkey);
    let accounts = state.services.store.accounts().await?;
    Ok(AppsPage {
        rows: apps
            .into_iter()
            .map(|app| Row {
                created: context.when(UnixMs(app.created_at)),
                old_until: app
                    .old_until
                    .map(UnixMs)
                    .filter(|until| context.now < *until)
                    .map(|until| context.when(until)),
                appkey: app.appkey,
                account: app.account,
                label: app.label,
                is_disabled: app.disabled != 0,
            })
            .collect(),
        accounts: accounts.into_iter().map(|account| account.name).collect(),
        draft,
        problem: None,
        secret: None,
        is_first: after.is_empty(),
        next,
        shell,
    })
}

/// Makes an app and shows its secret.
pub(crate) async fn create(State(state): State<ConsoleState>, act: Act) -> PageResult {
    let t = act.visitor.texts;
    let draft = Draft {
        account: act.form.get("account").to_owned(),
        appkey: act.form.get("appkey").to_owned(),
        label: act.form.get("label").to_owned(),
    };
    let wrong = if !draft.appkey.is_empty() && names::name(&draft.appkey).is_err() {
        Some(t.get("apps.bad_appkey"))
    } else if names::label(&draft.label).is_err() {
        Some(t.get("apps.bad_label"))
    } else {
        None
    };
    let shell = Shell::new(&act.visitor, "apps", state.services.clock.now());
    let problem = match wrong {
        Some(wrong) => wrong.to_owned(),
        None => {
            let action = Action::CreateApp {
                account: draft.account.clone(),
                appkey: Some(draft.appkey.clone()).filter(|appkey| !appkey.is_empty()),
                label: draft.label.clone(),
            };
            match perform(&state, &act.who, action).await? {
                Outcome::Secret { appkey, secret } => {
                    let mut page = shown(&state, shell, "", Draft::default()).await?;
                    page.secret = Some((appkey, secret.expose_secret().to_owned()));
                    return html(&page);
                }
                Outcome::Exists => t.fill("apps.exists", &[&draft.appkey]),
                _ => t.fill("apps.no_account", &[&draft.account]),
            }
        }
    };
    let mut page = shown(&state, shell, "", draft).await?;
    page.problem = Some(problem);
    html(&page)
}

/// Gives an app another secret and shows it.
pub(crate) async fn rotate(
    State(state): State<ConsoleState>,
    Path(appkey): Path<String>,
    act: Act,
) -> PageResult {
    let keep_old = (!act.form.get("keep").is_empty()).then_some(KEEP_OLD);
    let Outcome::Secret { appkey, secret } =
        perform(&state, &act.who, Action::RotateApp { appkey, keep_old }).await?
    else {
        return Err(PageError::NotFound);
    };
    let shell = Shell::new(&act.visitor, "apps", state.services.clock.now());
    let mut page = shown(&state, shell, "", Draft::default()).await?;
    page.secret = Some((appkey, secret.expose_secret().to_owned()));
    html(&page)
}

/// Refuses an app's calls.
pub(crate) async fn disable(state: State<ConsoleState>, appkey: Path<String>, act: Act) -> PageResult {
    switch(state, appkey, act, true).await
}

/// Lets it call again.
pub(crate) async fn enable(state: State<ConsoleState>, appkey: Path<String>, act: Act) -> PageResult {
    switch(state, appkey, act, false).await
}

async fn switch(
    State(state): State<ConsoleState>,
    Path(appkey): Path<String>,
    act: Act,
    disabled: bool,
) -> PageResult {
    match perform(&state, &act.who, Action::SetAppDisabled { appkey, disabled }).await? {
        Outcome::Done if disabled => Ok(back("/console/apps", ("done", "app_disabled"))),
        Outcome::Done => Ok(back("/console/apps", ("done", "app_enabled"))),
        _ => Err(PageError::NotFound),
    }
}

/// The list as CSV; never with a secret.
pub(crate) async fn export(State(state): State<ConsoleState>, _: ReadSession) -> PageResult {
    csv("apps", &["appkey", "account", "label", "disabled", "created_at"], (), move |()| {
        let state = state.clone();
        async move {
            let apps = state.services.store.apps().await?;
            let rows = apps
                .into_iter()
                .map(|app| {
                    let created = UnixMs(app.created_at).seconds().to_string();
                    vec![app.appkey, app.account, app.label, app.disabled.to_string(), created]
                })
                .collect();
            Ok((rows, None))
        }
    })
}
