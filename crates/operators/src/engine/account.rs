//! The platform's own account at an operator: what a definition needs to be run.

use secrecy::SecretString;
use std::collections::BTreeMap;
use std::time::Duration;
use thiserror::Error;

/// One account at an operator.
#[derive(Clone, Debug, Default)]
pub struct OperatorAccount {
    /// The platform's name for it.
    pub name: String,
    /// Instead of the definition's base URL (another pod or region, a stand-in).
    pub base_url: Option<String>,
    /// Leave to talk plain HTTP.
    pub allow_http: bool,
    /// Values of the definition's settings.
    pub settings: BTreeMap<String, String>,
    /// Values of the definition's secrets.
    pub secrets: BTreeMap<String, SecretString>,
    /// Limits of time and size.
    pub timeouts: Timeouts,
}

/// How long a reading may take and how large an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// One HTTP call, to the last byte of its answer.
    pub step: Duration,
    /// All HTTP calls of one reading; waiting for leave to call does not count.
    pub total: Duration,
    /// Bytes of one answer.
    pub answer_cap: usize,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { step: Duration::from_secs(10), total: Duration::from_secs(30), answer_cap: 1024 * 1024 }
    }
}

/// Why an operator account cannot be used with its definition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetupError {
    /// Secrets the definition needs.
    #[error("operator account `{account}`: missing secret(s) {}", list(.names))]
    MissingSecrets {
        /// The account.
        account: String,
        /// Names of all that are missing.
        names: Vec<String>,
    },
    /// Settings without a default.
    #[error("operator account `{account}`: missing setting(s) {}", list(.names))]
    MissingSettings {
        /// The account.
        account: String,
        /// Names of all that are missing.
        names: Vec<String>,
    },
    /// Names the definition does not know: most likely misspelt.
    #[error("operator account `{account}`: the definition knows no {what} {}", list(.names))]
    Unknown {
        /// The account.
        account: String,
        /// `setting(s)` or `secret(s)`.
        what: &'static str,
        /// Names of all that are unknown.
        names: Vec<String>,
    },
    /// The definition has no base URL of its own.
    #[error("operator account `{account}`: `base_url` is needed, the definition has none")]
    NoBaseUrl {
        /// The account.
        account: String,
    },
    /// Not an absolute `http` or `https` URL, or with a user or a query in it.
    #[error("operator account `{account}`: {what} is not a usable URL")]
    BadUrl {
        /// The account.
        account: String,
        /// Which URL.
        what: String,
    },
    /// Plain HTTP without leave.
    #[error(
        "operator account `{account}`: {what} is plain http; use https, or give leave with `allow_http = true`"
    )]
    PlainHttp {
        /// The account.
        account: String,
        /// Which URL.
        what: String,
    },
    /// The HTTP client could not be set up.
    #[error("operator account `{account}`: the HTTP client could not be set up (are there CA certificates?)")]
    Client {
        /// The account.
        account: String,
    },
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
