//! The middleware around every page: finds out who asks, and makes pages of errors.

use crate::cookie::Cookie;
use crate::error::PageError;
use crate::fields::query;
use crate::headers::with_headers;
use crate::page::Shell;
use crate::state::ConsoleState;
use crate::visitor::Visitor;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use std::sync::Arc;

/// Finds out who asks, refuses what another site made them send, makes pages of errors, and adds the headers.
pub(super) async fn surround(State(state): State<ConsoleState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match Visitor::of(&state, &parts).await {
        Ok(visitor) => Arc::new(visitor),
        // Without the store nobody is known, and no language either.
        Err(_) => {
            let text = "the store cannot be reached";
            return with_headers((StatusCode::SERVICE_UNAVAILABLE, text).into_response(), false);
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
    if let Some(error) = response.extensions().get::<PageError>().cloned() {
        response = error_page(&visitor, error, method == Method::GET);
    }
    if let Some(visit) = &visitor.new_visit
        && let Ok(line) = HeaderValue::from_str(&Cookie::Visit.line(visit, visitor.is_https))
    {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    with_headers(response, visitor.is_https)
}

/// Whether another site made the browser send this. Old browsers do not say; then only the token counts.
fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage {
    shell: Shell,
    title: &'static str,
    text: String,
}

fn error_page(visitor: &Visitor, error: PageError, is_get: bool) -> Response {
    let t = visitor.texts;
    let (status, title, text) = match error {
        PageError::NotLoggedIn => {
            let next = if is_get { query(&[("next", visitor.path.as_str())]) } else { String::new() };
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
        PageError::AmbiguousNumber(ambiguous) => {
            let numbers = [&ambiguous.asked, &ambiguous.one, &ambiguous.other].map(String::as_str);
            (StatusCode::BAD_REQUEST, t.get("error.bad"), t.fill("error.ambiguous_number", &numbers))
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
    let shell = Shell::new(visitor, "");
    match (ErrorPage { shell, title, text }).render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of an error failed");
            status.into_response()
        }
    }
}
