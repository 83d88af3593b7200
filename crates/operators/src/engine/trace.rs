//! What a reading did, step by step, for people. Secrets are masked.

use super::answer::Answer;
use super::error::ReadError;
use super::http::{Body, Outgoing};
use crate::definition::plan::RequestPlan;
use crate::definition::raw::Method;
use crate::template::RFC3986;
use percent_encoding::utf8_percent_encode;
use quick_xml::escape::escape;
use std::fmt;
use std::time::Duration;

const MAX_BODY_CHARS: usize = 4000;
const MASK: &str = "***";
/// A shorter secret, such as an id of one digit, is masked only where it stands alone.
const ALWAYS_MASKED_LENGTH: usize = 8;

/// One HTTP call of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTrace {
    /// The step's name, or `login`.
    pub step: String,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Base URL, path and query as called, secrets masked.
    pub url: String,
    /// The path as written in the definition.
    pub path_template: String,
    /// Headers. All but `Accept` and `Content-Type` are masked.
    pub request_headers: Vec<(String, String)>,
    /// The body as sent, secrets masked.
    pub request_body: String,
    pub took: Duration,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The answer's text, secrets masked, cut to 4000 characters.
    pub answer: String,
    /// Why there was no answer.
    pub failure: Option<String>,
}

impl fmt::Display for StepTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} {}", self.step, self.method, self.url)?;
        for (name, value) in &self.request_headers {
            writeln!(f, "  > {name}: {value}")?;
        }
        for line in self.request_body.lines() {
            writeln!(f, "  > {line}")?;
        }
        let status = self.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
        writeln!(f, "  < {status} after {} ms", self.took.as_millis())?;
        for line in self.answer.lines() {
            writeln!(f, "  < {line}")?;
        }
        self.failure.iter().try_for_each(|failure| writeln!(f, "  ! {failure}"))
    }
}

/// Collects traces, and the texts that must not appear in them.
#[derive(Default)]
pub(crate) struct Tracer {
    secrets: Vec<String>,
    pub(crate) traces: Vec<StepTrace>,
}

impl Tracer {
    pub(crate) fn hide<'a>(&mut self, secrets: impl IntoIterator<Item = &'a String>) {
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            // Also as it is written in a URL, in XML and in JSON.
            self.secrets.push(escape(secret.as_str()).into_owned());
            let json = serde_json::Value::from(secret.as_str()).to_string();
            self.secrets.push(utf8_percent_encode(secret, RFC3986).to_string());
            self.secrets.push(json.trim_matches('"').to_owned());
            self.secrets.push(secret.clone());
        }
        // The longest first, so that masking a secret within another one leaves nothing of it.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for trace in &mut self.traces {
            for text in [&mut trace.answer, &mut trace.url, &mut trace.request_body] {
                *text = masked(&self.secrets, text);
            }
        }
    }

    pub(crate) fn note(
        &mut self,
        step: &str,
        plan: &RequestPlan,
        outgoing: &Outgoing,
        took: Duration,
        outcome: &Result<Answer, ReadError>,
    ) {
        let mask = |text: &str| masked(&self.secrets, text);
        let pairs = |pairs: &[(String, String)]| {
            let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", mask(value)));
            pairs.collect::<Vec<_>>().join("&")
        };
        let query =
            if outgoing.query.is_empty() { String::new() } else { format!("?{}", pairs(&outgoing.query)) };
        let open = ["accept", "content-type"];
        self.traces.push(StepTrace {
            step: step.to_owned(),
            method: match outgoing.method {
                Method::Get => "GET",
                Method::Post => "POST",
            },
            url: format!("{}{query}", mask(&outgoing.url)),
            path_template: plan.path_source.clone(),
            request_headers: outgoing
                .headers
                .iter()
                .map(|(name, value)| {
                    let shown = if open.contains(&name.to_ascii_lowercase().as_str()) {
                        mask(value)
                    } else {
                        MASK.into()
                    };
                    (name.clone(), shown)
                })
                .collect(),
            request_body: match &outgoing.body {
                Body::None => String::new(),
                Body::Form(fields) => pairs(fields),
                Body::Json(value) => mask(&value.to_string()),
            },
            took,
            status: outcome.as_ref().map_or_else(|error| error.http_status, |answer| Some(answer.status)),
            answer: outcome
                .as_ref()
                .map(|answer| mask(&answer.text).chars().take(MAX_BODY_CHARS).collect())
                .unwrap_or_default(),
            failure: outcome.as_ref().err().map(ToString::to_string),
        });
    }
}

fn masked(secrets: &[String], text: &str) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        if secret.len() >= ALWAYS_MASKED_LENGTH {
            text.replace(secret.as_str(), MASK)
        } else {
            masked_alone(secret, &text)
        }
    })
}

/// Masks a short secret where no letter and no digit is beside it.
fn masked_alone(secret: &str, text: &str) -> String {
    let (mut masked, mut from) = (String::with_capacity(text.len()), 0);
    for (at, found) in text.match_indices(secret) {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        if !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric) {
            masked.push_str(&text[from..at]);
            masked.push_str(MASK);
            from = at + found.len();
        }
    }
    masked.push_str(&text[from..]);
    masked
}
