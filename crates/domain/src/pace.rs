//! Keeping under a rate: at most `limit` calls in any span of `per`, as seen by the other side.

use crate::time::UnixMs;
use std::time::Duration;

/// Part of the span that a call may spend on the way before it counts over there. A call is held to have arrived by then,
/// or when its answer was complete, whichever is earlier; so a limit is kept even where calls arrive unevenly, at a cost of
/// at most one twentieth of the rate.
const ON_THE_WAY_DIVISOR: i64 = 20;

/// A sliding window of calls. Exact for any window position, unlike a token bucket, which lets through twice the limit
/// around a refill.
#[derive(Clone, Debug)]
pub struct Pace {
    limit: usize,
    per: i64,
    /// When each counted call stops counting, with the ticket that names the call.
    counted: Vec<(i64, u64)>,
    next_ticket: u64,
}

/// Names a call in its [`Pace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Pace {
    /// A pace of at most `limit` calls (at least one) in any `per`.
    #[must_use]
    pub fn new(limit: u32, per: Duration) -> Self {
        Self {
            limit: usize::try_from(limit.max(1)).unwrap_or(usize::MAX),
            per: i64::try_from(per.as_millis()).unwrap_or(i64::MAX / 4),
            counted: Vec::new(),
            next_ticket: 0,
        }
    }

    /// When the next call may start: `now`, or later.
    #[must_use]
    pub fn next_at(&self, now: UnixMs) -> UnixMs {
        let mut counting: Vec<i64> =
            self.counted.iter().map(|(end, _)| *end).filter(|end| *end > now.0).collect();
        if counting.len() < self.limit {
            return now;
        }
        // Once so many have ended that fewer than the limit count.
        let index = counting.len() - self.limit;
        let (_, end, _) = counting.select_nth_unstable(index);
        UnixMs(*end)
    }

    /// Counts a call that starts now.
    pub fn start(&mut self, now: UnixMs) -> Ticket {
        self.counted.retain(|(end, _)| *end > now.0);
        self.next_ticket += 1;
        self.counted.push((now.0 + self.per + self.per / ON_THE_WAY_DIVISOR, self.next_ticket));
        Ticket(self.next_ticket)
    }

    /// Notes that the answer of a call was complete: it surely arrived before now.
    pub fn finish(&mut self, ticket: Ticket, now: UnixMs) {
        if let Some((end, _)) = self.counted.iter_mut().find(|(_, id)| *id == ticket.0) {
            *end = (*end).min(now.0 + self.per);
        }
    }

    /// How many calls could start now.
    #[must_use]
    pub fn room(&self, now: UnixMs) -> usize {
        self.limit.saturating_sub(self.counted.iter().filter(|(end, _)| *end > now.0).count())
    }

    /// Calls per second that this pace allows in the long run.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        // Limits and spans are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let rate = self.limit as f64 * 1000.0 / self.per.max(1) as f64;
        rate
    }

    /// What still counts, as spans from now until each call stops counting: what a next holder has to know.
    #[must_use]
    pub fn counting(&self, now: UnixMs) -> Vec<i64> {
        self.counted.iter().map(|(end, _)| *end - now.0).filter(|left| *left > 0).collect()
    }

    /// Takes over what counted at another holder, at most the limit.
    pub fn take_over(&mut self, counting: &[i64], now: UnixMs) {
        for left in counting.iter().take(self.limit) {
            self.next_ticket += 1;
            self.counted
                .push((now.0 + (*left).clamp(0, self.per + self.per / ON_THE_WAY_DIVISOR), self.next_ticket));
        }
    }

    /// Treats the whole limit as used just now: for a node that takes over and cannot know what was called before.
    pub fn exhaust(&mut self, now: UnixMs) {
        while self.room(now) > 0 {
            self.start(now);
        }
    }

    /// Whether nothing counts any more.
    #[must_use]
    pub fn is_idle(&self, now: UnixMs) -> bool {
        self.counted.iter().all(|(end, _)| *end <= now.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lets_a_burst_of_the_limit_through_and_then_waits() {
        let mut pace = Pace::new(5, Duration::from_secs(1));
        for _ in 0..5 {
            assert_eq!(pace.next_at(UnixMs(0)), UnixMs(0));
            let ticket = pace.start(UnixMs(0));
            pace.finish(ticket, UnixMs(4));
        }
        assert_eq!(pace.next_at(UnixMs(0)), UnixMs(1004));
        assert_eq!(pace.room(UnixMs(1003)), 0);
        assert_eq!(pace.room(UnixMs(1004)), 5);
    }

    #[test]
    fn an_unanswered_call_counts_a_twentieth_longer() {
        let mut pace = Pace::new(1, Duration::from_secs(1));
        let ticket = pace.start(UnixMs(0));
        assert_eq!(pace.next_at(UnixMs(1)), UnixMs(1050));
        pace.finish(ticket, UnixMs(700));
        assert_eq!(pace.next_at(UnixMs(701)), UnixMs(1050));
    }

    #[test]
    fn what_counts_is_taken_over() {
        let mut first = Pace::new(3, Duration::from_secs(10));
        let ticket = first.start(UnixMs(0));
        first.finish(ticket, UnixMs(100));
        first.start(UnixMs(4_000));
        let mut second = Pace::new(3, Duration::from_secs(10));
        // Half a second passes on the way.
        let left: Vec<i64> = first.counting(UnixMs(5_000)).into_iter().map(|left| left - 500).collect();
        second.take_over(&left, UnixMs(77));
        assert_eq!(second.room(UnixMs(77)), 1);
        second.exhaust(UnixMs(77));
        assert_eq!(
            second.next_at(UnixMs(77)),
            UnixMs(77 + 10_100 - 5_500),
            "when the first call stops counting"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// However long calls take on the way (within a twentieth of the span) and back, the other side never counts more
        /// than the limit in any span, and a caller that is always ready keeps at least 0.95 of the rate.
        #[test]
        fn the_other_side_never_sees_more_than_the_limit(
            limit in 1_u32..8,
            ways in proptest::collection::vec((0_i64..50, 0_i64..300), 20..80),
        ) {
            let mut pace = Pace::new(limit, Duration::from_secs(1));
            let mut now = UnixMs(0);
            let mut arrivals = Vec::new();
            let mut open: Vec<(i64, Ticket)> = Vec::new();
            for (there, back) in ways {
                loop {
                    let due = pace.next_at(now);
                    // Answers that came in before the call starts are noted at their own time.
                    open.sort_by_key(|(at, _)| *at);
                    match open.first().copied() {
                        Some((at, ticket)) if at <= due.0 => {
                            open.remove(0);
                            pace.finish(ticket, UnixMs(at));
                            now = now.max(UnixMs(at));
                        }
                        _ => { now = due; break; }
                    }
                }
                let ticket = pace.start(now);
                arrivals.push(now.0 + there);
                open.push((now.0 + there + back, ticket));
            }
            arrivals.sort_unstable();
            for window in arrivals.windows(limit as usize + 1) {
                prop_assert!(window[limit as usize] - window[0] >= 1000, "{window:?}");
            }
            let spans = (arrivals.len() as i64 - 1) / i64::from(limit);
            prop_assert!(now.0 <= spans * 1050, "{} calls took {} ms", arrivals.len(), now.0);
        }
    }
}
