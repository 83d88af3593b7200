//! What a lane's holder says of it, for people on any node: kept with the lease in the store.

use serde::{Deserialize, Serialize};

/// Failures that a holder remembers for people.
pub const ERRORS_KEPT: usize = 5;

/// A failed attempt, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneError {
    /// When it was, in Unix seconds.
    pub at: i64,
    /// What kind of failure.
    pub kind: String,
    /// A sentence that may be shown to anyone.
    pub detail: String,
    /// The card that was to be read.
    pub card: String,
}

/// A lane as its holder sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// `ok`, `failing` (the last reading failed), `open` (standing back from an operator that keeps failing), `probing`,
    /// `paused` (somebody paused it).
    pub health: String,
    /// Waiting tasks.
    pub queue: u64,
    /// Readings under way.
    pub running: usize,
    /// Calls that could start at once; absent where the operator states no rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<usize>,
    /// Readings that ended well since the lane was taken.
    pub succeeded: u64,
    /// Attempts that failed since the lane was taken.
    pub failed: u64,
    /// The last failure: its kind and a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<i64>,
    /// The last failures, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<LaneError>,
    /// Where the lane stands back, when it asks again, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_at: Option<i64>,
    /// When a reading last ended well, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<i64>,
}

/// What a holder leaves behind when it gives a lane back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHandover {
    /// How the lane was.
    #[serde(flatten)]
    pub status: LaneStatus,
    /// For each bucket, how many milliseconds each of its calls still counted.
    pub counting: Vec<Vec<i64>>,
    /// When that was, in Unix milliseconds.
    pub at: i64,
}
