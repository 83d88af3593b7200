//! What an operator reports about one profile.

use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// From when the used bytes of a reading are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// The operator's own billing cycle.
    BillingCycle,
    /// A calendar month in some time zone.
    CalendarMonth,
    /// The life of one or more bundles bought at the operator.
    Bundle,
    /// The life of the SIM; the count never starts again.
    Lifetime,
}

impl PeriodKind {
    /// The name used on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BillingCycle => "billing_cycle",
            Self::CalendarMonth => "calendar_month",
            Self::Bundle => "bundle",
            Self::Lifetime => "lifetime",
        }
    }

    /// The kind with this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::BillingCycle, Self::CalendarMonth, Self::Bundle, Self::Lifetime]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// The period in which used bytes are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The kind of the period.
    pub kind: PeriodKind,
    /// Tells the periods of one profile apart: equal keys mean the same period. `2026-05` for a calendar
    /// month; empty where the operator does not say when its cycle starts.
    pub key: String,
    /// Its first instant, where known.
    pub start: Option<UnixMs>,
    /// The first instant after it, where known.
    pub end: Option<UnixMs>,
}

/// The state of a profile at its operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileStatus {
    /// Delivered, can be activated.
    Ready,
    /// In use.
    Active,
    /// Paused, blocked or out of data; can become active again.
    Suspended,
    /// Ended, never active again.
    Terminated,
    /// A value that the operator definition does not list.
    Unknown,
}

impl ProfileStatus {
    /// The name used on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Unknown => "unknown",
        }
    }

    /// The status with this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ready, Self::Active, Self::Suspended, Self::Terminated, Self::Unknown]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// One data bundle at the operator, for cards whose packages mirror the operator's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The operator's id of this very bundle (not of its product).
    pub code: String,
    /// Its name, to be shown to people.
    pub name: String,
    /// Bytes used.
    pub used: u64,
    /// Its size in bytes; `None` means unlimited.
    pub total: Option<u64>,
    /// Valid from, where known.
    pub start: Option<UnixMs>,
    /// Valid until, where known.
    pub end: Option<UnixMs>,
}

/// One answer of an operator about one profile: how many bytes it has used so far in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The period in which `used` is counted.
    pub period: Period,
    /// Bytes used since the period began.
    pub used: u64,
    /// Bytes allowed in the period; `None` where there is no limit or the operator does not say.
    pub total: Option<u64>,
    /// When the operator counted `used`, where it says so.
    pub as_of: Option<UnixMs>,
    /// The state of the profile, where the answer has it.
    pub status: Option<ProfileStatus>,
    /// The operator's own name of that state.
    pub raw_status: Option<String>,
    /// The profile's bundles; empty where the operator lists none.
    pub bundles: Vec<Bundle>,
}
