//! What a package is good for at one time, and in which order packages are shown.

use super::booking::Package;
use super::mirror::Mirrored;
use crate::time::UnixMs;

/// The state of a package. The order is the one to show packages in: what counts now comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageState {
    /// It is valid and has bytes left: usage counts on it.
    Active,
    /// It becomes valid later.
    Waiting,
    /// It is valid, but nothing is left.
    UsedUp,
    /// It has ended.
    Expired,
}

impl PackageState {
    /// Every state, in the order to show packages in.
    pub const ALL: [Self; 4] = [Self::Active, Self::Waiting, Self::UsedUp, Self::Expired];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::UsedUp => "used_up",
            Self::Expired => "expired",
        }
    }

    fn of(from: Option<UnixMs>, to: Option<UnixMs>, left: Option<u64>, at: UnixMs) -> Self {
        if to.is_some_and(|to| to <= at) {
            Self::Expired
        } else if from.is_some_and(|from| at < from) {
            Self::Waiting
        } else if left == Some(0) {
            Self::UsedUp
        } else {
            Self::Active
        }
    }
}

impl Package {
    /// Its state at this time.
    #[must_use]
    pub fn state(&self, at: UnixMs) -> PackageState {
        PackageState::of(self.valid_from, self.valid_to, self.remaining(), at)
    }
}

impl Mirrored {
    /// When it ends: by its own date, or when the operator no longer listed it.
    #[must_use]
    pub fn valid_to(&self) -> Option<UnixMs> {
        match (self.bundle.end, self.ended_at) {
            (Some(end), Some(ended_at)) => Some(end.min(ended_at)),
            (end, ended_at) => end.or(ended_at),
        }
    }

    /// Its state at this time. One that the operator no longer lists has ended.
    #[must_use]
    pub fn state(&self, at: UnixMs) -> PackageState {
        match self.ended_at {
            Some(_) => PackageState::Expired,
            None => PackageState::of(self.bundle.start, self.bundle.end, self.remaining(), at),
        }
    }
}

/// Packages in the order to show them in: what counts now, in the order in which usage is booked, then what
/// becomes valid next, then what is used up, then what has ended, latest first. `packages` are in the order
/// in which usage is booked.
pub fn show_what_counts_first<T>(packages: &mut [T], state: impl Fn(&T) -> PackageState) {
    packages.sort_by_key(&state);
    let ended = packages.partition_point(|package| state(package) < PackageState::Expired);
    packages[ended..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Bundle;

    const NOW: UnixMs = UnixMs(1_000);

    fn package(code: &str, from: Option<i64>, to: Option<i64>, booked: u64) -> Package {
        let (valid_from, valid_to) = (from.map(UnixMs), to.map(UnixMs));
        Package { code: code.into(), total: Some(10), valid_from, valid_to, booked }
    }

    #[test]
    fn states_at_their_edges() {
        for (from, to, booked, state) in [
            (None, None, 9, PackageState::Active),
            (Some(1_000), Some(1_001), 0, PackageState::Active),
            (Some(1_001), None, 0, PackageState::Waiting),
            (None, Some(1_000), 0, PackageState::Expired),
            (None, None, 10, PackageState::UsedUp),
            // It has ended, whatever was left; and it has not begun, although nothing is in it.
            (None, Some(1_000), 10, PackageState::Expired),
            (Some(1_001), None, 10, PackageState::Waiting),
        ] {
            assert_eq!(package("p", from, to, booked).state(NOW), state, "{from:?} {to:?} {booked}");
        }
        let unlimited = Package { total: None, ..package("p", None, None, u64::MAX) };
        assert_eq!(unlimited.state(NOW), PackageState::Active);
    }

    #[test]
    fn an_operators_bundle_ends_when_it_is_no_longer_listed() {
        let bundle = Bundle {
            code: "b".into(),
            name: String::new(),
            used: 10,
            total: Some(10),
            start: None,
            end: Some(UnixMs(2_000)),
        };
        let listed = Mirrored { bundle, run: 0, ended_at: None };
        assert_eq!(listed.state(NOW), PackageState::UsedUp);
        let gone = Mirrored { ended_at: Some(UnixMs(900)), ..listed };
        assert_eq!((gone.state(NOW), gone.valid_to()), (PackageState::Expired, Some(UnixMs(900))));
    }

    #[test]
    fn what_counts_now_comes_first() {
        let mut packages = vec![
            package("ended long ago", None, Some(100), 0),
            package("ended", None, Some(900), 10),
            package("used up", None, Some(2_000), 10),
            package("first", None, Some(3_000), 5),
            package("next", Some(3_000), Some(4_000), 0),
            package("second", None, None, 0),
        ];
        show_what_counts_first(&mut packages, |package| package.state(NOW));
        let codes: Vec<&str> = packages.iter().map(|package| package.code.as_str()).collect();
        assert_eq!(codes, ["first", "second", "next", "used up", "ended", "ended long ago"]);
    }
}
