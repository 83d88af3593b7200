//! Logging in and out, and each visitor's language and theme.

use crate::action::{Action, perform};
use crate::cookie::{Cookie, new_token, session_key};
use crate::error::{PageError, PageResult};
use crate::fields::Fields;
use crate::page::{Shell, html, is_own_path};
use crate::request::{FormRequest, visitor};
use crate::state::ConsoleState;
use crate::throttle::Try;
use crate::visitor::{Theme, Visitor};
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use simgauge_admin::password;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_protocol::Language;
use simgauge_store::{Admin, Session};
use std::time::Duration;

/// How long a log-in waits while others are checked.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Characters of a name that are looked at: one more than the longest name of an admin has.
const NAME_SHOWN: usize = 65;

#[derive(Template)]
#[template(path = "console/login.html")]
struct LoginPage {
    shell: Shell,
    next: String,
    name: String,
    error: Option<String>,
    /// Nobody can log in yet.
    no_admins: bool,
}

/// The form.
pub(crate) async fn page(State(state): State<ConsoleState>, request: Request) -> PageResult {
    let (parts, _) = request.into_parts();
    let visitor = visitor(&parts)?;
    let query = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let next = next_of(query.get("next"));
    if visitor.session.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    let no_admins = state.services.store.admins().await?.is_empty();
    let shell = Shell::new(&visitor, "login");
    html(&LoginPage { shell, next, name: String::new(), error: None, no_admins })
}

fn next_of(asked: &str) -> String {
    if is_own_path(asked) && !asked.starts_with("/console/login") {
        asked.to_owned()
    } else {
        "/console".to_owned()
    }
}

/// Checks name and password, and begins a session.
pub(crate) async fn log_in(State(state): State<ConsoleState>, request: FormRequest) -> PageResult {
    let FormRequest { visitor, form } = request;
    // A longer one is nobody's. It is neither logged nor shown again as a whole.
    let name: String = form.get("name").chars().take(NAME_SHOWN).collect();
    let next = next_of(form.get("next"));
    let now = state.services.clock.now();
    let address = visitor.address_in_words();
    // Looked up before the password is: names of admins are counted apart.
    let admin = state.services.store.admin(&name).await?;
    let log_in = Try { name: &name, is_admin: admin.is_some(), address: visitor.address };
    if let Err(wait) = state.throttle.begin(log_in, now) {
        tracing::warn!(name, address, "too many failed log-ins; this one was not looked at");
        let minutes = whole_seconds_up(wait).div_ceil(60).to_string();
        let text = visitor.texts.fill("login.wait", &[&minutes]);
        let mut response = refused(&visitor, next, name, text, StatusCode::TOO_MANY_REQUESTS)?;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds_up(wait)));
        return Ok(response);
    }
    let Some(admin) = checked(&state, admin, form.raw("password").into()).await? else {
        tracing::warn!(name, address, "a log-in failed");
        let text = visitor.texts.get("login.wrong").to_owned();
        return refused(&visitor, next, name, text, StatusCode::UNAUTHORIZED);
    };
    state.throttle.succeeded(log_in);
    let token = new_token()?;
    let longest = i64::try_from(state.config.session_longest().as_millis()).unwrap_or(i64::MAX);
    let stale = UnixMs(now.0.saturating_sub(longest));
    state.services.store.begin_session(&session_key(&token), &admin.name, now, stale).await?;
    let session = Session { admin: admin.name, role: admin.role, created_at: now, seen_at: now };
    perform(&state, &session, Action::LogIn).await?;
    let mut response = Redirect::to(&next).into_response();
    set_cookie(&mut response, Cookie::Session, &token, &visitor)?;
    set_cookie(&mut response, Cookie::Visit, "", &visitor)?;
    Ok(response)
}

/// The admin, if the password is right and they may log in. It takes as long if there is no such admin.
async fn checked(
    state: &ConsoleState,
    admin: Option<Admin>,
    password: SecretString,
) -> PageResult<Option<Admin>> {
    let Ok(Ok(_permit)) = tokio::time::timeout(MAX_WAIT, state.log_ins.acquire()).await else {
        return Err(PageError::Busy);
    };
    let hash =
        admin.as_ref().map_or_else(|| password::UNKNOWN_ADMIN.to_owned(), |admin| admin.password.clone());
    let right = tokio::task::spawn_blocking(move || password::is_right(&password, &hash))
        .await
        .map_err(PageError::internal)?;
    Ok(admin.filter(|admin| right && !admin.disabled))
}

fn refused(visitor: &Visitor, next: String, name: String, error: String, status: StatusCode) -> PageResult {
    let shell = Shell::new(visitor, "login");
    let mut response = html(&LoginPage { shell, next, name, error: Some(error), no_admins: false })?;
    *response.status_mut() = status;
    Ok(response)
}

/// Ends the session.
pub(crate) async fn log_out(State(state): State<ConsoleState>, request: FormRequest) -> PageResult {
    let visitor = &request.visitor;
    if let Some(session) = &visitor.session {
        perform(&state, session, Action::LogOut { session_key: visitor.session_key.clone() }).await?;
    }
    let mut response = Redirect::to("/console/login?done=logged_out").into_response();
    set_cookie(&mut response, Cookie::Session, "", visitor)?;
    Ok(response)
}

/// Keeps a language or a theme, and goes back.
pub(crate) async fn set_preferences(request: FormRequest) -> PageResult {
    let FormRequest { visitor, form } = request;
    let back = Some(form.get("back")).filter(|path| is_own_path(path)).unwrap_or("/console");
    let mut response = Redirect::to(back).into_response();
    if let Some(language) = Language::parse(form.get("language")) {
        set_cookie(&mut response, Cookie::Language, language.as_str(), &visitor)?;
    }
    if let Some(theme) = Theme::parse(form.get("theme")) {
        set_cookie(&mut response, Cookie::Theme, theme.as_str(), &visitor)?;
    }
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: Cookie, value: &str, visitor: &Visitor) -> PageResult<()> {
    let line = HeaderValue::from_str(&cookie.line(value, visitor.is_https)).map_err(PageError::internal)?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(())
}
