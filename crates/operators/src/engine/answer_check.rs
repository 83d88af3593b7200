//! Decides whether an answer is a failure, and of which kind: by the definition's rules first, then by HTTP.

use super::allowance;
use super::answer::{Answer, Unread};
use super::error::{ReadError, sentence};
use crate::definition::plan::ErrorsPlan;
use crate::jq::{Globals, Program, text_of};
use crate::json::JsonError;
use jaq_json::Val;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::time::Duration;

const MAX_CODE_LENGTH: usize = 40;

/// What is known when an answer is checked.
pub(super) struct AnswerCheck<'a> {
    pub(super) errors: &'a ErrorsPlan,
    pub(super) globals: &'a Globals,
    /// The step's name, or `login`.
    pub(super) step: &'a str,
    pub(super) success: Option<&'a Program>,
    /// How many log-ins the request went with. An HTTP 401 can mean that the last one has ended.
    pub(super) logins: usize,
    pub(super) needs_body: bool,
    pub(super) now: UnixMs,
}

impl AnswerCheck<'_> {
    /// # Errors
    /// What the answer means, where it is a failure.
    pub(super) fn check(&self, answer: &Answer) -> Result<(), ReadError> {
        let body = answer.body_or_null();
        for rule in &self.errors.rules {
            let concerns = (rule.steps.is_empty() || rule.steps.iter().any(|step| step == self.step))
                && (rule.status.is_empty() || rule.status.contains(&answer.status))
                && rule.when.as_ref().is_none_or(|when| when.holds(body, self.globals));
            if concerns {
                let wait = rule.retry_after.as_ref().and_then(|from| self.seconds(from, body));
                let detail = rule.detail.as_deref().unwrap_or(sentence(rule.kind));
                let error = self.error(rule.kind, detail, answer, wait);
                return Err(ReadError { ended_login: rule.login.or(error.ended_login), ..error });
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
            401 if self.logins > 0 => FailureKind::TokenExpired,
            401 | 403 => FailureKind::Auth,
            404 if answer.body.is_none() && !answer.text.trim().is_empty() => {
                // The whole path is unknown, not the SIM.
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
        let detail = if let Some(Unread::Xml(error)) = &answer.unread {
            error.to_string()
        } else if let Some(Unread::Json(JsonError::Twice(name))) = &answer.unread {
            let name = if is_presentable(name) { format!("`{name}`") } else { "a name".to_owned() };
            format!(
                "The operator's answer has {name} twice in one object: which of them counts, nobody knows."
            )
        } else if text.is_empty() {
            "The operator's answer is empty.".to_owned()
        } else if text.starts_with('<') {
            "The operator answered with a web page instead of JSON; the base URL may be wrong.".to_owned()
        } else {
            "The operator's answer is not JSON.".to_owned()
        };
        ReadError::bad_answer(detail).with_status(answer.status)
    }

    fn error(
        &self,
        kind: FailureKind,
        detail: &str,
        answer: &Answer,
        rule_wait: Option<Duration>,
    ) -> ReadError {
        let body = answer.body_or_null();
        let code = self.errors.code.as_ref().and_then(|code| code.one(body, self.globals).ok().flatten());
        let detail = match code.map(|code| text_of(&code)).filter(|code| is_presentable(code)) {
            Some(code) => format!("{detail} (operator code {code})"),
            None => detail.to_owned(),
        };
        let waits = matches!(kind, FailureKind::RateLimited | FailureKind::Temporary);
        let retry_after = waits.then(|| self.retry_after(answer).or(rule_wait)).flatten();
        let ended_login = self.logins.checked_sub(1).filter(|_| kind == FailureKind::TokenExpired);
        ReadError { kind, detail, retry_after, http_status: Some(answer.status), ended_login }
    }

    fn seconds(&self, from: &Program, body: &Val) -> Option<Duration> {
        let seconds = from.one(body, self.globals).ok().flatten()?;
        text_of(&seconds).parse().ok().map(Duration::from_secs)
    }

    /// `Retry-After` in seconds or as a date, otherwise the definition's own header.
    fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        if let Some(value) = answer.header("retry-after") {
            let value = value.trim();
            let wait = match value.parse() {
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => jiff::fmt::rfc2822::parse(value)
                    .ok()
                    .map(|at| UnixMs(at.timestamp().as_millisecond()).since(self.now)),
            };
            if wait.is_some() {
                return wait;
            }
        }
        let (name, format) = self.errors.reset_header.as_ref()?;
        allowance::until(answer, name, format, self.now)
    }
}

/// A code is quoted only where it looks like a code, so that an answer's text never reaches a customer.
fn is_presentable(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= MAX_CODE_LENGTH
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
