//! Keeping to a rate limit: at most `limit` calls in any window of length `per`, as the operator counts them.
//!
//! An operator counts a call when it arrives there. This side knows only when the call started and when its
//! answer was complete, so a call is counted until it surely has left the operator's window.

use crate::time::UnixMs;
use std::collections::VecDeque;
use std::time::Duration;

/// The part of the window that a call may spend on its way to the operator. A call is taken to have arrived
/// by then, or when its answer was complete, whichever is earlier. So a limit is kept even where calls arrive
/// unevenly. This costs at most one twentieth of the rate.
const TRANSIT_DIVISOR: i64 = 20;

/// The part of the window that is added at most where an answer took longer than answers usually do. The call
/// may have been delayed on its way to the operator, by a packet that had to be sent again or by a busy
/// machine. Calls that take the usual time cost nothing more. Where answers take anything up to half of the
/// window, this costs another twentieth of the rate.
const DELAY_DIVISOR: i64 = 4;

/// How many round trips are kept to know the usual one.
const ROUND_TRIPS: usize = 16;

/// A sliding window of calls. It is exact for any position of the window, unlike a token bucket, which lets
/// through twice the limit around a refill.
#[derive(Clone, Debug)]
pub struct Pace {
    limit: usize,
    /// Length of the window in milliseconds.
    per: i64,
    counted: Vec<Counted>,
    next_ticket: u64,
    /// How long the last calls took that were answered while they counted, in milliseconds. The newest is the
    /// last.
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
    /// At most `limit` calls (0 counts as 1) in any window of length `per`.
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
        // The call after whose end fewer calls count than the limit.
        let index = counting.len() - self.limit;
        let (_, end, _) = counting.select_nth_unstable(index);
        UnixMs(*end)
    }

    /// Counts a call that starts now.
    pub fn start(&mut self, now: UnixMs) -> Ticket {
        self.counted.retain(|call| call.end > now.0);
        self.count(now.0, now.0 + self.per + self.per / TRANSIT_DIVISOR)
    }

    /// Notes that the answer of a call is complete now: the call surely arrived before.
    pub fn finish(&mut self, ticket: Ticket, now: UnixMs) {
        let usual = self.usual_round_trip();
        let (per, Some(call)) = (self.per, self.counted.iter_mut().find(|call| call.ticket == ticket)) else {
            return;
        };
        let took = (now.0 - call.started).max(0);
        let delay = usual.map_or(0, |usual| (took - usual).clamp(0, per / DELAY_DIVISOR));
        call.end = (call.end + delay).min(now.0 + per);
        if self.round_trips.len() == ROUND_TRIPS {
            self.round_trips.pop_front();
        }
        self.round_trips.push_back(took);
    }

    /// The median. Where the answers of an operator take unequally long, most calls then still cost nothing
    /// more.
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

    /// How long a call counts at most, in milliseconds.
    fn longest(&self) -> i64 {
        self.per + self.per / TRANSIT_DIVISOR + self.per / DELAY_DIVISOR
    }

    /// How many calls could start now.
    #[must_use]
    pub fn available(&self, now: UnixMs) -> usize {
        self.limit.saturating_sub(self.ends(now).count())
    }

    /// Calls per second in the long run.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        // Limits and windows are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let rate = self.limit as f64 * 1000.0 / self.per.max(1) as f64;
        rate
    }

    /// For each call that still counts, how long it does so from now on, in milliseconds. The next holder of
    /// the lane has to know.
    #[must_use]
    pub fn counting(&self, now: UnixMs) -> Vec<i64> {
        self.ends(now).map(|end| end - now.0).collect()
    }

    /// Takes over what [`Self::counting`] was at another holder. Calls beyond the limit are left out.
    pub fn take_over(&mut self, counting: &[i64], now: UnixMs) {
        for left in counting.iter().take(self.limit) {
            self.count(now.0, now.0 + (*left).clamp(0, self.longest()));
        }
    }

    /// Treats the whole limit as used just now. For a node that takes over and cannot know which calls were
    /// made before.
    pub fn exhaust(&mut self, now: UnixMs) {
        while self.available(now) > 0 {
            self.start(now);
        }
    }

    /// Whether no call counts any more.
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
        assert_eq!(pace.available(UnixMs(1003)), 0);
        assert_eq!(pace.available(UnixMs(1004)), 5);
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
        // Half a second passes until the second one has it.
        let left: Vec<i64> = first.counting(UnixMs(5_000)).into_iter().map(|left| left - 500).collect();
        second.take_over(&left, UnixMs(77));
        assert_eq!(second.available(UnixMs(77)), 1);
        second.exhaust(UnixMs(77));
        assert_eq!(
            second.next_at(UnixMs(77)),
            UnixMs(77 + 10_100 - 5_500),
            "when the first call stops counting"
        );
    }

    #[test]
    fn a_call_that_was_delayed_counts_longer() {
        let mut pace = Pace::new(1, Duration::from_secs(1));
        let mut now = 0;
        for _ in 0..4 {
            let ticket = pace.start(UnixMs(now));
            pace.finish(ticket, UnixMs(now + 60));
            assert_eq!(pace.next_at(UnixMs(now + 60)), UnixMs(now + 1050));
            now += 1050;
        }
        // It may have arrived 140 ms after it started.
        let ticket = pace.start(UnixMs(now));
        pace.finish(ticket, UnixMs(now + 200));
        assert_eq!(pace.next_at(UnixMs(now + 200)), UnixMs(now + 1190));
        now += 1190;
        // It arrived before its answer, and no more than a quarter of the window is ever added.
        let ticket = pace.start(UnixMs(now));
        pace.finish(ticket, UnixMs(now + 1000));
        assert_eq!(pace.next_at(UnixMs(now + 1000)), UnixMs(now + 1300));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// However long calls take to arrive (within a twentieth of the window) and answers to come back, the
        /// operator never counts more than the limit in any window.
        #[test]
        fn the_operator_never_sees_more_than_the_limit(
            limit in 1_u32..8,
            ways in proptest::collection::vec((0_i64..50, 0_i64..300), 20..80),
        ) {
            call_at_pace(limit, &ways)?;
        }

        /// Nor if calls are delayed by a quarter of the window more, where the usual round trip is known.
        #[test]
        fn nor_where_calls_are_delayed_on_the_way(
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

        /// A caller that always has a call ready gets 0.95 of the rate where answers take equally long.
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

    /// What it costs that answers take unequally long.
    #[test]
    fn uneven_answers_cost_an_eighth_of_the_rate_at_most() {
        let ways: Vec<(i64, i64)> = (0..1_000).map(|n| (10, n * 7919 % 500)).collect();
        let took = call_at_pace(5, &ways).expect("the limit is kept");
        assert!(took <= 199 * 1_143, "{took}");
    }

    /// Starts calls as soon as they may. `ways` holds, for each, how long it takes to arrive and its answer
    /// to come back, in milliseconds. Returns when the last one started.
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
