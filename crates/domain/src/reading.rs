//! What an operator says about one profile.

use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// What a figure of "used" counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// The operator's own billing cycle.
    BillingCycle,
    /// A calendar month in some time zone.
    CalendarMonth,
    /// The life of one or more bundles bought at the operator.
    Bundle,
    /// Since the SIM was made; never starts again.
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

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::BillingCycle, Self::CalendarMonth, Self::Bundle, Self::Lifetime]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// The period a cumulative figure belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// What kind of period it is.
    pub kind: PeriodKind,
    /// Tells periods of one profile apart: equal keys mean the same period (`2026-05` for a calendar month, `` where
    /// the operator does not say when its cycle starts).
    pub key: String,
    /// First instant, where known.
    pub start: Option<UnixMs>,
    /// First instant after it, where known.
    pub end: Option<UnixMs>,
}

/// What a profile's state at the operator means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileStatus {
    /// Delivered, may be activated.
    Ready,
    /// In use.
    Active,
    /// Paused, blocked or out of data; can come back.
    Suspended,
    /// Ended for good.
    Terminated,
    /// A value the definition does not know.
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

    /// The status of that name.
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
    /// A name to show.
    pub name: String,
    /// Bytes used.
    pub used: u64,
    /// Bytes in all; `None` means unlimited.
    pub total: Option<u64>,
    /// Valid from, where known.
    pub start: Option<UnixMs>,
    /// Valid until, where known.
    pub end: Option<UnixMs>,
}

/// One believed answer of an operator about one profile: how many bytes it has used so far in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The period `used` counts in.
    pub period: Period,
    /// Cumulative bytes used in the period.
    pub used: u64,
    /// Bytes allowed in the period, where the operator says so and there is a limit.
    pub total: Option<u64>,
    /// The operator's own time of the figure, where it gives one.
    pub as_of: Option<UnixMs>,
    /// State of the profile, where the answer carries it.
    pub status: Option<ProfileStatus>,
    /// The operator's own word for that state.
    pub raw_status: Option<String>,
    /// Bundles, where the operator lists them; empty otherwise.
    pub bundles: Vec<Bundle>,
}
