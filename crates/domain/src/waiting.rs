//! What a refresh can be told of its wait, and how long it waits at most.
//!
//! An estimate is given only where something is known: the queue of an operator that answers, or the end of
//! the time for which it asked not to be called. Nobody knows when an operator that fails will work again, or
//! when a person ends a pause.

use crate::failure::FailureKind;
use crate::time::UnixMs;
use std::time::Duration;

/// How an operator account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatorState {
    /// It answers, as far as is known.
    Ok,
    /// The last attempt was a failure of the operator, or no node works its lane.
    Degraded,
    /// It asked not to be called for a while.
    Limited,
    /// It kept failing. It is probed now and then.
    Down,
    /// A person paused its lane.
    Paused,
}

impl OperatorState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Limited => "limited",
            Self::Down => "down",
            Self::Paused => "paused",
        }
    }
}

/// How an operator account is, and until when, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperatorCondition {
    /// How it is.
    pub state: OperatorState,
    /// When the state ends; known of [`OperatorState::Limited`] only.
    pub until: Option<UnixMs>,
}

impl OperatorCondition {
    /// Nothing is wrong.
    pub const OK: Self = Self { state: OperatorState::Ok, until: None };

    /// Whether no reading can start, but for a probe.
    #[must_use]
    pub const fn is_stalled(&self) -> bool {
        matches!(self.state, OperatorState::Limited | OperatorState::Down | OperatorState::Paused)
    }
}

/// What is known of a lane and its operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneFacts {
    /// Since when a person has paused it.
    pub paused_since: Option<UnixMs>,
    /// Until when the operator asked not to be called.
    pub limited_until: Option<UnixMs>,
    /// Since when its circuit breaker has not closed.
    pub down_since: Option<UnixMs>,
    /// Whether the last attempt was a failure of the operator, or nobody works the lane.
    pub is_failing: bool,
}

/// How long a new refresh would wait in a lane's queue, were its operator to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueWait {
    /// Readings that wait already, of all accounts.
    pub waiting: u64,
    /// Until the turn of the new one.
    pub turn: Duration,
}

/// A lane takes no further refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneBehind {
    /// About how many seconds the wait would be, where that is known.
    pub estimated_seconds: Option<u64>,
    /// How the operator is.
    pub operator: OperatorCondition,
}

impl LaneFacts {
    /// How the operator account is. What lasts longest and is surest is told first.
    #[must_use]
    pub fn condition(&self, now: UnixMs) -> OperatorCondition {
        let limited_until = self.limited_until.filter(|until| *until > now);
        let of = |state| OperatorCondition { state, until: None };
        if self.paused_since.is_some() {
            of(OperatorState::Paused)
        } else if limited_until.is_some() {
            OperatorCondition { state: OperatorState::Limited, until: limited_until }
        } else if self.down_since.is_some() {
            of(OperatorState::Down)
        } else if self.is_failing {
            of(OperatorState::Degraded)
        } else {
            OperatorCondition::OK
        }
    }

    /// How long until a refresh has its turn after `turn` in the queue; `None` where nothing is known of it.
    #[must_use]
    pub fn estimate(&self, turn: Duration, now: UnixMs) -> Option<Duration> {
        let condition = self.condition(now);
        match condition.state {
            OperatorState::Ok => Some(turn),
            OperatorState::Limited if self.down_since.is_none() => {
                Some(condition.until?.since(now).saturating_add(turn))
            }
            _ => None,
        }
    }

    /// Whether one more refresh is taken. It is not where its estimate is over `max_wait`, nor where the
    /// operator has been down or paused for longer than that: then its wait would most likely be as long. An
    /// operator that is down with nothing waiting takes one, which is its probe.
    ///
    /// # Errors
    /// What its caller is told.
    pub fn admit(&self, queue: QueueWait, max_wait: Duration, now: UnixMs) -> Result<(), LaneBehind> {
        let operator = self.condition(now);
        let estimate = self.estimate(queue.turn, now);
        let stalled_since = match operator.state {
            OperatorState::Paused => self.paused_since,
            OperatorState::Down => self.down_since.filter(|_| queue.waiting > 0),
            _ => None,
        };
        let limited = operator.until.map(|until| until.since(now)).unwrap_or_default();
        let known = estimate.unwrap_or_default().max(limited).max(queue.turn);
        let is_behind = known > max_wait || stalled_since.is_some_and(|since| now.since(since) > max_wait);
        match is_behind {
            false => Ok(()),
            true => {
                Err(LaneBehind { estimated_seconds: estimate.map(crate::time::whole_seconds_up), operator })
            }
        }
    }
}

/// A refresh's reading that waits.
#[derive(Clone, Copy, Debug)]
pub struct WaitingReading {
    /// When the refresh was accepted.
    pub accepted_at: UnixMs,
    /// When the SIM may be read, where the operator wants time between two readings of one.
    pub may_begin_at: Option<UnixMs>,
    /// Whether an attempt was made.
    pub has_begun: bool,
}

