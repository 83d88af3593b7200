//! How a suspect reading stands.

/// The state of a suspect reading, and of a lane whose unit may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspectState {
    Waiting,
    /// A person had it booked.
    Accepted,
    /// A person had it dropped.
    Rejected,
    /// A later reading, or a day, made it pointless.
    Settled,
}

impl SuspectState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Accepted, Self::Rejected, Self::Settled];

    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Settled => "settled",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What becomes of a suspect reading that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A person has it booked.
    Accept,
    /// A person has it dropped.
    Reject,
    /// It is booked since it waited for a day.
    Due,
}

impl Decision {
    pub(super) const fn state(self) -> SuspectState {
        match self {
            Self::Accept => SuspectState::Accepted,
            Self::Reject => SuspectState::Rejected,
            Self::Due => SuspectState::Settled,
        }
    }
}
