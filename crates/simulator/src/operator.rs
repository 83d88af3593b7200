//! What an operator's API is made of.

use crate::exchange::Exchange;
use crate::limits::Budget;
use crate::operation::{Operation, Problem};
use crate::state::OperatorState;
use crate::wire::{Call, Reply};
use simgauge_domain::limits::{Bucket, Limits, Scope};
use std::fmt::Debug;

/// What is fixed about an operator's API.
#[derive(Debug)]
pub(crate) struct Facts {
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
}

impl Facts {
    /// An operator that documents no limits. Everything else is given by struct update.
    pub(crate) const fn new(name: &'static str, used_fields: &'static [&'static str]) -> Self {
        Self {
            name,
            base_path: &[],
            buckets: &[],
            max_concurrent: u32::MAX,
            used_fields,
            tells_retry_after: true,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { buckets: self.buckets.to_vec(), max_concurrent: self.max_concurrent, min_refresh_seconds: 0 }
    }
}

pub(crate) const fn bucket(scope: Scope, limit: u32, per_seconds: u32) -> Bucket {
    Bucket { scope, limit, per_seconds }
}

/// One operator's API.
pub(crate) trait Operator: Debug + Send + Sync {
    fn facts(&self) -> &'static Facts;

    /// The number under which a SIM is kept.
    fn canonical<'a>(&self, iccid: &'a str) -> &'a str {
        iccid
    }

    fn operation(&self, state: &OperatorState, call: &Call<'_>) -> Operation;

    /// The token that the call shows, where this operator has tokens.
    fn shown_token(&self, call: &Call<'_>) -> Option<String> {
        call.bearer().map(str::to_owned)
    }

    fn log_in(&self, _exchange: &Exchange<'_>) -> Result<Reply, Problem> {
        Err(Problem::NoSuchCall)
    }

    /// Checks the credentials, then does what is asked. Log-ins do not come here.
    fn answer(&self, exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem>;

    /// An error in this operator's shape.
    fn problem(&self, problem: Problem) -> Reply;

    /// Adds what is left of the limit, where this operator says it.
    fn with_budget(&self, reply: Reply, _budget: &Budget) -> Reply {
        reply
    }
}
