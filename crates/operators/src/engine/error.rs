use simgauge_domain::failure::FailureKind;
use std::time::Duration;
use thiserror::Error;

/// Why a reading failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}: {detail}")]
pub struct ReadError {
    pub kind: FailureKind,
    /// A sentence that may be shown to a customer. It has no URL and no secret, and of the answer at most a
    /// short code.
    pub detail: String,
    /// How long the operator asks to wait before the next call.
    pub retry_after: Option<Duration>,
    /// The HTTP status, where there was an answer.
    pub http_status: Option<u16>,
    /// Where it is that a log-in has ended: which of the definition's.
    pub(crate) ended_login: Option<usize>,
}

impl ReadError {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, http_status: None, ended_login: None }
    }

    /// With the kind's own sentence.
    pub(crate) fn of_kind(kind: FailureKind) -> Self {
        Self::new(kind, sentence(kind))
    }

    pub(crate) fn bad_answer(detail: impl Into<String>) -> Self {
        Self::new(FailureKind::BadAnswer, detail)
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(FailureKind::BadRequest, detail)
    }

    pub(crate) const fn with_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }
}

/// The detail of a failure for which the definition has no sentence of its own.
pub(crate) const fn sentence(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Auth => "The operator does not accept our credentials.",
        FailureKind::TokenExpired => "The operator does not accept our log-in any more.",
        FailureKind::NotFound => "The operator does not know this SIM.",
        FailureKind::RateLimited => "The operator says that it is asked too often.",
        FailureKind::BadRequest => "The operator found our request wrong.",
        FailureKind::Temporary => "The operator has a problem at the moment.",
        FailureKind::Unsupported => "The operator has no usage in bytes for this SIM.",
        // The others are never of an attempt, and no definition has them.
        FailureKind::BadAnswer
        | FailureKind::Internal
        | FailureKind::OperatorDown
        | FailureKind::OperatorPaused
        | FailureKind::QueueTimeout => "The operator gave an answer that cannot be used.",
    }
}
