//! What an operator's API is made of.

use crate::exchange::Exchange;
use crate::limits::Budget;
use crate::operation::{Operation, Problem};
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use simgauge_domain::limits::{Bucket, Limits, Scope};

/// One operator's API: facts from its documentation, and how it answers.
#[derive(Debug)]
pub(crate) struct Operator {
    /// The name in the URL.
    pub(crate) name: &'static str,
    /// The documented path of the base URL. A call may leave it out.
    pub(crate) base_path: &'static [&'static str],
    /// The documented limits.
    pub(crate) buckets: &'static [Bucket],
    pub(crate) max_concurrent: u32,
    /// The fields that hold the used bytes, for the fault that renames them.
    pub(crate) used_fields: &'static [&'static str],
    /// Whether a refusal for too many calls says how long to wait.
    pub(crate) tells_retry_after: bool,
    /// Whether it has a listing of the account's SIMs: those that were set by hand or named in a call.
    pub(crate) lists_sims: bool,
    /// The number under which a SIM is kept.
    pub(crate) canonical: fn(&str) -> &str,
    pub(crate) operation: fn(&OperatorState, &Call<'_>, Route<'_>) -> Operation,
    /// The token that the call shows, where this operator has tokens.
    pub(crate) shown_token: fn(&Call<'_>) -> Option<String>,
    pub(crate) log_in: fn(&Exchange<'_>) -> Result<Reply, Problem>,
    /// Checks the credentials, then does what is asked. Log-ins do not come here.
    pub(crate) answer: fn(&Exchange<'_>, &Operation) -> Result<Reply, Problem>,
    /// An error in this operator's shape.
    pub(crate) problem: fn(Problem) -> Reply,
    /// Adds what is left of the limits, where this operator says it. They are in the order of `buckets`.
    pub(crate) with_budget: fn(Reply, &[Budget]) -> Reply,
}

impl Operator {
    /// An operator that documents no limits and has no log-in. Everything else is given by struct update.
    pub(crate) const fn new(
        name: &'static str,
        used_fields: &'static [&'static str],
        operation: fn(&OperatorState, &Call<'_>, Route<'_>) -> Operation,
        answer: fn(&Exchange<'_>, &Operation) -> Result<Reply, Problem>,
        problem: fn(Problem) -> Reply,
    ) -> Self {
        Self {
            name,
            base_path: &[],
            buckets: &[],
            max_concurrent: u32::MAX,
            used_fields,
            tells_retry_after: true,
            lists_sims: false,
            canonical: |iccid| iccid,
            operation,
            shown_token: |call| call.bearer().map(str::to_owned),
            log_in: |_| Err(Problem::NoSuchCall),
            answer,
            problem,
            with_budget: |reply, _| reply,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            buckets: self.buckets.to_vec(),
            max_concurrent: self.max_concurrent,
            min_refresh_seconds: 0,
            retry_after_max_seconds: None,
        }
    }
}

pub(crate) const fn bucket(scope: Scope, limit: u32, per_seconds: u32) -> Bucket {
    Bucket { scope, limit, per_seconds }
}
