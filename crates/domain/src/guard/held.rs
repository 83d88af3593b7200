//! A reading that is held back.

use crate::reading::Reading;
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// Why a reading is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspectReason {
    /// Its usage is a number that stands for no usage.
    Sentinel,
    /// It grew faster than a bearer carries.
    TooFast,
    /// The operator seems to have changed its unit.
    UnitChange,
    /// Its usage fell, and the operator does not say why.
    Fall,
    /// Its period cannot be.
    ImpossiblePeriod,
}

impl SuspectReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Sentinel, Self::TooFast, Self::UnitChange, Self::Fall, Self::ImpossiblePeriod];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sentinel => "sentinel",
            Self::TooFast => "too_fast",
            Self::UnitChange => "unit_change",
            Self::Fall => "fall",
            Self::ImpossiblePeriod => "impossible_period",
        }
    }

    /// The reason with this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// The suspect reading of a profile that waits to be settled. A profile has one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Why.
    pub reason: SuspectReason,
    /// The newest suspect reading.
    pub reading: Reading,
    /// When it began.
    pub began_at: UnixMs,
    /// When the first suspect reading for this reason began.
    pub since: UnixMs,
    /// The time of the usage of the first reading that this one agrees with.
    pub agreed_from: UnixMs,
}
