//! A call as the operators see it, and their reply.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// One HTTP call below an operator's prefix.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    /// The path's segments, decoded.
    pub(super) segments: Vec<Cow<'a, str>>,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

impl Call<'_> {
    /// Method and path, to be matched against a table of routes.
    pub(super) fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.segments.iter().map(AsRef::as_ref).collect())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the query string.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        find_pair(self.query.as_bytes(), name)
    }

    /// A parameter of a form body.
    pub(super) fn form(&self, name: &str) -> Option<String> {
        find_pair(self.body, name)
    }

    /// The body as JSON; `Null` when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or(Value::Null)
    }

    /// User and password of `Authorization: Basic`.
    pub(super) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// The token of `Authorization: Bearer`.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

/// Every pair of a query string or form.
pub(super) fn pairs(text: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    url::form_urlencoded::parse(text)
}

fn find_pair(text: &[u8], name: &str) -> Option<String> {
    pairs(text).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Splits a path into decoded segments.
pub(super) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect()
}

/// What an operator answers.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// How long the answer is held back.
    pub(super) hold: Duration,
}

pub(super) const JSON: &str = "application/json";

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let body = Bytes::from(body.to_string());
        Self { status, content_type: JSON, headers: Vec::new(), body, hold: Duration::ZERO }
    }

    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn empty(status: u16) -> Self {
        let body = Bytes::new();
        Self { status, content_type: JSON, headers: Vec::new(), body, hold: Duration::ZERO }
    }

    pub(super) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
        );
        let content_type = "text/html; charset=utf-8";
        Self { status, content_type, headers: Vec::new(), body: Bytes::from(body), hold: Duration::ZERO }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}
