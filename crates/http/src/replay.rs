//! Signs of reads that were already used: a captured read cannot be sent again.

use simgauge_protocol::sign::Fingerprint;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Signs remembered in each of two generations; beyond it the older generation is forgotten early rather than memory used
/// without bound.
const MOST: usize = 1_000_000;

/// Remembers signs for at least a span.
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
    pub(super) fn new(span: Duration) -> Self {
        let generations = Generations { young: HashSet::new(), old: HashSet::new(), since: Instant::now() };
        Self { span, generations: Mutex::new(generations) }
    }

    /// Whether this sign is seen for the first time.
    pub(super) fn is_first(&self, sign: &Fingerprint) -> bool {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.since.elapsed() > self.span || generations.young.len() >= MOST {
            generations.old = std::mem::take(&mut generations.young);
            generations.since = Instant::now();
        }
        !generations.old.contains(sign) && generations.young.insert(*sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_first_once() {
        let guard = ReplayGuard::new(Duration::from_secs(600));
        assert!(guard.is_first(&[1; 20]));
        assert!(!guard.is_first(&[1; 20]));
        assert!(guard.is_first(&[2; 20]));
    }

    #[test]
    fn it_is_remembered_for_at_least_the_span() {
        let guard = ReplayGuard::new(Duration::ZERO);
        assert!(guard.is_first(&[1; 20]));
        std::thread::sleep(Duration::from_millis(2));
        assert!(!guard.is_first(&[1; 20]), "the generation before still knows it");
        std::thread::sleep(Duration::from_millis(2));
        assert!(guard.is_first(&[2; 20]));
        std::thread::sleep(Duration::from_millis(2));
        assert!(guard.is_first(&[1; 20]), "and then it is forgotten");
    }
}
