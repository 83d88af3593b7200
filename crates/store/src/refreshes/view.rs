//! Refreshes as people and programs look at them.

use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::time::UnixMs;

/// An accepted refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshView {
    pub id: RefreshId,
    pub card: CardId,
    /// The card's number.
    pub number: String,
    /// Whose it is.
    pub account: String,
    /// The app that called.
    pub appkey: String,
    pub accepted_at: UnixMs,
    pub state: RefreshState,
    /// The card's used bytes when it was accepted, where known.
    pub before: Option<u64>,
    /// The card's used bytes when it ended, where known.
    pub after: Option<u64>,
    pub finished_at: Option<UnixMs>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why a reading that it ended with was held back.
    pub warning: Option<SuspectReason>,
}
