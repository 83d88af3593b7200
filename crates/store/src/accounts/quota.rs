//! How many calls an account or an app may make.

use crate::backend::{Param, count_from_db};
use crate::error::StoreError;
use std::fmt;

/// A limit of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredQuota {
    /// Calls a second; 0: no limit.
    pub per_second: u32,
    /// Calls at once.
    pub burst: u32,
}

impl StoredQuota {
    /// A quota as two columns hold it; `of` names their row. Without a burst it is the rate.
    pub(super) fn from_db(
        per_second: Option<i64>,
        burst: Option<i64>,
        of: fmt::Arguments<'_>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(rate) = per_second else { return Ok(None) };
        Ok(Some(Self {
            per_second: count_from_db(rate, format_args!("per_second of {of}"))?,
            burst: count_from_db(burst.unwrap_or(rate), format_args!("burst of {of}"))?,
        }))
    }

    /// A quota as two columns hold it.
    pub(super) fn columns(quota: Option<Self>) -> [Param<'static>; 2] {
        [quota.map(|quota| quota.per_second).into(), quota.map(|quota| quota.burst).into()]
    }
}

/// A quota for the audit.
pub(super) fn in_words(quota: Option<StoredQuota>) -> String {
    match quota {
        None => "default".to_owned(),
        Some(StoredQuota { per_second, burst }) => format!("per_second={per_second} burst={burst}"),
    }
}
