//! Why an administrative action was not done.

use crate::import::ImportError;
use crate::password::PasswordError;
use simgauge_domain::identity::AmbiguousNumber;
use simgauge_domain::target_policy::TargetError;
use simgauge_store::{PackageError, StoreError};
use std::error::Error as _;

/// Why an administrative action was not done. The texts are for the person who asked for it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Something of that kind and name exists.
    #[error("{0} exists already")]
    Exists(String),
    /// Nothing of that kind and name exists.
    #[error("{0} does not exist")]
    Missing(String),
    /// The account by which a list was to be narrowed does not exist.
    #[error("there is no account {0:?}")]
    NoAccount(String),
    /// No card of that kind has the number.
    #[error("there is no {kind} {number}")]
    NoCard {
        /// `card`, `physical card` or `cloud eSIM`.
        kind: &'static str,
        number: String,
    },
    /// The account that was named has no card of that number.
    #[error("there is no card {0} of this account")]
    NotOfAccount(String),
    /// The number belongs to a card of the other kind.
    #[error("{number} is not the number of a {kind}")]
    OtherKindOfCard {
        /// The kind that was asked for.
        kind: &'static str,
        number: String,
    },
    /// The number could mean two cards.
    #[error("{0}; write = before a number to mean exactly that one")]
    AmbiguousNumber(Box<AmbiguousNumber>),
    /// A value cannot be taken.
    #[error("{field} {why}")]
    Invalid {
        field: &'static str,
        /// What it must be: `must be 1 to 64 characters`.
        why: String,
    },
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Notifications cannot be sent to that address.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The app that was to sign notifications is disabled.
    #[error("app {0} is disabled and cannot sign")]
    AppDisabled(String),
    /// No app of the account can sign notifications.
    #[error("account {0} has no enabled app whose secret could sign")]
    NoSigningApp(String),
    /// The packages of a card stay as they are.
    #[error(transparent)]
    Package(PackageError),
    #[error(transparent)]
    Import(#[from] ImportError),
    /// What was to be written cannot be written.
    #[error(transparent)]
    Output(csv::Error),
    /// Other processes may share the store, and would be left without a new key.
    #[error("other nodes may share this store and would be left without the new key")]
    OtherNodes,
    /// The key that seals secrets cannot be used or changed.
    #[error("{0:#}")]
    Keys(anyhow::Error),
    /// Too much is asked of this process at once, or it stops.
    #[error("too much at once")]
    Busy,
    #[error("the system gives no random bytes")]
    NoRandomBytes,
    #[error(transparent)]
    Store(StoreError),
    /// The store failed where only its own log line says why.
    #[error("the store failed")]
    StoreFailed,
}

impl AdminError {
    /// The error and its causes in one line: `the import broke off; nothing was stored: the file cannot be
    /// read: ...`.
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists(what) => Self::Exists(what),
            StoreError::Missing(what) => Self::Missing(what),
            StoreError::AmbiguousNumber(ambiguous) => Self::AmbiguousNumber(ambiguous),
            other => Self::Store(other),
        }
    }
}

impl From<PackageError> for AdminError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Store(error) => error.into(),
            other => Self::Package(other),
        }
    }
}
