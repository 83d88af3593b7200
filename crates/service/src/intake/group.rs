//! Calls that are made durable together.

use super::inflight::InflightPermit;
use simgauge_store::{AcceptCall, AcceptOutcome, NotSynced, StoreError};
use std::time::Instant;
use tokio::sync::oneshot;

/// Why a call was neither accepted nor refused by the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// So many calls are on their way to being durable that this one would wait too long.
    QueueFull,
    /// The process stops.
    Stopping,
    /// The store's files cannot be trusted until they were opened again and checked. That may pass soon.
    /// Nothing was stored, or it is not known whether it stays.
    Untrusted,
    /// The store failed. Nothing was stored, or (where the connection broke at the commit) it is not known
    /// whether it stays.
    Store,
}

impl From<&StoreError> for NotAccepted {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Untrusted(..) => Self::Untrusted,
            _ => Self::Store,
        }
    }
}

/// Where a call's answer goes.
pub(super) type Reply = oneshot::Sender<Result<AcceptOutcome, NotAccepted>>;

/// A committed group.
pub(super) struct Group {
    pub(super) committed: NotSynced,
    pub(super) callers: Callers,
}

/// Who waits for a group's outcome.
pub(super) struct Callers {
    pub(super) calls: Vec<AcceptCall>,
    pub(super) permits: Vec<InflightPermit>,
    pub(super) replies: Vec<Reply>,
    /// When work on the group began.
    pub(super) began: Instant,
}
