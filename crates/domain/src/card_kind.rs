//! The two kinds of card, and their names in the store and on the wire.

/// The kind of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardKind {
    /// A physical SIM card. Its number is an ICCID.
    Sim,
    /// A cloud eSIM. Its number is an EID.
    CloudEsim,
}

impl CardKind {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::CloudEsim => "cloud_esim",
        }
    }

    /// The kind with this name in the store; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sim, Self::CloudEsim].into_iter().find(|kind| kind.as_str() == name)
    }

    /// The field of a request or an answer that holds the number of one card.
    #[must_use]
    pub const fn number_field(self) -> &'static str {
        match self {
            Self::Sim => "iccid",
            Self::CloudEsim => "eid",
        }
    }

    /// The field of a request that holds the numbers of several cards.
    #[must_use]
    pub const fn list_field(self) -> &'static str {
        match self {
            Self::Sim => "iccids",
            Self::CloudEsim => "eids",
        }
    }
}
