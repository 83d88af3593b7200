//! Keeping under a rate: at most `limit` calls in any span of `per`, as seen by the other side.

use crate::time::UnixMs;
use std::collections::VecDeque;
use std::time::Duration;

/// Part of the span that a call may spend on the way before it counts over there. A call is held to have arrived by then,
/// or when its answer was complete, whichever is earlier; so a limit is kept even where calls arrive unevenly, at a cost of
/// at most one twentieth of the rate.
const ON_THE_WAY_DIVISOR: i64 = 20;

/// Part of the span that a call is given on top where its answer came later than answers usually do: it may have been kept up
/// on the way there, by a packet that had to be sent again or by a busy machine. Calls of the usual time cost nothing
/// more; where answers take anything up to half of the span, it comes to another twentieth of the rate.
const KEPT_UP_DIVISOR: i64 = 4;

/// Round trips by which the usual one is known.
const ROUND_TRIPS: usize = 16;

/// A sliding window of calls. Exact for any window position, unlike a token bucket, which lets through twice the limit
/// around a refill.
#[derive(Clone, Debug)]
pub struct Pace {
    limit: usize,
    per: i64,
    counted: Vec<Counted>,
    next_ticket: u64,
    /// How long the last calls took that were answered while they counted, in milliseconds; the newest last.
    round_trips: VecDeque<i64>,
}

#[derive(Clone, Debug)]
struct Counted {
    ticket: Ticket,
    started: i64,
    /// When the call stops counting.
    end: i64,
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
            round_trips: VecDeque::new(),
        }
    }

    /// When the next call may start: `now`, or later.
    #[must_use]
    pub fn next_at(&self, now: UnixMs) -> UnixMs {
        let mut counting: Vec<i64> = self.ends(now).collect();
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
        self.counted.retain(|call| call.end > now.0);
        self.count(now.0, now.0 + self.per + self.per / ON_THE_WAY_DIVISOR)
    }

    /// Notes that the answer of a call was complete: it surely arrived before now.
    pub fn finish(&mut self, ticket: Ticket, now: UnixMs) {
        let usual = self.usual_round_trip();
        let (per, Some(call)) = (self.per, self.counted.iter_mut().find(|call| call.ticket == ticket)) else {
            return;
        };
        let took = (now.0 - call.started).max(0);
        let kept_up = usual.map_or(0, |usual| (took - usual).clamp(0, per / KEPT_UP_DIVISOR));
        call.end = (call.end + kept_up).min(now.0 + per);
        if self.round_trips.len() == ROUND_TRIPS {
            self.round_trips.pop_front();
        }
        self.round_trips.push_back(took);
    }

    /// The median, so that for an operator whose answers take now this and now that long, most calls cost nothing either.
    fn usual_round_trip(&self) -> Option<i64> {
        let mut trips: Vec<i64> = self.round_trips.iter().copied().collect();
        let middle = trips.len() / 2;
        (middle > 0).then(|| *trips.select_nth_unstable(middle).1)
    }

    fn count(&mut self, started: i64, end: i64) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.counted.push(Counted { ticket, started, end });
        ticket
    }

    fn ends(&self, now: UnixMs) -> impl Iterator<Item = i64> + '_ {
        self.counted.iter().map(|call| call.end).filter(move |end| *end > now.0)
    }

    /// How long a call counts at most.
    fn longest(&self) -> i64 {
        self.per + self.per / ON_THE_WAY_DIVISOR + self.per / KEPT_UP_DIVISOR
    }

    /// How many calls could start now.
    #[must_use]
    pub fn room(&self, now: UnixMs) -> usize {
        self.limit.saturating_sub(self.ends(now).count())
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
        self.ends(now).map(|end| end - now.0).collect()
    }

    /// Takes over what counted at another holder, at most the limit.
    pub fn take_over(&mut self, counting: &[i64], now: UnixMs) {
        for left in counting.iter().take(self.limit) {
            self.count(now.0, now.0 + (*left).clamp(0, self.longest()));
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
        self.ends(now).next().is_none()
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

    #[test]
    fn a_call_that_was_kept_up_counts_longer() {
        let mut pace = Pace::new(1, Duration::from_secs(1));
        let mut now = 0;
        for _ in 0..4 {
            let ticket = pace.start(UnixMs(now));
            pace.finish(ticket, UnixMs(now + 60));
            assert_eq!(pace.next_at(UnixMs(now + 60)), UnixMs(now + 1050));
            now += 1050;
        }
        // Perhaps it arrived at 140.
        let ticket = pace.start(UnixMs(now));
        pace.finish(ticket, UnixMs(now + 200));
        assert_eq!(pace.next_at(UnixMs(now + 200)), UnixMs(now + 1190));
        now += 1190;
        // Surely it arrived before its answer, and never is more than a quarter of the span added.
        let ticket = pace.start(UnixMs(now));
        pace.finish(ticket, UnixMs(now + 1000));
        assert_eq!(pace.next_at(UnixMs(now + 1000)), UnixMs(now + 1300));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// However long calls take on the way (within a twentieth of the span) and back, the other side never counts more
        /// than the limit in any span.
        #[test]
        fn the_other_side_never_sees_more_than_the_limit(
            limit in 1_u32..8,
            ways in proptest::collection::vec((0_i64..50, 0_i64..300), 20..80),
        ) {
            call_at_pace(limit, &ways)?;
        }

        /// Neither if any of the calls are kept up on the way for a quarter of the span more, where the usual call is known.
        #[test]
        fn nor_where_calls_are_kept_up_on_the_way(
            limit in 1_u32..8,
            usual in 0_i64..300,
            there in proptest::collection::vec((0_i64..50, 0_i64..250), 20..80),
        ) {
            let steady = std::iter::repeat_n((0, usual), ROUND_TRIPS);
            // Every third one, so that the usual call is still usual.
            let ways = there.into_iter().enumerate().map(|(n, (way, more))| {
                (way + if n % 3 == 0 { more } else { 0 }, usual)
            });
            call_at_pace(limit, &steady.chain(ways).collect::<Vec<_>>())?;
        }

        /// A caller that is always ready keeps 0.95 of the rate where answers take equally long.
        #[test]
        fn a_steady_caller_keeps_the_rate(
            limit in 1_u32..8,
            way in (0_i64..50, 0_i64..2_000),
            calls in 20_usize..80,
        ) {
            let took = call_at_pace(limit, &vec![way; calls])?;
            let spans = (calls as i64 - 1) / i64::from(limit);
            prop_assert!(took <= spans * 1050, "{calls} calls took {took} ms");
        }
    }

    /// What answers cost that take now this and now that long.
    #[test]
    fn uneven_answers_cost_an_eighth_of_the_rate_at_most() {
        let ways: Vec<(i64, i64)> = (0..1_000).map(|n| (10, n * 7919 % 500)).collect();
        let took = call_at_pace(5, &ways).expect("the limit is kept");
        assert!(took <= 199 * 1_143, "{took}");
    }

    /// Starts calls as soon as the pace allows; each takes so long there and back. Answers when the last one started.
    fn call_at_pace(limit: u32, ways: &[(i64, i64)]) -> Result<i64, TestCaseError> {
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
                    _ => {
                        now = due;
                        break;
                    }
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
        Ok(now.0)
    }
}
