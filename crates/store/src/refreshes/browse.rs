//! Refreshes, newest first. Their ids grow with time, so a range of ids is a span of time.

use crate::Store;
use crate::db::{Sql, reading};
use crate::error::StoreError;
use crate::refresh::{RefreshRow, RefreshView};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;

/// Which refreshes a list shows; empty texts let all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshFilter {
    /// Of this account.
    pub account: String,
    /// In this state; `open` stands for those that have not ended.
    pub state: String,
    /// That failed for this reason.
    pub reason: Option<FailureKind>,
}

/// Some refreshes, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshPage {
    /// Newest first.
    pub refreshes: Vec<RefreshView>,
    /// The id before which the list goes on; nothing at its end.
    pub next: Option<RefreshId>,
    /// Whether looking stopped before the page was full, since too many did not fit the filter.
    pub cut: bool,
}

/// A reading that a refresh waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingTask {
    /// The profile.
    pub iccid: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Not tried earlier.
    pub not_before: UnixMs,
}

impl Store {
    /// Refreshes before the id `before` (all where there is none), at most `limit` of at most `look_at` that are looked at.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn refreshes_before(
        &self,
        before: Option<&str>,
        filter: &RefreshFilter,
        limit: i64,
        look_at: i64,
    ) -> Result<RefreshPage, StoreError> {
        let select = Sql::both(
            "SELECT * FROM (SELECT * FROM refresh WHERE id < $1 ORDER BY id DESC LIMIT $2) AS recent \
             WHERE ($3 = '' OR account = $3) AND ($4 = '' OR state = $4 OR ($4 = 'open' AND state IN ('queued', 'running'))) \
             AND ($5 = '' OR reason = $5) ORDER BY id DESC LIMIT $6",
        );
        let last = Sql::both(
            "SELECT count(*), min(id) FROM (SELECT id FROM refresh WHERE id < $1 ORDER BY id DESC LIMIT $2) AS recent",
        );
        // After every id.
        let before = before.unwrap_or("~");
        let (found, (looked, oldest)): (Vec<RefreshRow>, (i64, Option<String>)) =
            reading!(self, |pool, sql| {
                let found = sqlx::query_as(sql(select))
                    .bind(before)
                    .bind(look_at)
                    .bind(&filter.account)
                    .bind(&filter.state)
                    .bind(filter.reason.map_or("", FailureKind::as_str))
                    .bind(limit)
                    .fetch_all(pool)
                    .await?;
                (found, sqlx::query_as(sql(last)).bind(before).bind(look_at).fetch_one(pool).await?)
            });
        let full = i64::try_from(found.len()).is_ok_and(|count| count == limit);
        let refreshes = found.into_iter().map(RefreshRow::view).collect::<Result<Vec<_>, _>>()?;
        let next = match refreshes.last() {
            Some(last) if full => Some(last.id),
            _ if looked == look_at => oldest.map(RefreshId::trusted),
            _ => None,
        };
        Ok(RefreshPage { cut: !full && next.is_some(), refreshes, next })
    }

    /// A card's refreshes before the id `before` (from its last one on where there is none), newest first.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn refreshes_of_card(
        &self,
        card: &str,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<RefreshView>, StoreError> {
        let unnoted = self.unnoted(std::iter::once(card)).await?;
        // Along the chain in which each names the one before it.
        let select = Sql::both(
            "WITH RECURSIVE chain (id, previous, place) AS ( \
                 SELECT id, previous, CAST(1 AS BIGINT) FROM refresh WHERE id = CASE WHEN $2 = '' \
                     THEN (SELECT CASE WHEN $4 > COALESCE(last_refresh, '') THEN $4 ELSE last_refresh END FROM card WHERE number = $1) \
                     ELSE (SELECT previous FROM refresh WHERE id = $2 AND card = $1) END \
                 UNION ALL \
                 SELECT refresh.id, refresh.previous, chain.place + 1 FROM chain JOIN refresh ON refresh.id = chain.previous \
                 WHERE chain.place < $3 \
             ) SELECT refresh.* FROM chain JOIN refresh ON refresh.id = chain.id ORDER BY chain.place",
        );
        let found: Vec<RefreshRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select))
                .bind(card)
                .bind(before.unwrap_or_default())
                .bind(limit)
                .bind(unnoted.get(card))
                .fetch_all(pool)
                .await?
        });
        found.into_iter().map(RefreshRow::view).collect()
    }

    /// The readings that a refresh made in a lane and that have not ended. (One that joined an earlier refresh made none.)
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn waiting_tasks(
        &self,
        lane: &str,
        refresh: &RefreshView,
    ) -> Result<Vec<WaitingTask>, StoreError> {
        let select = Sql::both(
            "SELECT iccid, attempts, not_before FROM task WHERE lane = $1 AND account = $2 AND refresh = $3 ORDER BY iccid",
        );
        let found: Vec<(String, i64, i64)> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select))
                .bind(lane)
                .bind(&refresh.account)
                .bind(refresh.id.as_str())
                .fetch_all(pool)
                .await?
        });
        Ok(found
            .into_iter()
            .map(|(iccid, attempts, not_before)| WaitingTask {
                iccid,
                attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                not_before: UnixMs(not_before),
            })
            .collect())
    }
}
