//! How many calls may be on their way to being durable: as many as get there soon. A caller that would wait
//! longer is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A call is durable within so long, from the queue's entrance on, as far as is known beforehand.
const LONGEST: Duration = Duration::from_millis(12);

/// So many always get in. Groups of fewer would take nearly as long, and more callers would have to come
/// back.
const LEAST: usize = 256;

/// The limit follows how long calls took.
pub(super) struct InflightLimit {
    most: usize,
    now: AtomicUsize,
    inside: AtomicUsize,
}

/// A call on its way; it counts until this is dropped.
pub(super) struct InflightPermit {
    inflight: Arc<InflightLimit>,
    /// When it came.
    pub(super) since: Instant,
}

impl InflightLimit {
    /// Lets `most` calls in until it is known how long they take.
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: AtomicUsize::new(most), inside: AtomicUsize::new(0) }
    }

    /// How many calls are on their way.
    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// Lets a call in where the limit allows it.
    pub(super) fn enter(self: &Arc<Self>) -> Option<InflightPermit> {
        let most = self.now.load(Ordering::Relaxed);
        self.inside
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |inside| {
                (inside < most).then_some(inside + 1)
            })
            .ok()?;
        Some(InflightPermit { inflight: Arc::clone(self), since: Instant::now() })
    }

    /// The first of the calls inside was durable after `took`, and all others came meanwhile. In [`LONGEST`]
    /// as many become durable in proportion. The limit grows by an eighth at most, since one group may have
    /// been lucky. Called by one thread.
    pub(super) fn adjust(&self, took: Duration) {
        let now = self.now.load(Ordering::Relaxed);
        let fit = (self.inside() as f64 * LONGEST.as_secs_f64() / took.as_secs_f64()) as usize;
        let next = if took > LONGEST { fit.min(now) } else { fit.clamp(now, now + now / 8 + 1) };
        let next = next.clamp(LEAST.min(self.most), self.most);
        if next != now {
            self.now.store(next, Ordering::Relaxed);
        }
    }
}

impl Drop for InflightPermit {
    fn drop(&mut self) {
        self.inflight.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1024;

    fn now(inflight: &InflightLimit) -> usize {
        inflight.now.load(Ordering::Relaxed)
    }

    /// As many as are let in, at most `most`.
    fn fill(inflight: &Arc<InflightLimit>, permits: &mut Vec<InflightPermit>, most: usize) {
        while permits.len() < most
            && let Some(permit) = inflight.enter()
        {
            permits.push(permit);
        }
    }

    /// How many get in once it does not change any more, where so many become durable a second and more than
    /// that come.
    fn settled(inflight: &Arc<InflightLimit>, per_second: usize) -> usize {
        let mut permits = Vec::new();
        for _ in 0..100 {
            fill(inflight, &mut permits, usize::MAX);
            inflight.adjust(Duration::from_secs_f64(permits.len() as f64 / per_second as f64));
            permits.clear();
        }
        now(inflight)
    }

    #[test]
    fn as_many_get_in_as_are_durable_in_time() {
        let inflight = Arc::new(InflightLimit::new(MOST));
        for per_second in [48_000, 24_000, 36_000, 80_000, 32_000] {
            let fit = (per_second as f64 * LONGEST.as_secs_f64()) as usize;
            let inside = settled(&inflight, per_second);
            assert!((fit - 1..=fit + 1).contains(&inside), "{inside} get in at {per_second}/s");
        }
        assert_eq!(settled(&inflight, 200_000), MOST);
        assert_eq!(settled(&inflight, 12_000), LEAST);
    }

    #[test]
    fn some_always_get_in() {
        let inflight = Arc::new(InflightLimit::new(MOST));
        inflight.adjust(Duration::from_secs(60));
        let mut permits = Vec::new();
        fill(&inflight, &mut permits, usize::MAX);
        assert_eq!((permits.len(), inflight.inside()), (LEAST, LEAST));
        permits.pop();
        assert!(inflight.enter().is_some(), "who leaves lets another in");
        let small = Arc::new(InflightLimit::new(1));
        let only = small.enter();
        assert!(only.is_some() && small.enter().is_none());
    }

    #[test]
    fn few_calls_that_are_fast_do_not_lower_the_limit() {
        let inflight = Arc::new(InflightLimit::new(MOST));
        let _permit = inflight.enter();
        inflight.adjust(LONGEST / 2);
        assert_eq!(now(&inflight), MOST);
    }

    #[test]
    fn one_pause_of_the_disk_is_soon_forgotten() {
        let inflight = Arc::new(InflightLimit::new(MOST));
        let permit = inflight.enter();
        inflight.adjust(Duration::from_millis(400));
        drop(permit);
        assert_eq!(now(&inflight), LEAST);
        let mut permits = Vec::new();
        for _ in 0..15 {
            fill(&inflight, &mut permits, MOST);
            inflight.adjust(Duration::from_millis(3));
            permits.clear();
        }
        assert_eq!(now(&inflight), MOST);
    }
}
