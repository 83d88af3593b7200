//! The frame of every page, and how a page becomes an answer.

use crate::assets;
use crate::error::PageResult;
use crate::fields::{Fields, query};
use crate::text::{Texts, fill};
use crate::visitor::{Theme, Visitor};
use askama::Template;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use simgauge_store::{AdminRole, Session};

/// What every page shows around its own content.
pub(super) struct Shell {
    pub(super) t: Texts,
    theme: Theme,
    pub(super) csrf: String,
    /// Who is logged in.
    pub(super) session: Option<Session>,
    /// The part of the console that the page belongs to.
    active: &'static str,
    /// The page itself, to come back to.
    pub(super) path: String,
    /// What was just done, in words.
    pub(super) done: Option<String>,
    /// What could not be done, in words.
    pub(super) problem: Option<String>,
}

impl Shell {
    pub(super) fn new(visitor: &Visitor, active: &'static str) -> Self {
        let query = visitor.path.split_once('?').map_or("", |(_, query)| query);
        let fields = Fields::parse(query.as_bytes());
        let t = visitor.texts;
        Self {
            t,
            theme: visitor.theme,
            csrf: visitor.csrf.clone(),
            session: visitor.session.clone(),
            active,
            path: visitor.path.clone(),
            // Only sentences of ours: a link that somebody else made must not put words in our mouth.
            done: fields
                .some("done")
                .and_then(|key| t.known("done", key))
                .map(|done| fill(&done, &[&digits(fields.get("count"))])),
            problem: fields.some("problem").and_then(|key| t.known("problem", key)),
        }
    }

    /// Whether the admin may do more than look.
    pub(super) fn may_act(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.role == AdminRole::Full)
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
        assets::version()
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).take(20).collect()
}

/// A page of a template.
pub(super) fn html(page: &impl Template) -> PageResult {
    Ok(Html(page.render()?).into_response())
}

/// Back to a page, which then says what was done (a key of the texts `done`).
pub(super) fn back_done(path: &str, key: &str) -> Response {
    back(path, "done", key)
}

/// The same with a number in what it says, and more fields of the query.
pub(super) fn back_done_to(path: &str, key: &str, count: u64, more: &[(&str, &str)]) -> Response {
    let count = count.to_string();
    let fields = [&[("done", key), ("count", count.as_str())], more].concat();
    Redirect::to(&format!("{path}{}", query(&fields))).into_response()
}

/// Back to a page, which then says what could not be done (a key of the texts `problem`).
pub(super) fn back_problem(path: &str, key: &str) -> Response {
    back(path, "problem", key)
}

fn back(path: &str, field: &str, key: &str) -> Response {
    Redirect::to(&format!("{path}?{field}={key}")).into_response()
}

/// Whether a path is one of the console's own, to go on to after a log-in.
pub(super) fn is_own_path(path: &str) -> bool {
    let rest = path.strip_prefix("/console");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && !path.contains("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
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
