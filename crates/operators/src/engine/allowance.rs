//! What an answer's headers say about further calls: how many are left, and when there are new ones.

use super::answer::Answer;
use crate::definition::plan::{RemainingPlan, ResetFormat};
use jiff::tz::TimeZone;
use simgauge_domain::time::UnixMs;
use std::time::Duration;

/// For how long no call may begin. `None` where some are left, or the answer says nothing of it.
pub(super) fn pause(plans: &[RemainingPlan], answer: &Answer, now: UnixMs) -> Option<Duration> {
    let waits = plans.iter().filter_map(|plan| {
        let left: i64 = answer.header(&plan.header)?.trim().parse().ok()?;
        if left > 0 {
            return None;
        }
        let reset = plan.reset.as_ref().and_then(|(name, format)| until(answer, name, format, now));
        match (reset, plan.window) {
            (Some(reset), Some(window)) => Some(reset.min(window)),
            (reset, window) => reset.or(window),
        }
    });
    waits.max().filter(|wait| !wait.is_zero())
}

/// How long it is until the time in a header.
pub(super) fn until(answer: &Answer, name: &str, format: &ResetFormat, now: UnixMs) -> Option<Duration> {
    let value = answer.header(name)?.trim();
    match format {
        ResetFormat::SecondsFromNow => value.parse().ok().map(Duration::from_secs),
        ResetFormat::Date(format) => format.read(value, &TimeZone::UTC).map(|at| at.since(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dates::DateFormat;
    use crate::definition::raw::AnswerFormat;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    const NOW: UnixMs = UnixMs(1_730_239_100_000);

    fn wait(plans: &[RemainingPlan], headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let answer = Answer::new(200, headers, b"{}", AnswerFormat::Json);
        pause(plans, &answer, NOW).map(|wait| wait.as_secs())
    }

    fn plan(header: &str, reset: Option<(&str, ResetFormat)>, window: Option<u64>) -> RemainingPlan {
        RemainingPlan {
            header: header.to_owned(),
            reset: reset.map(|(name, format)| (name.to_owned(), format)),
            window: window.map(Duration::from_secs),
        }
    }

    /// The headers of Onomondo's page: 600 a minute, and the second in which they are new.
    #[test]
    fn a_remaining_and_a_reset() {
        let reset = ("x-ratelimit-reset", ResetFormat::Date(DateFormat::UnixSeconds));
        let plans = [plan("x-ratelimit-remaining", Some(reset), None)];
        let at = ("x-ratelimit-reset", "1730239201");
        assert_eq!(wait(&plans, &[("x-ratelimit-remaining", "520"), at]), None);
        assert_eq!(wait(&plans, &[("x-ratelimit-remaining", "0"), at]), Some(101));
        assert_eq!(wait(&plans, &[("x-ratelimit-remaining", "0")]), None);
        assert_eq!(wait(&plans, &[("x-ratelimit-remaining", "none"), at]), None);
        assert_eq!(wait(&plans, &[at]), None);
        let past = ("x-ratelimit-reset", "1730239099");
        assert_eq!(wait(&plans, &[("x-ratelimit-remaining", "0"), past]), None);
    }

    /// Aeris has two windows and no reset. A reset that is later than its window ends is cut.
    #[test]
    fn windows_without_and_with_a_reset() {
        let plans = [
            plan("x-ratelimit-remaining-second", None, Some(1)),
            plan("x-ratelimit-remaining-minute", None, Some(60)),
        ];
        let left = |second, minute| {
            wait(
                &plans,
                &[("x-ratelimit-remaining-second", second), ("x-ratelimit-remaining-minute", minute)],
            )
        };
        assert_eq!(left("3", "7"), None);
        assert_eq!(left("0", "7"), Some(1));
        assert_eq!(left("0", "0"), Some(60));
        let plans = [plan("left", Some(("reset", ResetFormat::SecondsFromNow)), Some(60))];
        assert_eq!(wait(&plans, &[("left", "0"), ("reset", "9")]), Some(9));
        assert_eq!(wait(&plans, &[("left", "0"), ("reset", "999999")]), Some(60));
        assert_eq!(wait(&plans, &[("left", "0"), ("reset", "soon")]), Some(60));
    }
}
