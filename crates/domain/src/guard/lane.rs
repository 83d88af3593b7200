//! What the profiles of one operator account showed lately: an operator that changes its unit changes it for
//! all of them.

use super::unit::UnitJump;
use crate::ids::ProfileId;
use crate::time::UnixMs;
use std::collections::VecDeque;
use std::time::Duration;

/// So many profiles show it.
const PROFILES: usize = 5;
/// Within this time.
const WITHIN: Duration = Duration::from_hours(1);
/// Among the last so many profiles that could show it: on a large lane, a few profiles in an hour grow a
/// thousandfold by themselves.
const AMONG: usize = 2 * PROFILES;

/// What is remembered of a lane while one node works it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneMemory {
    recent: VecDeque<(UnixMs, ProfileId, Option<UnitJump>)>,
    held: Option<UnitJump>,
    accepted: Option<UnitJump>,
}

impl LaneMemory {
    /// A lane whose readings are held since the unit changed so, or one where a person accepted such a
    /// change.
    #[must_use]
    pub fn new(held: Option<UnitJump>, accepted: Option<UnitJump>) -> Self {
        Self { recent: VecDeque::new(), held, accepted }
    }

    /// A profile's usage went on, by such a jump or by none. Only those that would show a jump count.
    pub fn observe(&mut self, at: UnixMs, profile: ProfileId, jump: Option<UnitJump>) {
        self.recent.retain(|(seen, known, _)| *known != profile && at.since(*seen) <= WITHIN);
        self.recent.push_back((at, profile, jump));
        if self.recent.len() > AMONG {
            self.recent.pop_front();
        }
        let Some(jump) = jump else { return };
        if self.recent.iter().filter(|(_, _, seen)| *seen == Some(jump)).count() >= PROFILES {
            self.held = Some(jump);
        }
    }

    /// The change of unit since which the lane's readings are held.
    #[must_use]
    pub const fn held(&self) -> Option<UnitJump> {
        self.held
    }

    /// The change of unit that a person accepted.
    #[must_use]
    pub const fn accepted(&self) -> Option<UnitJump> {
        self.accepted
    }
}
