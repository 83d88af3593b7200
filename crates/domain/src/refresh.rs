//! The life of an accepted refresh, and what one ended reading means for the refreshes that wait for it.

use crate::failure::FailureKind;
use crate::id::RefreshId;
use crate::ids::ProfileId;
use crate::time::UnixMs;

/// Where a refresh stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// Accepted, waiting for its turn.
    Queued,
    /// An operator was asked at least once.
    Running,
    /// Every profile of the card was read.
    Succeeded,
    /// At least one profile could not be read.
    Failed,
}

impl RefreshState {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Whether it ended.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Why a reading ended without usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// A sentence that may be shown to anyone.
    pub detail: String,
}

/// A refresh that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRefresh {
    /// Its id.
    pub id: RefreshId,
    /// When it was accepted.
    pub accepted_at: UnixMs,
    /// The profiles that still have to be read for it.
    pub remaining: Vec<ProfileId>,
    /// The first failure among its profiles so far.
    pub failure: Option<Failure>,
}

/// What follows from one ended reading.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Settlement {
    /// Refreshes that changed, with the state they now have.
    pub changed: Vec<(usize, RefreshState)>,
    /// The oldest refresh that still waits for this profile, since it was accepted after the reading began:
    /// the profile has to be read once more for it.
    pub again_for: Option<usize>,
}

/// Applies the end of a reading of `profile` that began at `began_at` to a card's open refreshes. It counts
/// for those accepted before it began (and only once for each); those accepted later keep waiting.
pub fn settle(
    open: &mut [OpenRefresh],
    profile: ProfileId,
    began_at: UnixMs,
    failure: Option<&Failure>,
) -> Settlement {
    let mut settlement = Settlement::default();
    let mut again: Option<UnixMs> = None;
    for (index, refresh) in open.iter_mut().enumerate() {
        let Some(at) = refresh.remaining.iter().position(|waiting| *waiting == profile) else { continue };
        if refresh.accepted_at > began_at {
            if again.is_none_or(|oldest| refresh.accepted_at < oldest) {
                again = Some(refresh.accepted_at);
                settlement.again_for = Some(index);
            }
            continue;
        }
        refresh.remaining.remove(at);
        if refresh.failure.is_none() {
            refresh.failure = failure.cloned();
        }
        let state = match (&refresh.failure, refresh.remaining.is_empty()) {
            (_, false) => RefreshState::Running,
            (None, true) => RefreshState::Succeeded,
            (Some(_), true) => RefreshState::Failed,
        };
        settlement.changed.push((index, state));
    }
    settlement
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: ProfileId = ProfileId(1);
    const Q: ProfileId = ProfileId(2);

    fn open(seconds: i64, remaining: &[ProfileId]) -> OpenRefresh {
        OpenRefresh {
            id: RefreshId::new(UnixMs::from_seconds(seconds), 0),
            accepted_at: UnixMs::from_seconds(seconds),
            remaining: remaining.to_vec(),
            failure: None,
        }
    }

    fn failure() -> Failure {
        Failure { kind: FailureKind::NotFound, detail: "the operator does not know this SIM".into() }
    }

    #[test]
    fn one_reading_serves_all_that_waited_when_it_began() {
        let mut refreshes = [open(10, &[P]), open(20, &[P]), open(30, &[P])];
        let settlement = settle(&mut refreshes, P, UnixMs::from_seconds(25), None);
        assert_eq!(settlement.changed, [(0, RefreshState::Succeeded), (1, RefreshState::Succeeded)]);
        assert_eq!(settlement.again_for, Some(2));
        assert_eq!(
            settle(&mut refreshes, P, UnixMs::from_seconds(35), None).changed,
            [(2, RefreshState::Succeeded)]
        );
    }

    #[test]
    fn a_card_with_two_profiles_ends_when_both_were_read() {
        let mut refreshes = [open(10, &[P, Q])];
        assert_eq!(
            settle(&mut refreshes, P, UnixMs::from_seconds(11), None).changed,
            [(0, RefreshState::Running)]
        );
        assert_eq!(
            settle(&mut refreshes, P, UnixMs::from_seconds(12), None),
            Settlement::default(),
            "counts once"
        );
        assert_eq!(
            settle(&mut refreshes, Q, UnixMs::from_seconds(13), None).changed,
            [(0, RefreshState::Succeeded)]
        );
    }

    #[test]
    fn one_failed_profile_fails_the_refresh_but_only_at_its_end() {
        let mut refreshes = [open(10, &[P, Q])];
        let settlement = settle(&mut refreshes, P, UnixMs::from_seconds(11), Some(&failure()));
        assert_eq!(settlement.changed, [(0, RefreshState::Running)]);
        let settlement = settle(&mut refreshes, Q, UnixMs::from_seconds(11), None);
        assert_eq!(settlement.changed, [(0, RefreshState::Failed)]);
        assert_eq!(refreshes[0].failure, Some(failure()));
    }
}
