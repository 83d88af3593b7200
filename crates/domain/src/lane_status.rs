//! The state of a lane as the node that holds it reports it. It is kept with the lease in the store, so that
//! every node can show it.

use serde::{Deserialize, Serialize};

/// How many failures are kept in [`LaneStatus::errors`].
pub const ERRORS_KEPT: usize = 5;

/// A failed attempt, to be shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneError {
    /// When it failed, in Unix seconds.
    pub at: i64,
    /// The name of the kind of failure ([`crate::failure::FailureKind::as_str`]).
    pub kind: String,
    /// A sentence that may be shown to anyone.
    pub detail: String,
    /// The number of the card that was to be read.
    pub card: String,
}

/// The state of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// `ok`, `failing` (the last reading failed), `open` (paused after repeated failures), `probing` (the
    /// breaker's probe is in flight), `limited` (the operator asked not to be called for a while) or `paused`
    /// (a person paused it).
    pub health: String,
    /// How many tasks wait.
    pub queue: u64,
    /// How many readings are in flight.
    pub running: usize,
    /// How many calls could start now; `None` where the operator has no rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<usize>,
    /// Readings that succeeded since this node took the lane.
    pub succeeded: u64,
    /// Attempts that failed since this node took the lane.
    pub failed: u64,
    /// The kind and the sentence of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When the last failure was, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<i64>,
    /// The last [`ERRORS_KEPT`] failures, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<LaneError>,
    /// When the next probe is allowed, in Unix seconds; `None` unless the breaker is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_at: Option<i64>,
    /// Whether the last attempt was a failure of the operator.
    #[serde(default)]
    pub is_failing: bool,
    /// Since when the operator is taken to be down, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_since: Option<i64>,
    /// Until when the operator asked not to be called, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_until: Option<i64>,
    /// When a reading last succeeded, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<i64>,
}

/// What a node leaves for the next holder when it gives a lane back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHandover {
    /// The state of the lane at that time.
    #[serde(flatten)]
    pub status: LaneStatus,
    /// For each bucket of the limits, in their order: for how many milliseconds each of its calls still
    /// counted ([`crate::pace::Pace::counting`]).
    pub counting: Vec<Vec<i64>>,
    /// When the lane was given back, in Unix milliseconds.
    pub at: i64,
}
