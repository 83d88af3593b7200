//! An operator's limits, as its documentation states them.

use serde::{Deserialize, Serialize};

/// What a bucket counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All calls with one set of credentials: one operator account.
    Credential,
    /// All calls of this platform to one host, whichever operator account makes them.
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
    /// What is counted together.
    pub scope: Scope,
    /// How many calls.
    pub limit: u32,
    /// In how many seconds.
    pub per_seconds: u32,
}

/// Everything an operator limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Rate buckets; a call has to find room in each that concerns it.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
    /// Calls under way at once for one operator account.
    pub max_concurrent: u32,
    /// Least time between two readings of one SIM, in seconds.
    #[serde(default)]
    pub min_refresh_seconds: u32,
}
