//! Why there is no page.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use simgauge_domain::identity::AmbiguousNumber;
use simgauge_store::StoreError;

/// Why there is no page. The middleware `surround` makes a page of it.
#[derive(Clone, Debug)]
pub(super) enum PageError {
    /// Nobody is logged in.
    NotLoggedIn,
    /// The admin may only look.
    ReadOnly,
    /// The form is none of ours, or of another session.
    Forged,
    NotFound,
    /// A card's number could mean two cards.
    AmbiguousNumber(Box<AmbiguousNumber>),
    /// Something is missing or wrong; says what.
    Bad(String),
    /// Too large; the most that is taken, in MiB.
    TooLarge(u64),
    /// Too much at once.
    Busy,
    /// Our fault; it was logged.
    Internal,
}

impl PageError {
    /// Our fault: logs what it is.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a page of the console failed");
        Self::Internal
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AmbiguousNumber(ambiguous) => Self::AmbiguousNumber(ambiguous),
            error => Self::internal(error),
        }
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        (Extension(self), ()).into_response()
    }
}

pub(super) type PageResult<T = Response> = Result<T, PageError>;
