//! What the guard remembers of lanes, for as long as this process holds their leases.
//!
//! The last few jumps of a lane are in memory only: after a restart or on another node, five profiles have to
//! show them anew. That a lane is held back, and what a person decided, is in the store.

use super::memories::LaneMemories;
use super::model::LaneResults;
use super::sql::UNIT_CHANGES;
use crate::backend::{Tx, keys, row};
use crate::error::StoreError;
use crate::suspects::SuspectState;
use serde::Serialize;
use simgauge_domain::guard::lane::LaneMemory;
use simgauge_domain::guard::unit::UnitJump;
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// An accepted change of unit counts so long: until then every card that is read at all was read.
const ACCEPTED: Duration = Duration::from_hours(24 * 62);

/// The lanes of one transaction.
pub(super) struct LaneGuards {
    lanes: BTreeMap<String, LaneGuard>,
}

struct LaneGuard {
    epoch: i64,
    memory: LaneMemory,
    /// Whether the store is asked how the lane stands: nothing is remembered, or a person has to decide.
    asks: bool,
    was_held: bool,
}

row! {
    struct UnitChangeRow {
        lane: String,
        jump: String,
        state: String,
        decided_at: Option<i64>,
    }
}

/// A change of unit that was noticed.
#[derive(Serialize)]
pub(super) struct NewUnitChange<'a> {
    lane: &'a str,
    jump: &'static str,
    since: i64,
}

impl LaneGuards {
    /// What is remembered of the lanes that bring readings.
    pub(super) fn of(memories: &LaneMemories, results: &[LaneResults]) -> Self {
        let guard = |results: &LaneResults| {
            let (lane, epoch) = (&results.lease.name, results.lease.epoch);
            let memory = memories.get(lane, epoch);
            let asks = memory.as_ref().is_none_or(|memory| memory.held().is_some());
            let memory = memory.unwrap_or_default();
            (lane.clone(), LaneGuard { epoch, memory, asks, was_held: false })
        };
        let has_readings = |results: &&LaneResults| results.finished.iter().any(|one| one.outcome.is_ok());
        Self { lanes: results.iter().filter(has_readings).map(guard).collect() }
    }

    /// Remembers what a transaction that was committed saw.
    pub(super) fn keep(self, memories: &LaneMemories) {
        for (lane, guard) in self.lanes {
            memories.put(lane, guard.epoch, guard.memory);
        }
    }

    /// Asks the store about lanes of which nothing is remembered, and about those that are held back.
    pub(super) async fn load(&mut self, tx: &mut impl Tx, now: UnixMs) -> Result<(), StoreError> {
        let asking = self.lanes.iter().filter(|(_, guard)| guard.asks).map(|(lane, _)| lane.as_str());
        let asking: Vec<&str> = asking.collect();
        if asking.is_empty() {
            return Ok(());
        }
        let found: Vec<UnitChangeRow> = tx.all(UNIT_CHANGES, &[(&keys(asking)?).into()]).await?;
        let mut found: HashMap<String, UnitChangeRow> =
            found.into_iter().map(|row| (row.lane.clone(), row)).collect();
        for (lane, guard) in self.lanes.iter_mut().filter(|(_, guard)| guard.asks) {
            let (held, accepted) = match found.remove(lane) {
                Some(row) => row.stands(now)?,
                None => (None, None),
            };
            guard.was_held = held.is_some();
            if guard.memory.held() != held || guard.memory.accepted() != accepted {
                guard.memory = LaneMemory::new(held, accepted);
            }
        }
        Ok(())
    }

    pub(super) fn memory(&mut self, lane: &str) -> &mut LaneMemory {
        &mut self.lanes.entry(lane.to_owned()).or_insert_with(unknown).memory
    }

    /// The lanes that are held back from now on.
    pub(super) fn new_changes(&self, now: UnixMs) -> Vec<NewUnitChange<'_>> {
        let held = self.lanes.iter().filter(|(_, guard)| !guard.was_held);
        held.filter_map(|(lane, guard)| {
            Some(NewUnitChange { lane, jump: guard.memory.held()?.as_str(), since: now.0 })
        })
        .collect()
    }
}

impl UnitChangeRow {
    /// The jump since which the lane is held back, and the one that a person accepted.
    fn stands(&self, now: UnixMs) -> Result<(Option<UnitJump>, Option<UnitJump>), StoreError> {
        let corrupt = |column, value: &str| {
            StoreError::Corrupt(format!("{column} of the unit change of lane {} is {value:?}", self.lane))
        };
        let jump = UnitJump::parse(&self.jump).ok_or_else(|| corrupt("jump", &self.jump))?;
        let state = SuspectState::parse(&self.state).ok_or_else(|| corrupt("state", &self.state))?;
        let is_recent = self.decided_at.is_some_and(|at| now.since(UnixMs(at)) <= ACCEPTED);
        Ok(match state {
            SuspectState::Waiting => (Some(jump), None),
            SuspectState::Accepted if is_recent => (None, Some(jump)),
            SuspectState::Accepted | SuspectState::Rejected | SuspectState::Settled => (None, None),
        })
    }
}

fn unknown() -> LaneGuard {
    LaneGuard { epoch: 0, memory: LaneMemory::default(), asks: false, was_held: false }
}
