//! An operator's limits, as its documentation states them.

use serde::{Deserialize, Serialize};

/// Which calls a bucket counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All calls with the credentials of one operator account.
    Credential,
    /// All calls of this platform to one host, by all operator accounts together.
    Host,
    /// Calls about one SIM.
    Iccid,
    /// Log-in calls.
    Login,
}

/// At most `limit` calls in any `per_seconds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Which calls are counted together.
    pub scope: Scope,
    /// The number of calls, at least 1.
    pub limit: u32,
    /// The length of the window in seconds, at least 1.
    pub per_seconds: u32,
}

/// All limits of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Rate limits. A call has to keep each one that counts it.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
    /// Calls in flight at once for one operator account, at least 1.
    pub max_concurrent: u32,
    /// The least time between two readings of one SIM, in seconds; 0 is no limit.
    #[serde(default)]
    pub min_refresh_seconds: u32,
    /// The longest time that the operator's documentation lets a `Retry-After` ask for, in seconds. Longer
    /// ones are cut to it. Without it each is honoured to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_max_seconds: Option<u32>,
}
