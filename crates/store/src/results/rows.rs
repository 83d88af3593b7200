//! The rows that an ended reading writes, as they go into bulk statements.

use super::model::Finished;
use crate::backend::{row, to_db};
use crate::error::StoreError;
use crate::leases::lease::Lease;
use serde::Serialize;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::delta::Step;
use simgauge_domain::reading::{ProfileStatus, Reading};

/// A lease, to be looked up.
#[derive(Serialize)]
pub(super) struct HeldRow<'a> {
    lane: &'a str,
    epoch: i64,
}

impl<'a> HeldRow<'a> {
    pub(super) fn of(lease: &'a Lease) -> Self {
        Self { lane: &lease.name, epoch: lease.epoch }
    }
}

row! {
    /// A lane whose lease is held.
    pub(super) struct HeldLane {
        pub(super) lane: String,
    }
}

/// A row that is named within a lane.
#[derive(Serialize)]
pub(super) struct InLane<'a, T> {
    pub(super) lane: &'a str,
    #[serde(flatten)]
    pub(super) row: &'a T,
}

#[derive(Serialize)]
pub(crate) struct ReadingRow<'a> {
    pub(super) card: CardId,
    pub(super) profile: ProfileId,
    pub(super) began_at: i64,
    synced_at: i64,
    as_of: Option<i64>,
    period_kind: &'a str,
    period_key: &'a str,
    period_start: Option<i64>,
    period_end: Option<i64>,
    pub(super) used: i64,
    total: Option<i64>,
    status: Option<&'a str>,
    raw_status: Option<&'a str>,
    delta: i64,
    kind: &'a str,
    cycle: u32,
}

impl<'a> ReadingRow<'a> {
    pub(super) fn new(one: &'a Finished, reading: &'a Reading, step: &Step) -> Result<Self, StoreError> {
        Ok(Self {
            card: one.card,
            profile: one.task.profile,
            began_at: one.began_at.0,
            synced_at: one.ended_at.0,
            as_of: reading.as_of.map(|at| at.0),
            period_kind: reading.period.kind.as_str(),
            period_key: &reading.period.key,
            period_start: reading.period.start.map(|at| at.0),
            period_end: reading.period.end.map(|at| at.0),
            used: to_db(reading.used)?,
            total: reading.total.map(to_db).transpose()?,
            status: reading.status.map(ProfileStatus::as_str),
            raw_status: reading.raw_status.as_deref(),
            delta: step.delta,
            kind: step.kind.as_str(),
            cycle: step.last.cycle,
        })
    }
}

/// A profile moved on by a reading: the reading's own columns, the meter, and the operator's id where it is
/// a new one.
#[derive(Serialize)]
pub(crate) struct ProfileMove<'a> {
    #[serde(flatten)]
    pub(super) reading: ReadingRow<'a>,
    pub(super) meter: String,
    pub(super) operator_id: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct RefreshChange<'a> {
    pub(super) id: &'a str,
    pub(super) state: &'a str,
    pub(super) remaining: String,
    pub(super) after: Option<i64>,
    pub(super) finished_at: Option<i64>,
    pub(super) reason: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
    pub(super) warning: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct BookingRow {
    pub(super) card: CardId,
    pub(super) began_at: i64,
    pub(super) profile: ProfileId,
    pub(super) line: usize,
    pub(super) package: Option<String>,
    pub(super) bytes: i64,
}

#[derive(Serialize)]
pub(super) struct PackageChange<'a> {
    pub(super) card: CardId,
    pub(super) code: &'a str,
    pub(super) booked: i64,
}

#[derive(Serialize)]
pub(super) struct OverageChange {
    pub(super) card: CardId,
    pub(super) overage: i64,
}

/// What a card's row learns: its latest refresh, and where it has one profile, whose ICCID is its number,
/// what was read.
#[derive(Serialize)]
pub(super) struct CardChange<'a> {
    card: CardId,
    pub(super) refresh: Option<&'a str>,
    pub(super) used: Option<i64>,
    pub(super) began_at: Option<i64>,
}

impl CardChange<'_> {
    pub(super) fn of(card: CardId) -> Self {
        Self { card, refresh: None, used: None, began_at: None }
    }
}
