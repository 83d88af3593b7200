//! Daily totals of cards with very many readings, so that not all of them are walked each time somebody
//! looks.

use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Fewer readings are walked faster than it is worth remembering what they add up to.
pub(super) const WORTH: usize = 2_000;
/// Readings that began so long before the newest one are remembered by their sums. A result is stored within
/// the time of its lane's lease, so nothing is added among them.
const SETTLED_MS: i64 = 7 * 86_400_000;
/// Cards remembered at most; each takes some kilobytes.
const MOST: usize = 1_024;

/// Bytes by local day.
pub(super) type Totals = BTreeMap<String, i64>;

/// What is remembered, by card.
#[derive(Clone, Debug, Default)]
pub(crate) struct DayCache(Arc<Mutex<BTreeMap<CardId, Settled>>>);

/// What a card's older readings add up to.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    /// Those that began before.
    pub(super) until: UnixMs,
    /// How many of the card's readings had been folded into stored totals. Where more are folded, some of
    /// them are among these.
    pub(super) folded: u64,
    pub(super) totals: Totals,
}

/// Until when a card's readings are settled, by when the newest one began.
pub(super) const fn settled_until(newest: UnixMs) -> UnixMs {
    UnixMs(newest.0.saturating_sub(SETTLED_MS))
}

impl DayCache {
    pub(super) fn get(&self, card: CardId, folded: u64) -> Option<Settled> {
        let known = self.lock();
        known.get(&card).filter(|settled| settled.folded == folded).cloned()
    }

    pub(super) fn put(&self, card: CardId, settled: Settled) {
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(&card) {
            known.pop_first();
        }
        known.insert(card, settled);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<CardId, Settled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
