//! Which of a card's notifications is tried: the oldest one that waits.

use crate::backend::{Param, Sql, Transaction, Tx as _, bulk};
use crate::error::StoreError;
use simgauge_domain::time::UnixMs;

/// Locks cards (by id, as everybody does), so that nobody else changes which of their notifications is the
/// oldest. SQLite has one writer at a time anyway.
const LOCK_CARDS: Sql = Sql {
    sqlite: "SELECT id FROM card WHERE id = 0 AND $1 = ''",
    postgres: "SELECT id FROM card WHERE id IN \
               (SELECT card FROM json_to_recordset($1::json) AS touched(card bigint)) ORDER BY id FOR UPDATE",
};

/// Makes the oldest waiting notification of each of these cards, and no other, the one to be tried; at `$2`
/// where it was held back until now.
const MOVE_UP: Sql = bulk!(
    "UPDATE notification SET next_at = CASE WHEN notification.seq = first.seq \
         THEN COALESCE(notification.next_at, $2) END \
     FROM (SELECT waiting.account, waiting.card, min(waiting.seq) AS seq FROM notification AS waiting JOIN ",
    [account text, card bigint],
    " AS touched ON waiting.account = touched.account AND waiting.card = touched.card \
      WHERE waiting.state = 'waiting' GROUP BY waiting.account, waiting.card) AS first \
     WHERE notification.account = first.account AND notification.card = first.card \
     AND notification.state = 'waiting' \
     AND (notification.next_at IS NOT NULL OR notification.seq = first.seq)"
);

/// Runs an update of notifications under the locks of their cards, then puts the oldest waiting ones to the
/// front. `touched` is the update's first parameter: rows that have `account` and `card`.
pub(super) async fn update_in_order(
    tx: &mut Transaction,
    (update, more): (Sql, &[Param<'_>]),
    touched: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    tx.all::<i64>(LOCK_CARDS, &[touched.into()]).await?;
    let params: Vec<Param<'_>> = std::iter::once(touched.into()).chain(more.iter().copied()).collect();
    tx.run(update, &params).await?;
    tx.run(MOVE_UP, &[touched.into(), now.into()]).await?;
    Ok(())
}
