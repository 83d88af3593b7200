//! Calls to be accepted, and their outcomes.

use crate::backend::sqlite::log::Commit;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::identity::AmbiguousNumber;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_domain::waiting::LaneBehind;
use std::sync::Arc;

/// A call that passed the gate.
#[derive(Clone, Debug)]
pub struct AcceptCall {
    /// Whose card it must be.
    pub account: Arc<str>,
    /// The app that calls.
    pub appkey: Arc<str>,
    /// What kind of card it must be.
    pub kind: CardKind,
    /// The card's number, in canonical spelling.
    pub number: String,
    /// Whether it is exactly the number of the card. Otherwise it may be the one with or without check digit.
    pub is_exact: bool,
    /// The call's sign: 40 or 64 upper-case hex digits.
    pub sign: String,
    /// Whether a call of another kind was let in with this sign. Then nothing new is accepted: it can only be
    /// the repetition of a refresh.
    pub sign_was_used: bool,
    /// The id that a new refresh gets.
    pub id: RefreshId,
}

/// An accepted refresh, new or (for an identical request) the one accepted before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub id: RefreshId,
    /// When it was accepted.
    pub accepted_at: UnixMs,
    /// Its state.
    pub state: RefreshState,
}

/// A task that a refresh made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWork {
    /// The operator account.
    pub lane: Arc<str>,
    /// When the last believed reading of the profile began.
    pub last_read_at: Option<UnixMs>,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptOutcome {
    /// A new refresh.
    Accepted {
        /// The refresh.
        refresh: Accepted,
        /// The new tasks.
        tasks: Vec<NewWork>,
    },
    /// The very request that was accepted before.
    Same(Accepted),
    /// The card is cooling down.
    Cooling {
        /// When it was accepted last.
        accepted_at: UnixMs,
        /// When it may be refreshed again.
        next_at: UnixMs,
    },
    /// The sign was used by a call of another kind, and no refresh was accepted with it.
    SignUsed,
    /// No such card under this account.
    NotFound,
    /// The number could mean two cards of the account.
    Ambiguous(Box<AmbiguousNumber>),
    /// A lane did not take it; nothing was stored.
    Refused {
        /// The operator account.
        lane: String,
        /// Why; nothing where there is no such operator account.
        behind: Option<Box<LaneBehind>>,
    },
}

/// What became of calls, committed and perhaps not on the disk yet. Callers are answered after
/// [`Store::sync`](crate::Store::sync).
#[derive(Debug)]
#[must_use = "nobody knows of it before it is synced"]
pub struct NotSynced {
    pub(super) outcomes: Vec<AcceptOutcome>,
    pub(super) put_right: usize,
    /// On SQLite, where a commit does not wait for the disk.
    pub(super) commit: Option<Commit>,
}

impl NotSynced {
    /// How many refreshes a clock that was ahead had accepted in the future. They count as accepted now.
    #[must_use]
    pub fn put_right(&self) -> usize {
        self.put_right
    }
}

/// The rule for each kind of card.
#[derive(Clone, Copy, Debug)]
pub struct CardRules {
    /// Physical cards.
    pub sim: AcceptRule,
    /// Cloud eSIMs.
    pub cloud_esim: AcceptRule,
}

impl CardRules {
    /// The rule for a kind.
    #[must_use]
    pub const fn of(&self, kind: CardKind) -> &AcceptRule {
        match kind {
            CardKind::Sim => &self.sim,
            CardKind::CloudEsim => &self.cloud_esim,
        }
    }
}

/// What a lane says of one more task of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Taken.
    Taken,
    /// The wait would be too long.
    TooFarBehind(LaneBehind),
    /// There is no such operator account.
    Unknown,
}

/// What the lanes say of one more task, by lane and account.
pub type AdmissionRule<'a> = dyn Fn(&str, &str) -> Admission + Sync + 'a;
