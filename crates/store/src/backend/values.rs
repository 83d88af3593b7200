//! Values as columns hold them. What this program never writes is an error that names it.

use crate::error::StoreError;
use simgauge_domain::id::RefreshId;
use std::fmt::Display;

/// An amount for the books.
///
/// # Errors
/// [`StoreError::TooManyBytes`] above 2^63 - 1.
pub(crate) fn to_db(bytes: u64) -> Result<i64, StoreError> {
    i64::try_from(bytes).map_err(|_| StoreError::TooManyBytes(bytes))
}

/// An amount, or a count, as it was put in. `of` names the table's column and the key of the row.
///
/// # Errors
/// [`StoreError::Corrupt`] where it is negative.
pub(crate) fn from_db(bytes: i64, of: impl Display) -> Result<u64, StoreError> {
    u64::try_from(bytes).map_err(|_| StoreError::Corrupt(format!("{of} is {bytes}")))
}

/// The same for what need not be known.
pub(crate) fn maybe_from_db(bytes: Option<i64>, of: impl Display) -> Result<Option<u64>, StoreError> {
    bytes.map(|bytes| from_db(bytes, of)).transpose()
}

/// A small count as it was put in.
///
/// # Errors
/// [`StoreError::Corrupt`] where it is negative or above 2^32 - 1.
pub(crate) fn count_from_db(count: i64, of: impl Display) -> Result<u32, StoreError> {
    u32::try_from(count).map_err(|_| StoreError::Corrupt(format!("{of} is {count}")))
}

/// A refresh's id as it was put in.
///
/// # Errors
/// [`StoreError::Corrupt`] where it is none.
pub(crate) fn refresh_id_from_db(text: &str, of: impl Display) -> Result<RefreshId, StoreError> {
    RefreshId::parse(text).ok_or_else(|| StoreError::Corrupt(format!("{of} is {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_cannot_hold_is_an_error() {
        assert!(matches!(to_db(9_223_372_036_854_775_807), Ok(9_223_372_036_854_775_807)));
        assert!(matches!(to_db(9_223_372_036_854_775_808), Err(StoreError::TooManyBytes(_))));
    }

    #[test]
    fn a_damaged_amount_is_named() {
        let error = from_db(-1, "used of profile 7").expect_err("negative");
        assert_eq!(error.to_string(), "unexpected content in the database: used of profile 7 is -1");
        assert!(count_from_db(1 << 32, "attempts").is_err());
        assert!(refresh_id_from_db("01arz3", "last_refresh of card 1").is_err());
    }
}
