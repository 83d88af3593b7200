//! Cards as people and programs look at them.

use crate::packages::rows::PackageView;
use crate::refreshes::view::RefreshView;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::guard::held::Held;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::mirror::Mirrored;
use simgauge_domain::reading::{Period, ProfileStatus};
use simgauge_domain::time::UnixMs;

/// A profile with its last reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileView {
    pub id: ProfileId,
    /// Its ICCID.
    pub iccid: String,
    /// Where it is read.
    pub operator_account: String,
    /// State at the operator, once read.
    pub status: Option<ProfileStatus>,
    /// The operator's word for it.
    pub raw_status: Option<String>,
    /// Bytes used in the period, once read.
    pub used: Option<u64>,
    /// Bytes allowed in the period.
    pub total: Option<u64>,
    /// The period.
    pub period: Option<Period>,
    /// The operator's own time of the usage.
    pub as_of: Option<UnixMs>,
    /// When the reading began.
    pub began_at: Option<UnixMs>,
    /// When the answer was there.
    pub synced_at: Option<UnixMs>,
    /// The operator's bundles, ended ones included, where it lists them.
    pub bundles: Vec<Mirrored>,
    /// How often the operator's count began anew, and the bytes counted since.
    pub counted: Option<(u32, u64)>,
    /// When the reading began from which on the count was taken for a new one only since the usage fell.
    pub assumed_at: Option<UnixMs>,
    /// The newest reading, where it is held back.
    pub held: Option<Held>,
}

/// A card with its profiles and its last refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardView {
    pub id: CardId,
    /// ICCID or EID.
    pub number: String,
    /// Which of the two.
    pub kind: CardKind,
    /// Whose it is.
    pub account: String,
    /// One of the API's card statuses.
    pub status: String,
    /// The platform's note.
    pub label: String,
    /// When its last refresh was accepted.
    pub accepted_at: Option<UnixMs>,
    /// Its profiles by ICCID.
    pub profiles: Vec<ProfileView>,
    /// Its last refresh.
    pub refresh: Option<RefreshView>,
    /// The platform's own packages, in the order in which they are booked.
    pub packages: Vec<PackageView>,
    /// Bytes that no package had room for.
    pub overage: u64,
    /// How many of them there were when the card got its first package.
    pub overage_base: u64,
}
