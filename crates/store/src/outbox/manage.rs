//! Replaying notifications, and deleting old ones.

use super::order::update_in_order;
use super::view::NotificationState;
use crate::backend::{Sql, Transaction, Tx as _, bulk, row, rows};
use crate::error::StoreError;
use crate::leases::lease::{Lease, fence};
use crate::store::Store;
use serde::Serialize;
use simgauge_domain::time::UnixMs;

/// Notifications replayed in one transaction.
const CHUNK: i64 = 500;
/// Notifications forgotten in one transaction.
const FORGET_CHUNK: u32 = 2000;

row! {
    #[derive(Serialize)]
    struct ReplayRow {
        seq: i64,
        account: String,
        card: i64,
        ended_at: Option<i64>,
    }
}

const REPLAY: Sql = bulk!(
    "UPDATE notification SET state = 'waiting', waiting_since = $2, attempts = 0, next_at = $2, ended_at = \
     NULL \
     FROM ",
    [seq bigint],
    " AS wanted WHERE notification.seq = wanted.seq"
);

async fn replay(tx: &mut Transaction, wanted: &[ReplayRow], now: UnixMs) -> Result<(), StoreError> {
    update_in_order(tx, (REPLAY, &[now.into()]), &rows(wanted)?, now).await
}

impl Store {
    /// Lets a notification be delivered (again), with the time of a new one before it is given up. One that
    /// waits is tried at once.
    ///
    /// # Errors
    /// No such notification, or the database cannot be reached.
    pub async fn replay_notification(&self, id: &str, now: UnixMs) -> Result<(), StoreError> {
        let select = Sql::both("SELECT seq, account, card, ended_at FROM notification WHERE id = $1");
        let mut tx = self.db.write().await?;
        let Some(row) = tx.one::<ReplayRow>(select, &[id.into()]).await? else {
            return Err(StoreError::Missing(format!("notification {id}")));
        };
        replay(&mut tx, &[row], now).await?;
        self.commit_audited(tx, "notification.replay", id, "").await
    }

    /// Lets every dead notification, or an account's, be delivered again; answers how many there were.
    ///
    /// # Errors
    /// The database cannot be reached; what was done until then stays done.
    pub async fn replay_dead(&self, account: Option<&str>, now: UnixMs) -> Result<u64, StoreError> {
        // Along the index of what has ended, not through all there is.
        let select = Sql::both(
            "SELECT seq, account, card, ended_at FROM notification WHERE state = 'dead' \
             AND ended_at IS NOT NULL AND (ended_at, seq) > ($2, $3) AND ($1 = '' OR account = $1) \
             ORDER BY ended_at, seq LIMIT $4",
        );
        let (mut after, mut count) = ((i64::MIN, 0_i64), 0);
        loop {
            let values = [account.unwrap_or_default().into(), after.0.into(), after.1.into(), CHUNK.into()];
            let found: Vec<ReplayRow> = self.db.all(select, &values).await?;
            let Some(last) = found.last() else { return Ok(count) };
            after = (last.ended_at.unwrap_or_default(), last.seq);
            let mut tx = self.db.write().await?;
            replay(&mut tx, &found, now).await?;
            let detail = format!("dead={}", found.len());
            let subject = account.unwrap_or("all accounts");
            self.commit_audited(tx, "notification.replay", subject, &detail).await?;
            // At most CHUNK.
            count += found.len() as u64;
        }
    }

    /// Forgets notifications in a state that ended before `before`, some at a time; answers whether there may
    /// be more.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached.
    pub async fn forget_notifications(
        &self,
        lease: &Lease,
        state: NotificationState,
        before: UnixMs,
    ) -> Result<bool, StoreError> {
        let delete = Sql {
            sqlite: "DELETE FROM notification WHERE seq IN (SELECT seq FROM notification \
                     WHERE state = $1 AND ended_at IS NOT NULL AND ended_at < $2 \
                     ORDER BY ended_at LIMIT $3)",
            postgres: "DELETE FROM notification WHERE seq = ANY (ARRAY(SELECT seq FROM notification \
                       WHERE state = $1 AND ended_at IS NOT NULL AND ended_at < $2 \
                       ORDER BY ended_at LIMIT $3))",
        };
        let mut tx = self.db.write().await?;
        fence(&mut tx, lease).await?;
        let gone = tx.run(delete, &[state.as_str().into(), before.into(), FORGET_CHUNK.into()]).await?;
        tx.commit().await?;
        Ok(gone == u64::from(FORGET_CHUNK))
    }
}
