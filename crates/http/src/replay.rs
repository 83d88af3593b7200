//! Signs of read operations that were used already, so that a captured call cannot be sent again: neither to
//! a read operation nor to a refresh. A sign does not cover the path. Refreshes add no signs, since an
//! identical refresh is answered alike.

use simgauge_protocol::sign::Fingerprint;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many signs each of the two generations remembers. With more, the older generation is forgotten early,
/// so that memory stays bounded.
const MOST: usize = 1_000_000;

/// Remembers signs for at least `span`, and at most twice as long.
pub(super) struct ReplayGuard {
    span: Duration,
    generations: Mutex<Generations>,
}

struct Generations {
    young: HashSet<Fingerprint>,
    old: HashSet<Fingerprint>,
    since: Instant,
}

impl ReplayGuard {
    pub(super) fn new(span: Duration, now: Instant) -> Self {
        let generations = Generations { young: HashSet::new(), old: HashSet::new(), since: now };
        Self { span, generations: Mutex::new(generations) }
    }

    /// Whether a read operation was let in with this sign.
    pub(super) fn is_used(&self, sign: &Fingerprint) -> bool {
        let generations = self.lock();
        generations.young.contains(sign) || generations.old.contains(sign)
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this sign is seen for the first time. From now on it is used.
    pub(super) fn is_first(&self, sign: &Fingerprint, now: Instant) -> bool {
        let mut generations = self.lock();
        if now.duration_since(generations.since) > self.span || generations.young.len() >= MOST {
            generations.old = std::mem::take(&mut generations.young);
            generations.since = now;
        }
        !generations.old.contains(sign) && generations.young.insert(*sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_first_once() {
        let now = Instant::now();
        let guard = ReplayGuard::new(Duration::from_secs(600), now);
        assert!(!guard.is_used(&[1; 20]));
        assert!(guard.is_first(&[1; 20], now));
        assert!(guard.is_used(&[1; 20]) && !guard.is_used(&[2; 20]));
        assert!(!guard.is_first(&[1; 20], now));
        assert!(guard.is_first(&[2; 20], now));
    }

    #[test]
    fn it_is_remembered_for_at_least_the_span() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let guard = ReplayGuard::new(Duration::from_secs(600), began);
        assert!(guard.is_first(&[1; 20], after(600)));
        assert!(guard.is_used(&[1; 20]));
        assert!(!guard.is_first(&[1; 20], after(1_200)), "the older generation has it");
        assert!(guard.is_used(&[1; 20]));
        assert!(guard.is_first(&[2; 20], after(1_801)));
        assert!(guard.is_first(&[1; 20], after(2_402)), "forgotten, as both generations are newer");
    }
}
