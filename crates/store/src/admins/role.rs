//! What admins may do.

use crate::error::StoreError;

/// What an admin may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRole {
    /// Look at everything.
    ReadOnly,
    /// Look at everything and act.
    Full,
}

impl AdminRole {
    pub const ALL: [Self; 2] = [Self::ReadOnly, Self::Full];

    /// The name in the store and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Full => "full",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The role as a row holds it; `admin` names the row.
    pub(super) fn from_db(name: &str, admin: &str) -> Result<Self, StoreError> {
        Self::parse(name).ok_or_else(|| StoreError::Corrupt(format!("role {name:?} of admin {admin}")))
    }
}
