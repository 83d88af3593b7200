use secrecy::SecretString;
use std::collections::BTreeMap;
use std::time::Duration;
use thiserror::Error;

/// The platform's own account at an operator: what a definition needs to be run.
#[derive(Clone, Debug, Default)]
pub struct OperatorAccount {
    pub name: String,
    /// Replaces the definition's base URL, for another pod or region or a simulator.
    pub base_url: Option<String>,
    /// Permits plain HTTP.
    pub allow_http: bool,
    pub settings: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, SecretString>,
    pub timeouts: Timeouts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// One HTTP call, to the last byte of its answer.
    pub step: Duration,
    /// All HTTP calls of one reading. Time spent waiting for the gate does not count.
    pub total: Duration,
    /// The most bytes of one answer.
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
    #[error("operator account `{account}`: missing secret(s) {}", list(.names))]
    MissingSecrets { account: String, names: Vec<String> },
    #[error("operator account `{account}`: missing setting(s) {}", list(.names))]
    MissingSettings { account: String, names: Vec<String> },
    /// Names that the definition does not have. Most likely they are misspelt.
    #[error("operator account `{account}`: the definition knows no {what} {}", list(.names))]
    Unknown {
        account: String,
        /// `setting(s)` or `secret(s)`.
        what: &'static str,
        names: Vec<String>,
    },
    /// A setting with a value that there is not.
    #[error("operator account `{account}`: the setting `{name}` must be one of {}", list(.one_of))]
    NotOneOf { account: String, name: String, one_of: Vec<String> },
    #[error("operator account `{account}`: `base_url` is needed, the definition has none")]
    NoBaseUrl { account: String },
    /// Not an absolute `http` or `https` URL, or with a user or a query in it.
    #[error("operator account `{account}`: {what} is not a usable URL")]
    BadUrl { account: String, what: String },
    /// Plain HTTP is not permitted.
    #[error(
        "operator account `{account}`: {what} is plain http; use https, \
         or permit it with `allow_http = true`"
    )]
    PlainHttp { account: String, what: String },
    #[error("operator account `{account}`: the HTTP client could not be set up (are there CA certificates?)")]
    Client { account: String },
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
