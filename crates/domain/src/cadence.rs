//! Whether a card is refreshed by a person's button or by a program's timer.
//!
//! A timer comes back after the same interval again and again. It also does so where it misses a call, or
//! where another node answered one. A person does not, or not for long: a person who waits for the end of the
//! cooldown to press again comes close to a regular interval, but not for two hours on end.
//!
//! Calls are regular when the times between them are whole multiples of one interval, within a twentieth of
//! it. They are steady after [`STEADY_CALLS`] regular calls over [`STEADY_DURATION`]. These numbers are
//! judgement. The tests say how well they tell generated people and programs apart.

use crate::time::UnixMs;
use std::time::Duration;

/// Regular calls that make a cadence steady...
const STEADY_CALLS: u16 = 12;
/// ...and how long they have to have gone on.
const STEADY_DURATION: Duration = Duration::from_secs(2 * 3600);
/// Calls that follow sooner count as one with the call before: a person presses twice. Of a program that
/// calls more often, this leaves an interval of whole multiples.
const SHORTEST_INTERVAL_MS: u32 = 50_000;
/// Habits of a day are not a cadence.
const LONGEST_INTERVAL_MS: u32 = 2 * 3600 * 1000;
/// A cadence has ended when no call came for so many of its intervals. Until then single calls may have been
/// missed, or have gone to other nodes.
const MOST_MISSED: u32 = 12;
/// How far off a call may be: a twentieth of the interval, and this at most.
const MOST_TOLERANCE_MS: u32 = 120_000;
/// An irregular call weighs as much as so many regular ones...
const IRREGULAR_WEIGHT: u8 = 3;
/// ...and with more than two of them on balance the cadence is given up.
const MOST_IRREGULAR: u8 = 2 * IRREGULAR_WEIGHT;
/// Over how many calls the interval is averaged.
const AVERAGED_CALLS: u16 = 16;

/// The calls of one caller for one card, as far as they matter for a cadence: every call that was accepted,
/// or refused because the card was cooling down. Small on purpose, since a node keeps very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CadenceDetector {
    /// When the last regular call came.
    last: UnixMs,
    /// When the first one came.
    since: UnixMs,
    /// In milliseconds; 0 as long as there was one call only.
    interval_ms: u32,
    /// Regular calls after the first.
    regular: u16,
    /// Weight of irregular calls less that of later regular ones.
    irregular: u8,
}

/// What a call turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Something that people do, too.
    Ordinary,
    /// One of the regular calls of a program.
    Steady {
        /// From call to call.
        interval: Duration,
        /// Whether this call made the cadence steady.
        is_new: bool,
    },
}

/// How a call lies to the regular calls before it.
enum Fit {
    /// One with the last regular call.
    Same,
    /// So many intervals after it.
    Regular(u32),
    /// Between two regular calls.
    Irregular,
    /// Too late, or before the last one, to have to do with it.
    Ended,
}

impl CadenceDetector {
    /// Begins with a first call.
    #[must_use]
    pub const fn new(at: UnixMs) -> Self {
        Self { last: at, since: at, interval_ms: 0, regular: 0, irregular: 0 }
    }

    /// Takes in another call for the same card by the same caller.
    pub fn observe(&mut self, at: UnixMs) -> Observation {
        match self.fit(at) {
            Fit::Regular(multiple) => {
                let was_steady = self.is_steady();
                self.add(at, multiple);
                if self.is_steady() {
                    return Observation::Steady { interval: self.interval(), is_new: !was_steady };
                }
            }
            Fit::Same => {}
            Fit::Irregular if self.irregular + IRREGULAR_WEIGHT <= MOST_IRREGULAR => {
                self.irregular += IRREGULAR_WEIGHT;
            }
            Fit::Irregular | Fit::Ended => *self = Self::new(at),
        }
        Observation::Ordinary
    }

    /// Takes in a call that was refused because of the cadence. A regular one keeps the cadence going; any
    /// other changes nothing.
    pub fn observe_refused(&mut self, at: UnixMs) {
        if let Fit::Regular(multiple) = self.fit(at) {
            self.add(at, multiple);
        }
    }

    /// The interval of a steady cadence that has not ended at `now`, and when it ends unless the caller goes
    /// on.
    #[must_use]
    pub fn ongoing(&self, now: UnixMs) -> Option<(Duration, UnixMs)> {
        let ends_at = UnixMs(self.last.0.saturating_add(self.longest_gap_ms() + 1));
        (self.is_steady() && self.last <= now && now < ends_at).then_some((self.interval(), ends_at))
    }

    fn is_steady(&self) -> bool {
        self.regular >= STEADY_CALLS && self.last.since(self.since) >= STEADY_DURATION
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.into())
    }

    fn tolerance_ms(&self) -> i64 {
        i64::from((self.interval_ms / 20).min(MOST_TOLERANCE_MS))
    }

    /// How long after the last regular call the next one can come.
    fn longest_gap_ms(&self) -> i64 {
        i64::from(self.interval_ms) * i64::from(MOST_MISSED) + self.tolerance_ms()
    }

    fn fit(&self, at: UnixMs) -> Fit {
        let Ok(gap) = u32::try_from(at.0.saturating_sub(self.last.0)) else { return Fit::Ended };
        if gap < SHORTEST_INTERVAL_MS {
            return Fit::Same;
        }
        if self.interval_ms == 0 {
            return if gap <= LONGEST_INTERVAL_MS { Fit::Regular(1) } else { Fit::Ended };
        }
        if i64::from(gap) > self.longest_gap_ms() {
            return Fit::Ended;
        }
        let multiple = (gap + self.interval_ms / 2) / self.interval_ms;
        let difference = i64::from(gap) - i64::from(multiple) * i64::from(self.interval_ms);
        match multiple {
            1..=MOST_MISSED if difference.abs() <= self.tolerance_ms() => Fit::Regular(multiple),
            _ => Fit::Irregular,
        }
    }

    /// Adds a regular call, so many intervals after the last one.
    fn add(&mut self, at: UnixMs, multiple: u32) {
        let gap = u32::try_from(at.since(self.last).as_millis()).unwrap_or(u32::MAX);
        let one = gap / multiple.max(1);
        let weight = u64::from(self.regular.min(AVERAGED_CALLS - 1)) + 1;
        let average = (u64::from(self.interval_ms) * (weight - 1) + u64::from(one)) / weight;
        self.interval_ms = u32::try_from(average).unwrap_or(u32::MAX);
        self.last = at;
        self.regular = self.regular.saturating_add(1);
        self.irregular = self.irregular.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests;
