//! Results of lanes, and what follows from them.

use crate::leases::lease::Lease;
use crate::refreshes::tasks::{Postponed, TaskKey};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::guard::rule::GuardRule;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::time::UnixMs;

/// A reading that ended for good, either way.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The task it was made for.
    pub task: TaskKey,
    pub card: CardId,
    /// When the (last) attempt began.
    pub began_at: UnixMs,
    /// When it ended.
    pub ended_at: UnixMs,
    /// The reading, or why there is none.
    pub outcome: Result<Reading, Failure>,
    /// The operator's own id, where the reading looked it up.
    pub operator_id: Option<String>,
}

/// What the holder of a lane has to write.
#[derive(Clone, Debug)]
pub struct LaneResults {
    /// Its right to do so.
    pub lease: Lease,
    /// Readings that have been under way for a while: for those who look at them meanwhile.
    pub running: Vec<TaskKey>,
    /// Readings that failed and are put off.
    pub postponed: Vec<Postponed>,
    /// Readings that ended for good.
    pub finished: Vec<Finished>,
    /// Whether they are believed.
    pub guard: GuardRule,
}

impl LaneResults {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.running.len() + self.postponed.len() + self.finished.len()
    }
}

/// A reading that ended, in its lane.
#[derive(Clone, Copy)]
pub(crate) struct Ending<'a> {
    pub(super) lane: &'a str,
    pub(super) one: &'a Finished,
    pub(super) guard: &'a GuardRule,
}

/// A refresh that ended with a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub id: RefreshId,
    pub card: CardId,
    /// The card's number.
    pub number: String,
    /// How it ended.
    pub state: RefreshState,
    /// On failure: what kind.
    pub failure: Option<FailureKind>,
    /// Why the reading that ended it was held back.
    pub warning: Option<SuspectReason>,
}
