//! What surrounds every page: who looks, the frame it stands in, headers, and errors as pages.

use crate::fields::Fields;
use crate::session::{Cookie, Theme, Visitor};
use crate::state::ConsoleState;
use crate::text::Texts;
use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use simgauge_domain::time::UnixMs;
use simgauge_store::{AdminRole, Session, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Nothing but our own files, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// Why there is no page; becomes one in [`surround`].
#[derive(Clone, Debug)]
pub(super) enum PageError {
    /// Nobody is logged in.
    LogIn,
    /// The admin may only look.
    ReadOnly,
    /// The form is none of ours, or of another session.
    Forged,
    /// There is nothing here.
    NotFound,
    /// Something is missing or wrong; says what.
    Bad(String),
    /// Too large; the most that is taken, in MiB.
    TooLarge(u64),
    /// Too much at once.
    Busy,
    /// Our fault; it was logged.
    Internal,
}

impl PageError {
    /// Our fault: logs what it is.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a page of the console failed");
        Self::Internal
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        (Extension(self), ()).into_response()
    }
}

pub(super) type PageResult<T = Response> = Result<T, PageError>;

/// What every page needs beside its own content.
pub(super) struct Shell {
    pub(super) t: Texts,
    theme: Theme,
    pub(super) csrf: String,
    /// Who is logged in.
    pub(super) who: Option<Session>,
    /// The part of the console that the page belongs to.
    active: &'static str,
    /// The page itself, to come back to.
    pub(super) path: String,
    /// What was just done, in words.
    pub(super) done: Option<String>,
    /// What could not be done, in words.
    pub(super) problem: Option<String>,
    pub(super) now: UnixMs,
}

impl Shell {
    pub(super) fn new(visitor: &Visitor, active: &'static str, now: UnixMs) -> Self {
        let query = visitor.path.split_once('?').map_or("", |(_, query)| query);
        let fields = Fields::parse(query.as_bytes());
        Self {
            t: visitor.texts,
            theme: visitor.theme,
            csrf: visitor.csrf.clone(),
            who: visitor.session.clone(),
            active,
            path: visitor.path.clone(),
            // Only sentences of ours: whoever makes somebody follow a link must not put words in our mouth.
            done: fields
                .some("done")
                .and_then(|key| visitor.texts.known("done", key))
                .map(|done| crate::text::fill(&done, &[&digits(fields.get("count"))])),
            problem: fields.some("problem").and_then(|key| visitor.texts.known("problem", key)),
            now,
        }
    }

    /// Whether the admin may do more than look.
    pub(super) fn may_act(&self) -> bool {
        self.who.as_ref().is_some_and(|session| session.role == AdminRole::Full)
    }

    pub(super) fn is(&self, part: &str) -> bool {
        self.active == part
    }

    pub(super) fn is_theme(&self, name: &str) -> bool {
        self.theme.as_str() == name
    }

    pub(super) fn theme_name(&self) -> &'static str {
        self.theme.as_str()
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    pub(super) fn assets(&self) -> &'static str {
        crate::router::assets_version()
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).take(20).collect()
}

/// A page of a template.
pub(super) fn html(page: &impl Template) -> PageResult {
    Ok(Html(page.render()?).into_response())
}

/// Back to a page, saying what was done (a key of the texts `done`) or not (of `problem`).
pub(super) fn back(path: &str, says: (&str, &str)) -> Response {
    let joint = if path.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{path}{joint}{}={}", says.0, says.1)).into_response()
}

/// Somebody who looks: every handler but the log-in's takes this or [`Act`].
pub(super) struct ReadSession {
    pub(super) visitor: Arc<Visitor>,
    pub(super) query: Fields,
}

impl ReadSession {
    pub(super) fn shell(&self, active: &'static str, now: UnixMs) -> Shell {
        Shell::new(&self.visitor, active, now)
    }

    pub(super) fn texts(&self) -> Texts {
        self.visitor.texts
    }
}

impl FromRequestParts<ConsoleState> for ReadSession {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &ConsoleState) -> PageResult<Self> {
        let visitor = visitor(parts)?;
        visitor.logged_in()?;
        Ok(Self { visitor, query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()) })
    }
}

/// A form of ours, of whoever sent it: only what concerns themselves.
pub(super) struct Posted {
    pub(super) visitor: Arc<Visitor>,
    pub(super) form: Fields,
}

impl FromRequest<ConsoleState> for Posted {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &ConsoleState) -> PageResult<Self> {
        let (parts, body) = request.into_parts();
        let visitor = visitor(&parts)?;
        let body = Bytes::from_request(Request::from_parts(parts, body), state)
            .await
            .map_err(|_| PageError::Forged)?;
        let form = Fields::parse(&body);
        // No form of ours holds a NUL, and PostgreSQL takes it for a mistake of ours.
        if form.hold_nul() || !visitor.is_own_form(form.get("csrf")) {
            return Err(PageError::Forged);
        }
        Ok(Self { visitor, form })
    }
}

