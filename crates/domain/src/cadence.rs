//! Whether a card is refreshed by a person's button or by a program's clock.
//!
//! A clock comes back after the same span again and again, also where it misses a turn or another node answered it. A person
//! does not, or not for long: who waits for the end of the cooldown to press again comes close, but not for two hours on end.
//! So a beat is a span whose whole multiples separate the calls, within a twentieth of it, and it is steady after [`BEATS`]
//! calls over [`AT_LEAST`]. These figures are judgement; the tests say how well they tell generated people and programs apart.

use crate::time::UnixMs;
use std::time::Duration;

/// Calls on the beat that make it steady...
const BEATS: u16 = 12;
/// ...and how long it has to have lasted.
const AT_LEAST: Duration = Duration::from_secs(2 * 3600);
/// Calls that follow sooner count as one with the call before: a person presses twice, and of a program that calls more often
/// this leaves a beat of whole multiples.
const SHORTEST_MS: u32 = 50_000;
/// Habits of a day are no beat.
const LONGEST_MS: u32 = 2 * 3600 * 1000;
/// A beat is over when nothing was heard for so many of its spans. Until then single calls may have been missed, or have gone to
/// other nodes.
const MISSED_MOST: u32 = 12;
/// How far off a call may be: a twentieth of the span, and this at most.
const TOLERANCE_MOST_MS: u32 = 120_000;
/// A call off the beat weighs as much as so many on it...
const OFF_WEIGHT: u8 = 3;
/// ...and with more than two of them on balance the beat is given up.
const OFF_MOST: u8 = 2 * OFF_WEIGHT;
/// Over how many calls the span is averaged.
const AVERAGED: u16 = 16;

/// What was heard of one card from one caller: every call that was accepted, or refused since the card was cooling. Small on purpose: a node keeps very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CadenceDetector {
    /// The last call on the beat.
    last: UnixMs,
    /// The first one.
    since: UnixMs,
    /// The span in milliseconds; 0 as long as there was one call only.
    span_ms: u32,
    /// Calls on the beat after the first.
    beats: u16,
    /// Calls off the beat, weighed, less those on it.
    off: u8,
}

/// What a call turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Nothing that people would not do.
    Nothing,
    /// It comes at a steady beat.
    Steady {
        /// The span from call to call.
        span: Duration,
        /// Whether this call made it steady.
        new: bool,
    },
}

enum Place {
    /// As good as the last call on the beat.
    Same,
    /// So many spans after it.
    On(u32),
    Off,
    /// Too late, or before the last one, to have to do with it.
    Over,
}

impl CadenceDetector {
    /// Begins with a first call.
    #[must_use]
    pub const fn begin(at: UnixMs) -> Self {
        Self { last: at, since: at, span_ms: 0, beats: 0, off: 0 }
    }

    /// Hears of another call for the same card by the same caller.
    pub fn hear(&mut self, at: UnixMs) -> Observation {
        match self.place(at) {
            Place::On(multiple) => {
                let was_steady = self.is_steady();
                self.beat(at, multiple);
                if self.is_steady() {
                    return Observation::Steady { span: self.span(), new: !was_steady };
                }
            }
            Place::Same => {}
            Place::Off if self.off + OFF_WEIGHT <= OFF_MOST => self.off += OFF_WEIGHT,
            Place::Off | Place::Over => *self = Self::begin(at),
        }
        Observation::Nothing
    }

    /// Hears of a call that was refused because of the beat: it keeps the beat alive, and is nothing otherwise.
    pub fn hear_refused(&mut self, at: UnixMs) {
        if let Place::On(multiple) = self.place(at) {
            self.beat(at, multiple);
        }
    }

    /// The span of a steady beat that is not over at `now`, and when it will be over unless the caller goes on.
    #[must_use]
    pub fn going_on(&self, now: UnixMs) -> Option<(Duration, UnixMs)> {
        let over_at = UnixMs(self.last.0.saturating_add(self.longest_ms() + 1));
        (self.is_steady() && self.last <= now && now < over_at).then_some((self.span(), over_at))
    }

    fn is_steady(&self) -> bool {
        self.beats >= BEATS && self.last.since(self.since) >= AT_LEAST
    }

    fn span(&self) -> Duration {
        Duration::from_millis(self.span_ms.into())
    }

    fn tolerance_ms(&self) -> i64 {
        i64::from((self.span_ms / 20).min(TOLERANCE_MOST_MS))
    }

    /// How long after the last call on the beat the next one can come.
    fn longest_ms(&self) -> i64 {
        i64::from(self.span_ms) * i64::from(MISSED_MOST) + self.tolerance_ms()
    }

    fn place(&self, at: UnixMs) -> Place {
        let Ok(gap) = u32::try_from(at.0.saturating_sub(self.last.0)) else { return Place::Over };
        if gap < SHORTEST_MS {
            return Place::Same;
        }
        if self.span_ms == 0 {
            return if gap <= LONGEST_MS { Place::On(1) } else { Place::Over };
        }
        if i64::from(gap) > self.longest_ms() {
            return Place::Over;
        }
        let multiple = (gap + self.span_ms / 2) / self.span_ms;
        let difference = i64::from(gap) - i64::from(multiple) * i64::from(self.span_ms);
        match multiple {
            1..=MISSED_MOST if difference.abs() <= self.tolerance_ms() => Place::On(multiple),
            _ => Place::Off,
        }
    }

    fn beat(&mut self, at: UnixMs, multiple: u32) {
        let gap = u32::try_from(at.since(self.last).as_millis()).unwrap_or(u32::MAX);
        let one = gap / multiple.max(1);
        let weight = u64::from(self.beats.min(AVERAGED - 1)) + 1;
        let average = (u64::from(self.span_ms) * (weight - 1) + u64::from(one)) / weight;
        self.span_ms = u32::try_from(average).unwrap_or(u32::MAX);
        self.last = at;
        self.beats = self.beats.saturating_add(1);
        self.off = self.off.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests;
