//! Accepting refreshes: one transaction over `card`, `refresh` and `task`, for many calls at once.

use super::model::{AcceptCall, AcceptOutcome, AdmissionRule, CardRules, NotSynced};
use super::{postgres, sqlite};
use crate::backend::{Database, Sql, refresh_id_from_db};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;

const HIGHEST: Sql = Sql::both("SELECT id FROM refresh ORDER BY id DESC LIMIT 1");

impl Store {
    /// Decides many calls in their order and makes the accepted ones durable, all in one transaction. Calls
    /// for the same card see each other. On an embedded store the thread that asks does the work: give it one
    /// of its own.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then nothing was stored.
    pub async fn accept(
        &self,
        calls: &[AcceptCall],
        rules: &CardRules,
        admission: &AdmissionRule<'_>,
        now: UnixMs,
    ) -> Result<Vec<AcceptOutcome>, StoreError> {
        let group = self.accept_unsynced(calls, rules, admission, now).await?;
        Ok(self.sync(vec![group])?.pop().unwrap_or_default())
    }

    /// As [`Self::accept`], but without waiting for the disk, so that this can be done for several groups at
    /// once.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then nothing was stored.
    pub async fn accept_unsynced(
        &self,
        calls: &[AcceptCall],
        rules: &CardRules,
        admission: &AdmissionRule<'_>,
        now: UnixMs,
    ) -> Result<NotSynced, StoreError> {
        match &self.db {
            Database::Sqlite(database) => sqlite::accept(database, calls, rules, admission, now).await,
            Database::Postgres(database) => postgres::accept(database, calls, rules, admission, now).await,
        }
    }

    /// The highest id of a refresh; none where there is no refresh.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn highest_refresh_id(&self) -> Result<Option<RefreshId>, StoreError> {
        let id: Option<String> = self.db.one(HIGHEST, &[]).await?;
        id.map(|id| refresh_id_from_db(&id, "the highest id of a refresh")).transpose()
    }

    /// How many groups of calls it is good to work on at once: PostgreSQL works on one while another one is
    /// on its way.
    #[must_use]
    pub fn groups_at_once(&self) -> usize {
        match &self.db {
            Database::Sqlite(_) => 1,
            Database::Postgres(_) => 2,
        }
    }

    /// Waits, on the thread that asks, until groups of calls are on the disk. On PostgreSQL they are already.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`]. The calls are accepted all the same, but whether that outlives a power
    /// cut is not known.
    pub fn sync(&self, groups: Vec<NotSynced>) -> Result<Vec<Vec<AcceptOutcome>>, StoreError> {
        if let Database::Sqlite(database) = &self.db {
            groups.iter().filter_map(|group| group.commit).try_for_each(|commit| database.sync(commit))?;
        }
        Ok(groups.into_iter().map(|group| group.outcomes).collect())
    }
}
