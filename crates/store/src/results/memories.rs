//! What the guard remembers of lanes, by lane and the epoch of its lease.

use simgauge_domain::guard::lane::LaneMemory;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Debug, Default)]
pub(crate) struct LaneMemories(Arc<Mutex<HashMap<String, (i64, LaneMemory)>>>);

impl LaneMemories {
    /// What is remembered since the lease of this epoch was taken.
    pub(super) fn get(&self, lane: &str, epoch: i64) -> Option<LaneMemory> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(lane).filter(|known| known.0 == epoch).map(|known| known.1.clone())
    }

    pub(super) fn put(&self, lane: String, epoch: i64, memory: LaneMemory) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, (epoch, memory));
    }
}
