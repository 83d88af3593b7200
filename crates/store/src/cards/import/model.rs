//! Rows to import, and why a row was refused.

use simgauge_domain::card_kind::CardKind;
use std::collections::HashSet;

/// Names of the accounts that there are.
pub(super) type Accounts = HashSet<String>;

/// One profile of one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// The card's number: ICCID or EID, in canonical spelling.
    pub number: String,
    /// Which of the two.
    pub kind: CardKind,
    /// Whose it is.
    pub account: String,
    /// One of the API's card statuses. Empty: a known card keeps its own, a new one is active.
    pub status: String,
    /// The platform's note. Empty: a known card keeps its own.
    pub label: String,
    /// ICCID of the profile, in canonical spelling.
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
    /// The SIM is a card or a profile of another account.
    #[error("the SIM {iccid} belongs to account {account:?}")]
    SimOfOtherAccount { iccid: String, account: String },
    /// The SIM is a profile of another card at the same operator account.
    #[error("the SIM {iccid} is a profile of card {card} at this operator account already")]
    SimOfOtherCard { iccid: String, card: String },
    /// The number is that of another SIM but for the check digit.
    #[error(
        "{number} may be the same SIM as {stored}, which is known, with or without its check digit; import \
         them with --distinct if they are two SIMs"
    )]
    Neighbour { number: String, stored: String },
}
