//! Whether a call to refresh a card is accepted: the cooldown (the five-minute rule), and the rule that an
//! identical request gets the same answer again.

use crate::time::UnixMs;
use std::time::Duration;

/// An earlier accepted refresh of the same card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier<'a> {
    /// When it was accepted.
    pub accepted_at: UnixMs,
    /// The sign of the request that was accepted.
    pub sign: &'a str,
}

/// What to do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Accept it as a new refresh.
    Accept,
    /// It is the same request as the one of the earlier refresh with this index. It gets that refresh as its
    /// answer.
    Same(usize),
    /// The card is cooling down. It may be refreshed again at this time.
    Cooling(UnixMs),
}

/// The two durations that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptRule {
    /// The least time between two accepted refreshes of a card.
    pub cooldown: Duration,
    /// How long a request can be sent again unchanged. Its timestamp may be one window ahead when it is first
    /// sent, and one window behind when it is last sent, so this is two windows.
    pub sign_lifetime: Duration,
}

impl AcceptRule {
    /// The rule for a cooldown and a timestamp window.
    #[must_use]
    pub fn new(cooldown: Duration, timestamp_window: Duration) -> Self {
        Self { cooldown, sign_lifetime: timestamp_window * 2 }
    }

    /// How long an earlier refresh matters.
    #[must_use]
    pub fn horizon(&self) -> Duration {
        self.cooldown.max(self.sign_lifetime)
    }

    /// Decides about a call with this `sign`. `earlier` holds the card's accepted refreshes, newest first, at
    /// least those within [`Self::horizon`].
    #[must_use]
    pub fn decide(&self, earlier: &[Earlier<'_>], sign: &str, now: UnixMs) -> Decision {
        let same = earlier
            .iter()
            .position(|one| one.sign == sign && now.0 <= one.accepted_at.after(self.sign_lifetime).0);
        if let Some(index) = same {
            return Decision::Same(index);
        }
        match earlier.first() {
            Some(last) => match cooling_until(last.accepted_at, now, self.cooldown) {
                Some(next) => Decision::Cooling(next),
                None => Decision::Accept,
            },
            None => Decision::Accept,
        }
    }
}

/// When a card whose refresh was accepted at `accepted_at` may be refreshed again; `None` where it may be
/// now, which is when `now - accepted_at >= cooldown`. Where the clock went back, an acceptance in the future
/// counts as one of this moment: no card cools for longer than the cooldown from now. (The store writes that
/// down, so that the cooldown ends.)
#[must_use]
pub fn cooling_until(accepted_at: UnixMs, now: UnixMs, cooldown: Duration) -> Option<UnixMs> {
    let next = accepted_at.min(now).after(cooldown);
    (now < next).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: AcceptRule =
        AcceptRule { cooldown: Duration::from_secs(300), sign_lifetime: Duration::from_secs(600) };

    fn earlier(at: i64, sign: &str) -> Earlier<'_> {
        Earlier { accepted_at: UnixMs::from_seconds(at), sign }
    }

    #[test]
    fn the_edges_of_the_cooldown() {
        let last = [earlier(1000, "a")];
        let decide = |ms| RULE.decide(&last, "b", UnixMs(ms));
        assert_eq!(RULE.decide(&[], "b", UnixMs(0)), Decision::Accept);
        assert_eq!(decide(1_000_000), Decision::Cooling(UnixMs(1_300_000)));
        assert_eq!(decide(1_299_999), Decision::Cooling(UnixMs(1_300_000)));
        assert_eq!(decide(1_300_000), Decision::Accept);
        assert_eq!(decide(900_000), Decision::Cooling(UnixMs(1_200_000)), "the clock went back");
    }

    #[test]
    fn an_identical_request_gets_the_earlier_refresh_even_after_the_cooldown() {
        let last = [earlier(1400, "b"), earlier(1000, "a")];
        assert_eq!(RULE.decide(&last, "b", UnixMs::from_seconds(1401)), Decision::Same(0));
        assert_eq!(RULE.decide(&last, "a", UnixMs::from_seconds(1600)), Decision::Same(1));
        assert_eq!(
            RULE.decide(&last, "a", UnixMs::from_seconds(1601)),
            Decision::Cooling(UnixMs::from_seconds(1700))
        );
        assert_eq!(RULE.decide(&last[1..], "a", UnixMs::from_seconds(1500)), Decision::Same(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Two accepted calls are at least a cooldown apart, whatever calls come in. A refusal names a time
        /// at which the same call is accepted.
        #[test]
        fn accepted_calls_are_a_cooldown_apart(
            steps in proptest::collection::vec((0_i64..400_000, 0_u8..4), 1..60),
        ) {
            let mut now = UnixMs(1_700_000_000_000);
            let mut accepted: Vec<(UnixMs, String)> = Vec::new();
            for (step, sign) in steps {
                now = UnixMs(now.0 + step);
                let sign = sign.to_string();
                let newest_first = accepted.iter().rev();
                let history: Vec<Earlier<'_>> =
                    newest_first.map(|(at, sign)| Earlier { accepted_at: *at, sign }).collect();
                match RULE.decide(&history, &sign, now) {
                    Decision::Accept => {
                        if let Some((last, _)) = accepted.last() {
                            prop_assert!(now.0 - last.0 >= 300_000);
                        }
                        accepted.push((now, sign));
                    }
                    Decision::Same(index) => prop_assert_eq!(history[index].sign, sign.as_str()),
                    Decision::Cooling(next) => {
                        prop_assert!(next > now);
                        prop_assert_eq!(RULE.decide(&history, "new", next), Decision::Accept);
                    }
                }
            }
        }
    }
}
