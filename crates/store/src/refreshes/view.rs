//! Refreshes as they stand.

use crate::Store;
use crate::db::{Sql, from_db, reading};
use crate::error::StoreError;
use crate::row::row;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::{Failure, OpenRefresh, RefreshState};
use simgauge_domain::time::UnixMs;

/// An accepted refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshView {
    /// Its id.
    pub id: RefreshId,
    /// The card's number.
    pub card: String,
    /// Whose it is.
    pub account: String,
    /// The app that called.
    pub appkey: String,
    /// When it was accepted.
    pub accepted_at: UnixMs,
    /// Where it stands.
    pub state: RefreshState,
    /// The card's used bytes when it was accepted, where known.
    pub before: Option<u64>,
    /// The card's used bytes when it ended, where known.
    pub after: Option<u64>,
    /// When it ended.
    pub finished_at: Option<UnixMs>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

row! {
    pub(crate) struct RefreshRow {
        pub(crate) id: String,
        pub(crate) card: String,
        pub(crate) account: String,
        appkey: String,
        pub(crate) accepted_at: i64,
        pub(crate) previous: Option<String>,
        pub(crate) state: String,
        pub(crate) remaining: String,
        before: Option<i64>,
        after: Option<i64>,
        finished_at: Option<i64>,
        reason: Option<String>,
        detail: Option<String>,
    }
}

/// The state of a refresh as the store holds it.
pub(crate) fn state_of(id: &str, state: &str) -> Result<RefreshState, StoreError> {
    RefreshState::parse(state).ok_or_else(|| StoreError::Corrupt(format!("state {state:?} of refresh {id}")))
}

/// The ICCIDs still to be read, as the store holds them.
pub(crate) fn iccids(remaining: &str) -> Vec<String> {
    remaining.split(',').filter(|iccid| !iccid.is_empty()).map(str::to_owned).collect()
}

impl RefreshRow {
    pub(crate) fn state(&self) -> Result<RefreshState, StoreError> {
        state_of(&self.id, &self.state)
    }

    fn failure(&self) -> Option<Failure> {
        Some(Failure {
            kind: FailureKind::parse(self.reason.as_deref()?)?,
            detail: self.detail.clone().unwrap_or_default(),
        })
    }

    pub(crate) fn open(&self) -> OpenRefresh {
        OpenRefresh {
            id: RefreshId::trusted(self.id.clone()),
            accepted_at: UnixMs(self.accepted_at),
            remaining: iccids(&self.remaining),
            failure: self.failure(),
        }
    }

    pub(crate) fn view(self) -> Result<RefreshView, StoreError> {
        Ok(RefreshView {
            state: self.state()?,
            failure: self.failure(),
            id: RefreshId::trusted(self.id),
            card: self.card,
            account: self.account,
            appkey: self.appkey,
            accepted_at: UnixMs(self.accepted_at),
            before: self.before.map(from_db),
            after: self.after.map(from_db),
            finished_at: self.finished_at.map(UnixMs),
        })
    }
}

impl Store {
    /// One refresh of an account.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn refresh(&self, account: &str, id: &RefreshId) -> Result<Option<RefreshView>, StoreError> {
        let select = Sql::both("SELECT * FROM refresh WHERE id = $1 AND account = $2");
        let row: Option<RefreshRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select)).bind(id.as_str()).bind(account).fetch_optional(pool).await?
        });
        row.map(RefreshRow::view).transpose()
    }

    /// Every refresh from `after` on, by id: for audits.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn refreshes_after(&self, after: &str, limit: i64) -> Result<Vec<RefreshView>, StoreError> {
        let select = Sql::both("SELECT * FROM refresh WHERE id > $1 ORDER BY id LIMIT $2");
        let rows: Vec<RefreshRow> = reading!(self, |pool, sql| sqlx::query_as(sql(select))
            .bind(after)
            .bind(limit)
            .fetch_all(pool)
            .await?);
        rows.into_iter().map(RefreshRow::view).collect()
    }
}
