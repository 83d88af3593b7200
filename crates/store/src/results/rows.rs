//! The rows that an ended reading writes, as they go into bulk statements.

use super::Finished;
use crate::db::to_db;
use crate::lane::Lease;
use crate::row::row;
use serde::Serialize;
use simgauge_domain::metering::delta::Step;
use simgauge_domain::reading::{ProfileStatus, Reading};

#[derive(Serialize)]
pub(super) struct Key<'a> {
    pub(super) k: &'a str,
}

/// A lease, to be looked up.
#[derive(Serialize)]
pub(super) struct HeldRow<'a> {
    lane: &'a str,
    epoch: i64,
}

impl<'a> HeldRow<'a> {
    pub(super) fn of(lease: &'a Lease) -> Self {
        Self { lane: &lease.lane, epoch: lease.epoch }
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
pub(super) struct ReadingRow<'a> {
    pub(super) card: &'a str,
    pub(super) iccid: &'a str,
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
    what: &'a str,
    cycle: u32,
}

impl<'a> ReadingRow<'a> {
    pub(super) fn new(one: &'a Finished, reading: &'a Reading, step: &Step) -> Self {
        Self {
            card: &one.card,
            iccid: &one.task.iccid,
            began_at: one.began_at.0,
            synced_at: one.ended_at.0,
            as_of: reading.as_of.map(|at| at.0),
            period_kind: reading.period.kind.as_str(),
            period_key: &reading.period.key,
            period_start: reading.period.start.map(|at| at.0),
            period_end: reading.period.end.map(|at| at.0),
            used: to_db(reading.used),
            total: reading.total.map(to_db),
            status: reading.status.map(ProfileStatus::as_str),
            raw_status: reading.raw_status.as_deref(),
            delta: step.delta,
            what: step.kind.as_str(),
            cycle: step.last.cycle,
        }
    }
}

/// A profile moved on by a reading: the reading's own columns and the meter.
#[derive(Serialize)]
pub(super) struct ProfileMove<'a> {
    #[serde(flatten)]
    pub(super) reading: ReadingRow<'a>,
    pub(super) meter: String,
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
}

#[derive(Serialize)]
pub(super) struct BookingRow<'a> {
    pub(super) card: &'a str,
    pub(super) began_at: i64,
    pub(super) iccid: &'a str,
    pub(super) line: usize,
    pub(super) package: Option<String>,
    pub(super) bytes: i64,
}

#[derive(Serialize)]
pub(super) struct PackageChange<'a> {
    pub(super) card: &'a str,
    pub(super) code: &'a str,
    pub(super) booked: i64,
}

#[derive(Serialize)]
pub(super) struct OverageChange<'a> {
    pub(super) number: &'a str,
    pub(super) overage: i64,
}

/// What a card's row learns: its newest refresh, and where its one profile is the card itself, what was read.
#[derive(Serialize)]
pub(super) struct Note<'a> {
    number: &'a str,
    pub(super) refresh: Option<&'a str>,
    pub(super) used: Option<i64>,
    pub(super) began_at: Option<i64>,
}

impl<'a> Note<'a> {
    pub(super) fn of(number: &'a str) -> Self {
        Self { number, refresh: None, used: None, began_at: None }
    }
}
