//! The operator's own id of a SIM. It is kept with the profile, so that the next reading need not look it up.

use super::connection::Connection;
use super::error::ReadError;
use super::run::Run;
use crate::definition::plan::OperatorIdPlan;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::Reading;
use simgauge_domain::time::UnixMs;

/// A longer one is not kept.
const MAX_LENGTH: usize = 200;

/// What is kept of a profile from an earlier reading.
#[derive(Clone, Copy, Debug)]
pub struct KnownId<'a> {
    /// As a [`ProfileReading`] had it.
    pub operator_id: &'a str,
    /// When the profile was last read.
    pub read_at: UnixMs,
}

/// A reading, with what is to be kept for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileReading {
    pub reading: Reading,
    /// The operator's id, with a mark of the account that looked it up. `None`: what is kept stays.
    pub operator_id: Option<String>,
}

/// The id, where it was looked up for this account and not too long ago.
pub(super) fn usable<'k>(
    connection: &Connection,
    plan: &OperatorIdPlan,
    known: KnownId<'k>,
) -> Option<&'k str> {
    let (id, mark) = known.operator_id.rsplit_once('@')?;
    let span_of = |at: UnixMs| u128::try_from(at.0).unwrap_or(0) / plan.renew.as_millis().max(1);
    (mark == connection.id_mark && span_of(known.read_at) == span_of(connection.now())).then_some(id)
}

/// An id as it is kept.
pub(super) fn kept(connection: &Connection, id: &str) -> Option<String> {
    let kept = format!("{id}@{}", connection.id_mark);
    (kept.len() <= MAX_LENGTH).then_some(kept)
}

/// Whether the operator does not know the id with which it was asked.
pub(super) fn is_refused(plan: &OperatorIdPlan, run: &Run<'_>, outcome: &Result<Reading, ReadError>) -> bool {
    let has_answered = match outcome {
        Ok(_) => true,
        Err(error) if error.kind == FailureKind::NotFound => return true,
        Err(error) => error.http_status.is_some(),
    };
    let body = run.last_body.as_ref().filter(|_| has_answered);
    plan.refused.as_ref().zip(body).is_some_and(|(refused, body)| refused.holds(body, &run.globals()))
}
