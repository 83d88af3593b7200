//! Why a reading failed: a closed list.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of a failed reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The operator refuses our credentials.
    Auth,
    /// Our session at the operator has expired, and logging in again once did not help.
    TokenExpired,
    /// The operator does not know this SIM.
    NotFound,
    /// The operator says we ask too often.
    RateLimited,
    /// The operator says that our request is wrong.
    BadRequest,
    /// A time-out, a broken connection or a 5xx answer: a later attempt may succeed.
    Temporary,
    /// The operator knows the SIM but has no usage in bytes for it.
    Unsupported,
    /// The answer cannot be used: it is malformed, is about another SIM, or has no usage in it.
    BadAnswer,
    /// Ours: what was read could not be written, since a row of the store is damaged or refuses it.
    Internal,
    /// The operator kept failing until the refresh had waited too long.
    OperatorDown,
    /// The lane was paused by a person until the refresh had waited too long.
    OperatorPaused,
    /// The refresh waited too long for its turn.
    QueueTimeout,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Auth,
        Self::TokenExpired,
        Self::NotFound,
        Self::RateLimited,
        Self::BadRequest,
        Self::Temporary,
        Self::Unsupported,
        Self::BadAnswer,
        Self::Internal,
        Self::OperatorDown,
        Self::OperatorPaused,
        Self::QueueTimeout,
    ];

    /// The name used on the wire, in definitions and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::TokenExpired => "token_expired",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::BadRequest => "bad_request",
            Self::Temporary => "temporary",
            Self::Unsupported => "unsupported",
            Self::BadAnswer => "bad_answer",
            Self::Internal => "internal",
            Self::OperatorDown => "operator_down",
            Self::OperatorPaused => "operator_paused",
            Self::QueueTimeout => "queue_timeout",
        }
    }

    /// The kind with this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether another attempt cannot help. The refresh then fails at once.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Auth | Self::NotFound | Self::Unsupported) || !self.is_of_attempt()
    }

    /// Whether an attempt to read can fail so. The others are ends of refreshes without a further attempt.
    #[must_use]
    pub const fn is_of_attempt(self) -> bool {
        !matches!(self, Self::Internal | Self::OperatorDown | Self::OperatorPaused | Self::QueueTimeout)
    }

    /// Whether the failure is one of the operator and not of one SIM. The breaker counts those.
    #[must_use]
    pub const fn is_operators(self) -> bool {
        matches!(self, Self::Auth | Self::TokenExpired | Self::Temporary | Self::BadAnswer)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
