//! Notifications that a cloud eSIM has little left, as the reference platform sends them: its event
//! `CloudESimFlowAlert` has one of three types. Each is notified once for a package, and again only after it
//! no longer held (a top-up, a new period, a correction).
//!
//! The types and their limits are the platform's (its public documentation, page 441022831e0). What it counts
//! as a MB is not documented; here it is 1,000,000 bytes. How it writes the value is not documented either;
//! here it is a decimal number with a point.

use crate::time::UnixMs;

/// In which form an account is notified of what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NotifyStyle {
    /// By this program's own events only.
    #[default]
    Plain,
    /// Beside them by the reference platform's `CloudESimFlowAlert`.
    Platform,
}

impl NotifyStyle {
    /// Every style.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Platform];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Platform => "platform",
        }
    }

    /// The style of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.as_str() == name)
    }
}

/// Under so many bytes left, type 1 is notified.
const FEW_BYTES: u64 = 100_000_000;
/// Under so many percent left, type 2 is notified.
const FEW_PERCENT: u64 = 10;
/// Under so many milliseconds left, type 3 is notified.
const FEW_DAYS: i64 = 7 * DAY;
const DAY: i64 = 24 * 3_600 * 1_000;

/// Something that holds of what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// 1: under 100 MB. 2: under 10 % of the total. 3: under 7 days.
    pub kind: u16,
    /// What is left: MB, percent or days, with two decimals.
    pub value: String,
}

/// What a package has, at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Bytes used.
    pub used: u64,
    /// Its size in bytes; `None` means unlimited.
    pub total: Option<u64>,
    /// Its first instant, where it has one.
    pub valid_from: Option<UnixMs>,
    /// The first instant after it, where it has one.
    pub valid_to: Option<UnixMs>,
}

impl Left {
    /// What holds at this time, ascending. Nothing of a package that is not valid then.
    #[must_use]
    pub fn alerts(&self, at: UnixMs) -> Vec<Alert> {
        let has_begun = self.valid_from.is_none_or(|from| from <= at);
        let ends_in = self.valid_to.map(|to| to.0.saturating_sub(at.0));
        if !has_begun || ends_in.is_some_and(|span| span <= 0) {
            return Vec::new();
        }
        let mut alerts = Vec::new();
        if let Some(total) = self.total.filter(|total| *total > 0) {
            let left = total.saturating_sub(self.used);
            if left < FEW_BYTES {
                alerts.push(Alert { kind: 1, value: hundredths(u128::from(left) / 10_000) });
            }
            if u128::from(left) * 100 < u128::from(total) * u128::from(FEW_PERCENT) {
                let share = u128::from(left) * 10_000 / u128::from(total);
                alerts.push(Alert { kind: 2, value: hundredths(share) });
            }
        }
        if let Some(span) = ends_in.filter(|span| *span < FEW_DAYS) {
            let days = u128::from(span.unsigned_abs()) * 100 / u128::from(DAY.unsigned_abs());
            alerts.push(Alert { kind: 3, value: hundredths(days) });
        }
        alerts
    }
}

fn hundredths(count: u128) -> String {
    format!("{}.{:02}", count / 100, count % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_800_000_000_000);

    fn left(used: u64, total: Option<u64>) -> Left {
        Left { used, total, valid_from: None, valid_to: None }
    }

    fn alerts_of(left: Left) -> Vec<(u16, String)> {
        left.alerts(NOW).into_iter().map(|alert| (alert.kind, alert.value)).collect()
    }

    #[test]
    fn bytes_and_percent() {
        let gb = 1_000_000_000;
        assert_eq!(alerts_of(left(0, Some(gb))), []);
        assert_eq!(alerts_of(left(900_000_000, Some(gb))), [], "neither under 100 MB nor under 10 %");
        let both = [(1, "87.50".to_owned()), (2, "8.75".to_owned())];
        assert_eq!(alerts_of(left(912_500_000, Some(gb))), both);
        assert_eq!(alerts_of(left(95 * gb, Some(100 * gb))), [(2, "5.00".to_owned())]);
        assert_eq!(alerts_of(left(0, Some(50_000_000))), [(1, "50.00".to_owned())]);
        let none = [(1, "0.00".to_owned()), (2, "0.00".to_owned())];
        assert_eq!(alerts_of(left(2 * gb, Some(gb))), none, "used beyond it");
        assert_eq!(alerts_of(left(gb, None)), [], "unlimited");
        assert_eq!(alerts_of(left(0, Some(0))), [], "no total");
    }

    #[test]
    fn days() {
        let until = |to: i64| Left { valid_to: Some(UnixMs(NOW.0 + to)), ..left(0, None) };
        assert_eq!(alerts_of(until(7 * DAY)), []);
        assert_eq!(alerts_of(until(7 * DAY - 1)), [(3, "6.99".to_owned())]);
        assert_eq!(alerts_of(until(DAY / 2)), [(3, "0.50".to_owned())]);
        assert_eq!(alerts_of(until(0)), [], "it has ended");
        let later = Left { valid_from: Some(UnixMs(NOW.0 + 1)), ..until(DAY) };
        assert_eq!(alerts_of(later), [], "it has not begun");
    }

    #[test]
    fn styles_have_names() {
        for style in NotifyStyle::ALL {
            assert_eq!(NotifyStyle::parse(style.as_str()), Some(style));
        }
        assert_eq!(NotifyStyle::parse(""), None);
    }
}
