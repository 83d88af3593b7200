//! From an answer that is none to a kind of failure: the definition's rules first, then what HTTP says.

use super::http::Answer;
use crate::definition::plan::{ErrorsPlan, ResetFormat};
use crate::jq::{Globals, Program, text_of};
use jaq_json::Val;
use jiff::tz::TimeZone;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::time::Duration;
use thiserror::Error;

/// No operator means a longer wait than this.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
const LONGEST_CODE: usize = 40;

/// Why a reading did not come about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}: {detail}")]
pub struct ReadError {
    /// Which of the closed list.
    pub kind: FailureKind,
    /// A sentence that can be shown to a customer: no URL, no secret, nothing of the answer but a short code.
    pub detail: String,
    /// When the operator says it makes sense to ask again.
    pub retry_after: Option<Duration>,
    /// The HTTP status, where there was an answer.
    pub http_status: Option<u16>,
}

impl ReadError {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, http_status: None }
    }

    pub(crate) fn bad_answer(detail: impl Into<String>) -> Self {
        Self::new(FailureKind::BadAnswer, detail)
    }

    /// Every step was passed over.
    pub(crate) fn no_step() -> Self {
        Self::bad_answer("No step of the definition yielded an answer.")
    }

    pub(crate) const fn with_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }
}

/// What a failure is called where the definition has no sentence of its own.
pub(crate) const fn sentence(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Auth => "The operator does not accept our credentials.",
        FailureKind::TokenExpired => "The operator does not accept our log-in any more.",
        FailureKind::NotFound => "The operator does not know this SIM.",
        FailureKind::RateLimited => "The operator says that it is asked too often.",
        FailureKind::BadRequest => "The operator found our request wrong.",
        FailureKind::Temporary => "The operator has a problem at the moment.",
        FailureKind::Unsupported => "The operator has no usage in bytes for this SIM.",
        FailureKind::BadAnswer => "The operator gave an answer that cannot be used.",
    }
}

/// What is known when an answer is judged.
pub(crate) struct Judge<'a> {
    pub(crate) errors: &'a ErrorsPlan,
    pub(crate) globals: &'a Globals,
    /// The step's name, or `login`.
    pub(crate) step: &'a str,
    pub(crate) success: Option<&'a Program>,
    /// Whether an HTTP 401 can mean that our log-in has run out.
    pub(crate) logged_in: bool,
    pub(crate) needs_body: bool,
    pub(crate) now: UnixMs,
}

impl Judge<'_> {
    /// Whether the answer is one; else what it means.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<(), ReadError> {
        let body = answer.body.as_ref().unwrap_or(&Val::Null);
        for rule in &self.errors.rules {
            let concerns = rule.step.as_ref().is_none_or(|step| step == self.step)
                && (rule.status.is_empty() || rule.status.contains(&answer.status))
                && rule.when.as_ref().is_none_or(|when| when.holds(body, self.globals));
            if concerns {
                let told = rule.retry_after.as_ref().and_then(|from| self.seconds(from, body));
                let detail = rule.detail.as_deref().unwrap_or(sentence(rule.kind));
                return Err(self.error(rule.kind, detail, answer, told));
            }
        }
        match self.by_status(answer) {
            Some((kind, detail)) => Err(self.error(kind, detail, answer, None)),
            None if self.needs_body && answer.body.is_none() => Err(self.not_json(answer)),
            None if self.success.is_some_and(|success| !success.holds(body, self.globals)) => Err(self
                .error(
                    FailureKind::BadAnswer,
                    "The operator reports an error the definition does not know.",
                    answer,
                    None,
                )),
            None => Ok(()),
        }
    }

    fn by_status(&self, answer: &Answer) -> Option<(FailureKind, &'static str)> {
        let kind = match answer.status {
            200..=299 => return None,
            300..=399 => {
                let detail = "The operator answered with a redirect; redirects are not followed.";
                return Some((FailureKind::BadAnswer, detail));
            }
            401 if self.logged_in => FailureKind::TokenExpired,
            401 | 403 => FailureKind::Auth,
            404 if answer.body.is_none() && !answer.text.trim().is_empty() => {
                // The whole path is unknown there, not the SIM.
                let detail =
                    "The operator's server does not know the address asked; the base URL may be wrong.";
                return Some((FailureKind::BadAnswer, detail));
            }
            404 | 410 => FailureKind::NotFound,
            429 => FailureKind::RateLimited,
            408 | 425 | 500..=599 => FailureKind::Temporary,
            400..=499 => FailureKind::BadRequest,
            _ => FailureKind::BadAnswer,
        };
        Some((kind, sentence(kind)))
    }

    fn not_json(&self, answer: &Answer) -> ReadError {
        let text = answer.text.trim_start();
        let detail = if text.is_empty() {
            "The operator's answer is empty."
        } else if text.starts_with('<') {
            "The operator answered with a web page instead of JSON; the base URL may be wrong."
        } else {
            "The operator's answer is not JSON."
        };
        ReadError::bad_answer(detail).with_status(answer.status)
    }

    fn error(&self, kind: FailureKind, detail: &str, answer: &Answer, told: Option<Duration>) -> ReadError {
        let body = answer.body.as_ref().unwrap_or(&Val::Null);
        let code = self.errors.code.as_ref().and_then(|code| code.one(body, self.globals).ok().flatten());
        let detail = match code.map(|code| text_of(&code)).filter(|code| is_presentable(code)) {
            Some(code) => format!("{detail} (operator code {code})"),
            None => detail.to_owned(),
        };
        let waits = matches!(kind, FailureKind::RateLimited | FailureKind::Temporary);
        let retry_after =
            waits.then(|| self.retry_after(answer).or(told)).flatten().map(|wait| wait.min(LONGEST_WAIT));
        ReadError { kind, detail, retry_after, http_status: Some(answer.status) }
    }

    fn seconds(&self, from: &Program, body: &Val) -> Option<Duration> {
        let seconds = from.one(body, self.globals).ok().flatten()?;
        text_of(&seconds).parse().ok().map(Duration::from_secs)
    }

    /// `Retry-After` in seconds or as a date, else the definition's own header.
    fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        let until = |at: UnixMs| at.since(self.now);
        if let Some(told) = answer.header("retry-after") {
            let told = told.trim();
            let wait = match told.parse() {
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => jiff::fmt::rfc2822::parse(told)
                    .ok()
                    .map(|at| until(UnixMs(at.timestamp().as_millisecond()))),
            };
            if wait.is_some() {
                return wait;
            }
        }
        let (name, format) = self.errors.reset_header.as_ref()?;
        let told = answer.header(name)?;
        match format {
            ResetFormat::SecondsFromNow => told.trim().parse().ok().map(Duration::from_secs),
            ResetFormat::Date(format) => format.read(told, &TimeZone::UTC).map(until),
        }
    }
}

/// A code is quoted only where it looks like one, so that an answer's text never reaches a customer.
fn is_presentable(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= LONGEST_CODE
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
