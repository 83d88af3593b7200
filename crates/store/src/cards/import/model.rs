//! Rows to import, and why a row was refused.

use simgauge_domain::card_kind::CardKind;
use std::collections::HashSet;

/// Names of the accounts that there are.
pub(super) type Accounts = HashSet<String>;

/// One profile of one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// The card's number: ICCID or EID.
    pub number: String,
    /// Which of the two.
    pub kind: CardKind,
    /// Whose it is.
    pub account: String,
    /// One of the API's card statuses.
    pub status: String,
    /// The platform's note.
    pub label: String,
    /// ICCID of the profile.
    pub iccid: String,
    /// Where it is read.
    pub operator_account: String,
}

impl ImportRow {
    /// Whether the profile's ICCID is the card's number.
    pub(super) fn is_own_number(&self) -> bool {
        self.iccid == self.number
    }
}

/// Why a row was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The account does not exist.
    #[error("there is no account {0:?}")]
    NoAccount(String),
    /// The card belongs to another account.
    #[error("the card belongs to account {0:?}; it is not moved by an import")]
    OtherAccount(String),
    /// The number is known as the other kind of card.
    #[error("the number is known as the other kind of card")]
    OtherKind,
}
