//! How a caller is told to ask for the end of a refresh.

use crate::state::ApiState;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_protocol::answer::PollAnswer;
use std::time::Duration;

/// The shortest and the longest span between two calls, in seconds.
const EVERY: (u64, u64) = (2, 30);

/// How to ask for the end of a refresh that was accepted then and has not ended: the longer it takes, the
/// more rarely.
pub(super) fn poll(state: &ApiState, accepted_at: UnixMs, estimated_seconds: Option<u64>) -> PollAnswer {
    let age = state.services.clock.now().since(accepted_at);
    poll_at(age, state.longest_refresh, estimated_seconds)
}

fn poll_at(age: Duration, longest: Option<Duration>, estimated_seconds: Option<u64>) -> PollAnswer {
    let (shortest, rarest) = EVERY;
    let every = (estimated_seconds.unwrap_or(0) / 4).max(age.as_secs() / 10);
    // A clock that was put back makes the rest no longer than the whole.
    let left = longest.map(|longest| longest.saturating_sub(age));
    PollAnswer {
        every_seconds: every.clamp(shortest, rarest),
        for_seconds: left.map(|left| whole_seconds_up(left).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_it_takes_the_more_rarely() {
        let at = |age, longest: Option<u64>, estimate| {
            let answer = poll_at(Duration::from_secs(age), longest.map(Duration::from_secs), estimate);
            (answer.every_seconds, answer.for_seconds)
        };
        assert_eq!(at(0, Some(1_260), Some(1)), (2, Some(1_260)));
        assert_eq!(at(0, Some(1_260), Some(60)), (15, Some(1_260)));
        assert_eq!(at(0, Some(1_260), Some(600)), (30, Some(1_260)));
        assert_eq!(at(100, Some(1_260), None), (10, Some(1_160)));
        assert_eq!(at(2_000, Some(1_260), None), (30, Some(1)));
        assert_eq!(at(0, None, None), (2, None));
    }
}
