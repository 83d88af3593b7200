//! Apps: appkeys and their secrets, each shown once.

use crate::action::{Action, Outcome, perform};
use crate::error::{PageError, PageResult};
use crate::fields::Fields;
use crate::list::{self, Frame, ListPage, WholeList};
use crate::page::{Shell, back_done, html};
use crate::request::{ActionRequest, PageRequest};
use crate::state::ConsoleState;
use crate::view::{ViewContext, When};
use askama::Template;
use axum::extract::{Path, State};
use secrecy::ExposeSecret as _;
use simgauge_domain::names;
use simgauge_domain::time::UnixMs;
use simgauge_store::App;
use std::time::Duration;

/// How long an old secret can be kept beside the new one.
const KEEP_OLD: Duration = Duration::from_secs(24 * 3600);

/// Every app. No secret is in its export.
#[derive(Clone, Default)]
pub(crate) struct AppList;

impl WholeList for AppList {
    const NAME: &'static str = "apps";
    const COLUMNS: &'static [&'static str] = &["appkey", "account", "label", "disabled", "created_at"];
    type Row = App;

    async fn all(state: &ConsoleState) -> PageResult<Vec<App>> {
        Ok(state.services.store.apps().await?)
    }

    fn key(app: &App) -> &str {
        &app.appkey
    }

    fn cells(app: App) -> Vec<String> {
        let created = UnixMs(app.created_at).seconds().to_string();
        vec![app.appkey, app.account, app.label, app.disabled.to_string(), created]
    }
}

struct Row {
    appkey: String,
    account: String,
    label: String,
    is_disabled: bool,
    /// Until when the old secret is valid too.
    old_until: Option<When>,
    created: When,
}

fn row(app: App, context: ViewContext<'_>) -> Row {
    let old_until = app.old_until.map(UnixMs).filter(|until| context.now < *until);
    Row {
        created: context.when(UnixMs(app.created_at)),
        old_until: old_until.map(|until| context.when(until)),
        appkey: app.appkey,
        account: app.account,
        label: app.label,
        is_disabled: app.disabled != 0,
    }
}

/// What somebody fills in to create an app.
#[derive(Default)]
struct Draft {
    account: String,
    appkey: String,
    label: String,
}

impl Draft {
    fn read(fields: &Fields) -> Self {
        let field = |name: &str| fields.get(name).to_owned();
        Self { account: field("account"), appkey: field("appkey"), label: field("label") }
    }
}

#[derive(Template)]
#[template(path = "console/apps.html")]
struct AppsPage {
    shell: Shell,
    frame: Frame,
    rows: Vec<Row>,
    accounts: Vec<String>,
    draft: Draft,
    problem: Option<String>,
    /// An appkey and its secret, this once.
    secret: Option<(String, String)>,
}

pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let draft = Draft { account: request.query.get("account").to_owned(), ..Draft::default() };
    html(&apps_page(&state, request.shell("apps"), &request.query, draft).await?)
}

async fn apps_page(state: &ConsoleState, shell: Shell, query: &Fields, draft: Draft) -> PageResult<AppsPage> {
    let context = state.view(shell.t);
    let ListPage { rows, frame, .. } = list::page::<AppList>(state, query).await?;
    let accounts = state.services.store.accounts().await?;
    Ok(AppsPage {
        shell,
        frame,
        rows: rows.into_iter().map(|app| row(app, context)).collect(),
        accounts: accounts.into_iter().map(|account| account.name).collect(),
        draft,
        problem: None,
        secret: None,
    })
}

/// Creates an app and shows its secret.
pub(crate) async fn create(State(state): State<ConsoleState>, request: ActionRequest) -> PageResult {
    let t = request.visitor.texts;
    let draft = Draft::read(&request.form);
    let problem = if !draft.appkey.is_empty() && names::name(&draft.appkey).is_err() {
        t.get("apps.bad_appkey").to_owned()
    } else if names::label(&draft.label).is_err() {
        t.get("apps.bad_label").to_owned()
    } else {
        let action = Action::CreateApp {
            account: draft.account.clone(),
            appkey: Some(draft.appkey.clone()).filter(|appkey| !appkey.is_empty()),
            label: draft.label.clone(),
        };
        match perform(&state, &request.session, action).await? {
            Outcome::Secret { appkey, secret } => {
                return secret_page(&state, &request, appkey, secret.expose_secret()).await;
            }
            Outcome::Exists => t.fill("apps.exists", &[&draft.appkey]),
            _ => t.fill("apps.no_account", &[&draft.account]),
        }
    };
    let shell = Shell::new(&request.visitor, "apps");
    let mut page = apps_page(&state, shell, &Fields::default(), draft).await?;
    page.problem = Some(problem);
    html(&page)
}

/// Gives an app another secret and shows it.
pub(crate) async fn rotate(
    State(state): State<ConsoleState>,
    Path(appkey): Path<String>,
    request: ActionRequest,
) -> PageResult {
    let keep_old = request.form.some("keep").map(|_| KEEP_OLD);
    let action = Action::RotateApp { appkey, keep_old };
    match perform(&state, &request.session, action).await? {
        Outcome::Secret { appkey, secret } => {
            secret_page(&state, &request, appkey, secret.expose_secret()).await
        }
        _ => Err(PageError::NotFound),
    }
}

/// The page with a new secret. No later page shows it again.
async fn secret_page(
    state: &ConsoleState,
    request: &ActionRequest,
    appkey: String,
    secret: &str,
) -> PageResult {
    let shell = Shell::new(&request.visitor, "apps");
    let mut page = apps_page(state, shell, &Fields::default(), Draft::default()).await?;
    page.secret = Some((appkey, secret.to_owned()));
    html(&page)
}

/// Refuses an app's calls from now on.
pub(crate) async fn disable(
    state: State<ConsoleState>,
    appkey: Path<String>,
    request: ActionRequest,
) -> PageResult {
    set_disabled(state, appkey, request, true).await
}

/// Lets an app call again.
pub(crate) async fn enable(
    state: State<ConsoleState>,
    appkey: Path<String>,
    request: ActionRequest,
) -> PageResult {
    set_disabled(state, appkey, request, false).await
}

async fn set_disabled(
    State(state): State<ConsoleState>,
    Path(appkey): Path<String>,
    request: ActionRequest,
    disabled: bool,
) -> PageResult {
    match perform(&state, &request.session, Action::SetAppDisabled { appkey, disabled }).await? {
        Outcome::Done if disabled => Ok(back_done("/console/apps", "app_disabled")),
        Outcome::Done => Ok(back_done("/console/apps", "app_enabled")),
        _ => Err(PageError::NotFound),
    }
}
