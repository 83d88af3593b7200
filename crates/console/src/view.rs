//! Amounts, times and states as the pages show them.

use crate::text::Texts;
use simgauge_admin::human;
use simgauge_domain::accept::cooling_until;
use simgauge_domain::period::TimeZone;
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardRules, CardView, ProfileView, RefreshView};
use std::time::Duration;

/// A word on a coloured ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Badge {
    /// `good`, `warn`, `bad`, `busy` or `quiet`: its class.
    pub(super) tone: &'static str,
    pub(super) text: String,
}

impl Badge {
    pub(super) fn new(tone: &'static str, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// A point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// For machines.
    pub(super) iso: String,
    /// In the platform's time zone.
    pub(super) at: String,
    /// How far from now.
    pub(super) ago: String,
}

/// What a page is shown in: language, time, time zone.
#[derive(Clone, Copy)]
pub(super) struct ViewContext<'a> {
    pub(super) t: Texts,
    pub(super) now: UnixMs,
    pub(super) zone: &'a TimeZone,
}

impl ViewContext<'_> {
    pub(super) fn when(self, at: UnixMs) -> When {
        let Ok(timestamp) = jiff::Timestamp::from_millisecond(at.0) else {
            return When { iso: String::new(), at: at.0.to_string(), ago: String::new() };
        };
        let local = timestamp.to_zoned(self.zone.clone());
        When {
            iso: timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            at: local.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            ago: self.ago(at),
        }
    }

    /// `3 min ago`, `in 2 h`.
    pub(super) fn ago(self, at: UnixMs) -> String {
        if at > self.now {
            self.t.fill("ago.future", &[&self.span(at.since(self.now))])
        } else {
            self.t.fill("ago.past", &[&self.span(self.now.since(at))])
        }
    }

    /// `4 min 58 s`.
    pub(super) fn span(self, span: Duration) -> String {
        let seconds = span.as_secs();
        let unit = |count: u64, key: &str| format!("{count} {}", self.t.named("unit", key));
        let two = |large: u64, one: &str, small: u64, other: &str| match small {
            0 => unit(large, one),
            small => format!("{} {}", unit(large, one), unit(small, other)),
        };
        match seconds {
            0..60 => unit(seconds, "s"),
            60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
            3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
            _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
        }
    }

    pub(super) fn state(self, state: RefreshState) -> Badge {
        let tone = match state {
            RefreshState::Queued => "quiet",
            RefreshState::Running => "busy",
            RefreshState::Succeeded => "good",
            RefreshState::Failed => "bad",
        };
        Badge::new(tone, self.t.named("state", state.as_str()))
    }

    /// Why a refresh failed.
    pub(super) fn reason(self, failure: &Failure) -> String {
        self.t.named("reason", failure.kind.as_str())
    }

    pub(super) fn card_status(self, status: &str) -> Badge {
        let tone = match status {
            "ACTIVATED_NAME" => "good",
            "ACTIVATION_READY_NAME" | "NON_ACTIVATED_NAME" => "quiet",
            "DEACTIVATED_NAME" => "warn",
            _ => "bad",
        };
        Badge::new(tone, self.t.named("status", status))
    }

    /// What a refresh changed: `+3.1 MB`, `no change`.
    pub(super) fn change(self, refresh: &RefreshView) -> String {
        match (refresh.before, refresh.after) {
            (Some(before), Some(after)) if before == after => self.t.get("change.none").to_owned(),
            (Some(before), Some(after)) if after > before => format!("+{}", human::bytes(after - before)),
            (Some(before), Some(after)) => format!("−{}", human::bytes(before - after)),
            (None, Some(after)) => human::bytes(after),
            _ => String::new(),
        }
    }
}

/// When the oldest usage of a card's profiles was true, as far as is known. None if a profile was never read.
pub(super) fn usage_time(card: &CardView) -> Option<UnixMs> {
    let of = |profile: &ProfileView| profile.as_of.or(profile.synced_at);
    card.profiles.iter().map(of).collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// Until when a card may not be refreshed.
pub(super) fn cooling_end(card: &CardView, rules: &CardRules, now: UnixMs) -> Option<UnixMs> {
    card.accepted_at.and_then(|at| cooling_until(at, now, rules.of(card.kind).cooldown))
}

/// Whole percent, at most 100. A share of 0 is 0 %.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        0
    } else {
        u64::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100).min(100)
    }
}

/// The tone of a share that is used.
pub(super) const fn used_tone(percent: u64) -> &'static str {
    match percent {
        0..80 => "good",
        80..95 => "warn",
        _ => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_protocol::Language;

    #[test]
    fn spans_and_distances() {
        let zone = TimeZone::UTC;
        let context =
            |language| ViewContext { t: Texts(language), now: UnixMs(1_800_000_000_000), zone: &zone };
        let en = context(Language::En);
        assert_eq!(en.ago(UnixMs(1_800_000_000_000 - 298_000)), "4 min 58 s ago");
        assert_eq!(en.ago(UnixMs(1_800_000_000_000 + 7_500_000)), "in 2 h 5 min");
        assert_eq!(context(Language::Zh).ago(UnixMs(1_800_000_000_000 - 60_000)), "1 分钟前");
        let when = en.when(UnixMs(1_800_000_000_000));
        assert_eq!((when.iso.as_str(), when.at.as_str()), ("2027-01-15T08:00:00Z", "2027-01-15 08:00:00"));
        assert_eq!(en.when(UnixMs(i64::MAX)).at, i64::MAX.to_string());
    }

    #[test]
    fn percentages() {
        assert_eq!(
            (percent(1, 3), percent(5, 3), percent(1, 0), percent(u64::MAX, u64::MAX)),
            (33, 100, 0, 100)
        );
    }
}