/// Why a waiting reading is not waited for any longer; `None` where it is. One that has not begun `within`
/// after its refresh was accepted (or after the SIM may be read) ends. One that has begun and failed has a
/// deadline of its own ([`crate::retry`]), but in a lane that stands still it ends as the others do.
#[must_use]
pub fn waited_too_long(
    reading: &WaitingReading,
    operator: &OperatorCondition,
    within: Duration,
    now: UnixMs,
) -> Option<FailureKind> {
    let from = reading.may_begin_at.map_or(reading.accepted_at, |at| at.max(reading.accepted_at));
    if now < from.after(within) || (reading.has_begun && !operator.is_stalled()) {
        return None;
    }
    Some(match operator.state {
        OperatorState::Down => FailureKind::OperatorDown,
        OperatorState::Paused => FailureKind::OperatorPaused,
        OperatorState::Ok | OperatorState::Degraded | OperatorState::Limited => FailureKind::QueueTimeout,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(10_000_000);
    const MAX_WAIT: Duration = Duration::from_secs(900);

    fn ago(seconds: i64) -> Option<UnixMs> {
        Some(UnixMs(NOW.0 - seconds * 1000))
    }

    fn queue(waiting: u64, seconds: u64) -> QueueWait {
        QueueWait { waiting, turn: Duration::from_secs(seconds) }
    }

    fn limited(seconds: i64) -> LaneFacts {
        LaneFacts { limited_until: Some(UnixMs(NOW.0 + seconds * 1000)), ..LaneFacts::default() }
    }

    #[test]
    fn what_is_surest_is_told_first() {
        let mut facts = LaneFacts { is_failing: true, ..LaneFacts::default() };
        let state = |facts: &LaneFacts| facts.condition(NOW).state.as_str();
        assert_eq!(state(&LaneFacts::default()), "ok");
        assert_eq!(state(&facts), "degraded");
        facts.down_since = ago(5);
        assert_eq!(state(&facts), "down");
        facts.limited_until = Some(UnixMs(NOW.0 + 1));
        assert_eq!(state(&facts), "limited");
        facts.paused_since = ago(5);
        assert_eq!(state(&facts), "paused");
        assert_eq!(
            state(&LaneFacts { limited_until: Some(NOW), ..LaneFacts::default() }),
            "ok",
            "it is over"
        );
    }

    #[test]
    fn nothing_is_promised_where_nothing_is_known() {
        let turn = Duration::from_secs(7);
        assert_eq!(LaneFacts::default().estimate(turn, NOW), Some(turn));
        assert_eq!(limited(60).estimate(turn, NOW), Some(Duration::from_secs(67)));
        for facts in [
            LaneFacts { is_failing: true, ..LaneFacts::default() },
            LaneFacts { down_since: ago(1), ..LaneFacts::default() },
            LaneFacts { paused_since: ago(1), ..LaneFacts::default() },
            LaneFacts { down_since: ago(1), ..limited(60) },
        ] {
            assert_eq!(facts.estimate(turn, NOW), None, "{facts:?}");
        }
    }

    #[test]
    fn a_wait_that_is_known_to_be_too_long_is_refused() {
        let admits = |facts: LaneFacts, queue| facts.admit(queue, MAX_WAIT, NOW);
        assert_eq!(admits(LaneFacts::default(), queue(9, 900)), Ok(()));
        let behind = admits(LaneFacts::default(), queue(9, 901)).expect_err("a long queue");
        assert_eq!(behind, LaneBehind { estimated_seconds: Some(901), operator: OperatorCondition::OK });
        assert_eq!(admits(limited(800), queue(1, 100)), Ok(()));
        let behind = admits(limited(800), queue(1, 101)).expect_err("a Retry-After and a queue");
        assert_eq!(behind.estimated_seconds, Some(901));
        assert_eq!(behind.operator.until, Some(UnixMs(NOW.0 + 800_000)));
        let both = LaneFacts { down_since: ago(1), ..limited(901) };
        assert_eq!(admits(both, queue(1, 1)).expect_err("known").estimated_seconds, None);
    }

    #[test]
    fn a_lane_that_has_stood_still_for_too_long_takes_nothing_but_a_probe() {
        let down = |seconds| LaneFacts { down_since: ago(seconds), ..LaneFacts::default() };
        let paused = |seconds| LaneFacts { paused_since: ago(seconds), ..LaneFacts::default() };
        let admits = |facts: LaneFacts, queue| facts.admit(queue, MAX_WAIT, NOW).is_ok();
        assert!(admits(down(900), queue(1, 1)) && admits(paused(900), queue(0, 1)));
        assert!(!admits(down(901), queue(1, 1)) && !admits(paused(901), queue(0, 1)));
        assert!(admits(down(100_000), queue(0, 1)), "nobody else would find out that it works again");
    }

    #[test]
    fn what_waits_too_long_ends_with_the_reason() {
        let within = MAX_WAIT;
        let waits = |seconds: i64, has_begun| WaitingReading {
            accepted_at: UnixMs(NOW.0 - seconds * 1000),
            may_begin_at: None,
            has_begun,
        };
        let of = |state| OperatorCondition { state, until: None };
        let ends = |reading: WaitingReading, state| waited_too_long(&reading, &of(state), within, NOW);
        for (state, kind) in [
            (OperatorState::Ok, FailureKind::QueueTimeout),
            (OperatorState::Degraded, FailureKind::QueueTimeout),
            (OperatorState::Limited, FailureKind::QueueTimeout),
            (OperatorState::Down, FailureKind::OperatorDown),
            (OperatorState::Paused, FailureKind::OperatorPaused),
        ] {
            assert_eq!(ends(waits(899, false), state), None, "{state:?}");
            assert_eq!(ends(waits(900, false), state), Some(kind), "{state:?}");
            let stalled = of(state).is_stalled();
            assert_eq!(ends(waits(900, true), state), stalled.then_some(kind), "{state:?}, begun");
        }
        let later = WaitingReading { may_begin_at: ago(899), ..waits(2000, false) };
        assert_eq!(ends(later, OperatorState::Ok), None, "the SIM could not be read before");
    }
}
