//! Why a reading did not come about: a closed list.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of failure an operator's answer (or its absence) was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The operator does not take our credentials.
    Auth,
    /// Our log-in at the operator has run out and one new log-in did not mend it.
    TokenExpired,
    /// The operator does not know this SIM.
    NotFound,
    /// The operator says we ask too often.
    RateLimited,
    /// The operator found our request wrong.
    BadRequest,
    /// Time-out, connection trouble, 5xx: may pass.
    Temporary,
    /// The operator has the SIM but no usage in bytes for it.
    Unsupported,
    /// An answer that cannot be believed: nonsense, another SIM, or no usage in it.
    BadAnswer,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Auth,
        Self::TokenExpired,
        Self::NotFound,
        Self::RateLimited,
        Self::BadRequest,
        Self::Temporary,
        Self::Unsupported,
        Self::BadAnswer,
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
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether asking again cannot help, so that the refresh fails at once.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Auth | Self::NotFound | Self::Unsupported)
    }

    /// Whether the failure says something about the operator (counted by its breaker) rather than about one SIM.
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