/// A form of ours from an admin who may act: the only way to handlers that change anything but the sender's own session.
pub(super) struct Act {
    pub(super) visitor: Arc<Visitor>,
    pub(super) who: Session,
    pub(super) form: Fields,
}

impl FromRequest<ConsoleState> for Act {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &ConsoleState) -> PageResult<Self> {
        let Posted { visitor, form } = Posted::from_request(request, state).await?;
        let who = visitor.may_act()?.clone();
        Ok(Self { visitor, who, form })
    }
}

/// Who [`surround`] found.
pub(super) fn visitor(parts: &Parts) -> PageResult<Arc<Visitor>> {
    let found = parts.extensions.get::<Arc<Visitor>>();
    found.cloned().ok_or_else(|| PageError::internal("the route is not surrounded"))
}

/// Finds out who asks, refuses what another site made them send, makes pages of errors, and adds the headers.
pub(super) async fn surround(State(state): State<ConsoleState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match Visitor::of(&state, &parts).await {
        Ok(visitor) => Arc::new(visitor),
        // Without the store nobody is known, and no language either.
        Err(_) => {
            return finish(
                (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached").into_response(),
                false,
            );
        }
    };
    parts.extensions.insert(Arc::clone(&visitor));
    let method = parts.method.clone();
    let mut response = if method != Method::GET && method != Method::HEAD && is_foreign(&parts.headers) {
        PageError::Forged.into_response()
    } else if parts.uri.path_and_query().is_some_and(|path| path.as_str().contains("%00")) {
        // Nothing that is stored has a NUL in its name.
        PageError::NotFound.into_response()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = PageError::NotFound.into_response();
    }
    if let Some(Extension(error)) = response.extensions().get::<PageError>().cloned().map(Extension) {
        response = error_page(&state, &visitor, error, method == Method::GET);
    }
    if let Some(visit) = &visitor.new_visit
        && let Ok(line) = HeaderValue::from_str(&Cookie::Visit.line(visit, visitor.secure))
    {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    finish(response, visitor.secure)
}

/// Whether another site made the browser send this. Old browsers do not say; for them there is the token alone.
fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// The headers of every answer, files included.
pub(super) fn finish(mut response: Response, secure: bool) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage {
    shell: Shell,
    title: &'static str,
    text: String,
}

fn error_page(state: &ConsoleState, visitor: &Visitor, error: PageError, is_get: bool) -> Response {
    let t = visitor.texts;
    let (status, title, text) = match error {
        PageError::LogIn => {
            let next =
                if is_get { crate::fields::query(&[("next", visitor.path.as_str())]) } else { String::new() };
            return Redirect::to(&format!("/console/login{next}")).into_response();
        }
        PageError::ReadOnly => {
            (StatusCode::FORBIDDEN, t.get("error.read_only"), t.get("error.read_only_text").to_owned())
        }
        PageError::Forged => {
            (StatusCode::FORBIDDEN, t.get("error.forged"), t.get("error.forged_text").to_owned())
        }
        PageError::NotFound => {
            (StatusCode::NOT_FOUND, t.get("error.not_found"), t.get("error.not_found_text").to_owned())
        }
        PageError::Bad(text) => (StatusCode::BAD_REQUEST, t.get("error.bad"), text),
        PageError::TooLarge(most) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            t.get("error.too_large"),
            t.fill("error.too_large_text", &[&most.to_string()]),
        ),
        PageError::Busy => {
            (StatusCode::SERVICE_UNAVAILABLE, t.get("error.busy"), t.get("error.busy_text").to_owned())
        }
        PageError::Internal => (
            StatusCode::INTERNAL_SERVER_ERROR,
            t.get("error.internal"),
            t.get("error.internal_text").to_owned(),
        ),
    };
    let shell = Shell::new(visitor, "", state.services.clock.now());
    match (ErrorPage { shell, title, text }).render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of an error failed");
            status.into_response()
        }
    }
}

/// Whether a path is one of the console's own, to go on to after a log-in.
pub(super) fn is_own_path(path: &str) -> bool {
    let rest = path.strip_prefix("/console");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && !path.contains("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
}

/// Whole seconds, for `Retry-After`.
pub(super) fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(simgauge_domain::time::whole_seconds_up(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_gone_on_to() {
        for own in ["/console", "/console/cards?q=1", "/console?x=1"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in [
            "",
            "/",
            "//evil.example",
            "/console//evil.example",
            "/consolex",
            "https://evil.example/console",
            "/console/\\x",
        ] {
            assert!(!is_own_path(other), "{other}");
        }
    }
}
