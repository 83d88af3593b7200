//! Refreshes, newest first. Their ids grow with time, so a range of ids is a span of time.

use super::rows::NumberedRefreshRow;
use super::view::RefreshView;
use crate::backend::{Sql, Tx, count_from_db, refresh_id_from_db, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
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

row! {
    struct WaitingRow {
        iccid: String,
        attempts: i64,
        not_before: i64,
    }
}

macro_rules! select_refreshes {
    ($from:literal, $rest:literal) => {
        Sql::both(concat!(
            "SELECT refresh.*, card.number FROM ",
            $from,
            " LEFT JOIN card ON card.id = refresh.card ",
            $rest
        ))
    };
}

const ONE: Sql = select_refreshes!("refresh", "WHERE refresh.id = $1 AND refresh.account = $2");
const AFTER: Sql = select_refreshes!("refresh", "WHERE refresh.id > $1 ORDER BY refresh.id LIMIT $2");
const BEFORE: Sql = select_refreshes!(
    "(SELECT * FROM refresh WHERE id < $1 ORDER BY id DESC LIMIT $2) AS refresh",
    "WHERE ($3 = '' OR refresh.account = $3) AND ($4 = '' OR refresh.state = $4 \
     OR ($4 = 'open' AND refresh.state IN ('queued', 'running'))) \
     AND ($5 = '' OR refresh.reason = $5) ORDER BY refresh.id DESC LIMIT $6"
);
const LOOKED_AT: Sql = Sql::both(
    "SELECT count(*), min(id) FROM (SELECT id FROM refresh WHERE id < $1 ORDER BY id DESC LIMIT $2) AS \
     recent",
);
// Along the chain in which each names the one before it.
const OF_CARD: Sql = Sql::both(
    "WITH RECURSIVE chain (id, previous, place) AS ( \
         SELECT id, previous, CAST(1 AS BIGINT) FROM refresh WHERE id = CASE WHEN $2 = '' \
             THEN (SELECT CASE WHEN $4 > COALESCE(last_refresh, '') THEN $4 ELSE last_refresh END \
                   FROM card WHERE id = $1) \
             ELSE (SELECT previous FROM refresh WHERE id = $2 AND card = $1) END \
         UNION ALL \
         SELECT refresh.id, refresh.previous, chain.place + 1 FROM chain \
         CROSS JOIN refresh WHERE refresh.id = chain.previous AND chain.place < $3 \
     ) SELECT refresh.*, card.number FROM chain CROSS JOIN refresh \
     LEFT JOIN card ON card.id = refresh.card WHERE refresh.id = chain.id ORDER BY chain.place",
);
const WAITING: Sql = Sql::both(
    "SELECT profile.iccid, task.attempts, task.not_before FROM task JOIN profile ON profile.id = \
     task.profile \
     WHERE task.lane = $1 AND task.account = $2 AND task.refresh = $3 ORDER BY profile.iccid",
);

fn views(found: Vec<NumberedRefreshRow>) -> Result<Vec<RefreshView>, StoreError> {
    found.into_iter().map(NumberedRefreshRow::view).collect()
}

const LANES: Sql = Sql::both(
    "SELECT DISTINCT profile.operator_account FROM refresh JOIN profile ON profile.card = refresh.card \
     WHERE refresh.id = $1 ORDER BY profile.operator_account",
);

impl Store {
    /// The operator accounts of a refresh's card.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lanes_of_refresh(&self, id: &RefreshId) -> Result<Vec<String>, StoreError> {
        self.db.all(LANES, &[id.as_str().into()]).await
    }

    /// One refresh of an account.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn refresh(&self, account: &str, id: &RefreshId) -> Result<Option<RefreshView>, StoreError> {
        let found: Option<NumberedRefreshRow> = self.db.one(ONE, &[id.into(), account.into()]).await?;
        found.map(NumberedRefreshRow::view).transpose()
    }

    /// Every refresh after the id `after`, by id: for audits.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn refreshes_after(&self, after: &str, limit: i64) -> Result<Vec<RefreshView>, StoreError> {
        views(self.db.all(AFTER, &[after.into(), limit.into()]).await?)
    }

    /// Refreshes before the id `before` (all where there is none), at most `limit` of at most `look_at` that
    /// are looked at.
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
        // After every id.
        let before = before.unwrap_or("~");
        let reason = filter.reason.map_or("", FailureKind::as_str);
        let mut session = self.db.read().await?;
        let params = [
            before.into(),
            look_at.into(),
            (&filter.account).into(),
            (&filter.state).into(),
            reason.into(),
            limit.into(),
        ];
        let refreshes = views(session.all(BEFORE, &params).await?)?;
        let looked: Option<(i64, Option<String>)> =
            session.one(LOOKED_AT, &[before.into(), look_at.into()]).await?;
        let (looked, oldest) = looked.unwrap_or((0, None));
        let full = i64::try_from(refreshes.len()).is_ok_and(|count| count == limit);
        let next = match (refreshes.last(), oldest) {
            (Some(last), _) if full => Some(last.id),
            (_, Some(oldest)) if looked == look_at => Some(refresh_id_from_db(&oldest, "id of a refresh")?),
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
        card: CardId,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<RefreshView>, StoreError> {
        let deferred = self.deferred(&[card]).await?;
        let deferred = deferred.get(&card).map(RefreshId::as_str);
        let params = [card.into(), before.unwrap_or_default().into(), limit.into(), deferred.into()];
        views(self.db.all(OF_CARD, &params).await?)
    }

    /// The readings that a refresh made in a lane and that have not ended. (One that joined an earlier
    /// refresh made none.)
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn waiting_tasks(
        &self,
        lane: &str,
        refresh: &RefreshView,
    ) -> Result<Vec<WaitingTask>, StoreError> {
        let params = [lane.into(), (&refresh.account).into(), (&refresh.id).into()];
        let found: Vec<WaitingRow> = self.db.all(WAITING, &params).await?;
        let waiting = |row: WaitingRow| {
            Ok(WaitingTask {
                attempts: count_from_db(row.attempts, format_args!("attempts of a task of {}", refresh.id))?,
                iccid: row.iccid,
                not_before: UnixMs(row.not_before),
            })
        };
        found.into_iter().map(waiting).collect()
    }
}
