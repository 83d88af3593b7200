//! Ending readings: the reading appended, the profile moved on, the refreshes that waited for it ended, the task deleted;
//! all in one transaction, fenced by the lane's lease.

mod book;
mod news;
mod rows;

use crate::Store;
use crate::accept::INSERT_TASKS;
use crate::card::{ProfileRow, profile_columns};
use crate::db::{Db, NO_ROWS, Sql, bulk, rows, writing};
use crate::error::StoreError;
use crate::lane::{Lease, fence};
use crate::notification::{self, INSERT_NOTIFICATIONS, outbox};
use crate::package::{INSERT_BOOKINGS, PackageRow, UPDATE_OVERAGES, UPDATE_PACKAGES};
use crate::queue::TaskKey;
use crate::refresh::RefreshRow;
use book::{Head, book, gather, link};
use news::{UPDATE_SAID, WISHES, Wish, news};
use rows::Key;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeSet;

/// A reading that ended for good, either way.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The task it was made for.
    pub task: TaskKey,
    /// The card's number.
    pub card: String,
    /// When the (last) attempt began.
    pub began_at: UnixMs,
    /// When it ended.
    pub ended_at: UnixMs,
    /// The reading, or why there is none.
    pub outcome: Result<Reading, Failure>,
}

/// A refresh that ended thereby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub id: RefreshId,
    /// The card's number.
    pub card: String,
    /// How it ended.
    pub state: RefreshState,
    /// On failure: what kind.
    pub failure: Option<FailureKind>,
}

/// Refreshes by id: one step along cards' chains.
pub(crate) const CHAIN: Sql =
    bulk!("SELECT refresh.* FROM ", [k text], " AS wanted JOIN refresh ON refresh.id = wanted.k");

impl Store {
    /// Ends readings.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached; then nothing was written.
    pub async fn finish(&self, lease: &Lease, finished: &[Finished]) -> Result<Vec<Ended>, StoreError> {
        let heads_of = Sql {
            sqlite: "SELECT number, last_refresh, overage FROM card WHERE number IN (SELECT value->>'$.k' FROM json_each($1))",
            postgres: "SELECT number, last_refresh, overage FROM card WHERE number IN \
                       (SELECT k FROM json_to_recordset($1::json) AS wanted(k text)) ORDER BY number FOR UPDATE",
        };
        let profiles_of = bulk!(
            concat!("SELECT ", profile_columns!(), " FROM "),
            [k text],
            " AS wanted JOIN profile ON profile.card = wanted.k"
        );
        let packages_of = bulk!(
            "SELECT package.* FROM ",
            [k text],
            " AS wanted JOIN package ON package.card = wanted.k"
        );
        let insert_readings = bulk!(
            "INSERT INTO reading (card, iccid, began_at, synced_at, as_of, period_kind, period_key, period_start, \
             period_end, used, total, delta, what, cycle) SELECT card, iccid, began_at, synced_at, as_of, period_kind, period_key, \
             period_start, period_end, used, total, delta, what, cycle FROM ",
            [card text, iccid text, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
             period_key text, period_start bigint, period_end bigint, used bigint, total bigint, delta bigint, what text,
             cycle bigint],
            " AS new_reading WHERE true ON CONFLICT (card, began_at, iccid) DO NOTHING"
        );
        let update_profiles = bulk!(
            "UPDATE profile SET status = COALESCE(r.status, profile.status), \
             raw_status = COALESCE(r.raw_status, profile.raw_status), period_kind = r.period_kind, \
             period_key = r.period_key, period_start = r.period_start, period_end = r.period_end, used = r.used, \
             total = r.total, as_of = r.as_of, began_at = r.began_at, synced_at = r.synced_at, meter = r.meter FROM ",
            [card text, iccid text, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
             period_key text, period_start bigint, period_end bigint, used bigint, total bigint, status text,
             raw_status text, meter text],
            " AS r WHERE profile.card = r.card AND profile.iccid = r.iccid"
        );
        let update_refreshes = bulk!(
            "UPDATE refresh SET state = r.state, remaining = r.remaining, after = r.after, \
             finished_at = r.finished_at, reason = r.reason, detail = r.detail FROM ",
            [id text, state text, remaining text, after bigint, finished_at bigint, reason text, detail text],
            " AS r WHERE refresh.id = r.id"
        );
        let note = bulk!(
            "UPDATE card SET last_refresh = COALESCE(noted.refresh, card.last_refresh), \
             accepted_at = COALESCE((SELECT accepted_at FROM refresh WHERE refresh.id = noted.refresh), card.accepted_at), \
             used = COALESCE(noted.used, card.used), began_at = COALESCE(noted.began_at, card.began_at) FROM ",
            [number text, refresh text, used bigint, began_at bigint],
            " AS noted WHERE card.number = noted.number"
        );
        let delete_tasks = bulk!(
            "DELETE FROM task WHERE lane = $2 AND (account, refresh, iccid) IN (SELECT account, refresh, iccid FROM ",
            [account text, refresh text, iccid text],
            " AS done)"
        );
        let numbers: BTreeSet<&str> = finished.iter().map(|one| one.card.as_str()).collect();
        let numbers = rows(&numbers.into_iter().map(|k| Key { k }).collect::<Vec<_>>())?;
        let done = rows(&finished.iter().map(|one| &one.task).collect::<Vec<_>>())?;

        let ended = writing!(self, |tx, sql| {
            fence!(tx, sql, lease);
            let heads: Vec<Head> = sqlx::query_as(sql(heads_of)).bind(&numbers).fetch_all(&mut *tx).await?;
            let profiles: Vec<ProfileRow> =
                sqlx::query_as(sql(profiles_of)).bind(&numbers).fetch_all(&mut *tx).await?;
            let packages: Vec<PackageRow> =
                sqlx::query_as(sql(packages_of)).bind(&numbers).fetch_all(&mut *tx).await?;
            let (mut cards, mut next) = gather(heads, finished, profiles, packages)?;
            while !next.is_empty() {
                let ids = rows(&next.iter().map(|k| Key { k }).collect::<Vec<_>>())?;
                let chain: Vec<RefreshRow> =
                    sqlx::query_as(sql(CHAIN)).bind(&ids).fetch_all(&mut *tx).await?;
                next = link(&mut cards, chain)?;
            }
            let booked = book(finished, &mut cards);
            let writes = [
                (insert_readings, rows(&booked.readings)?),
                (update_profiles, rows(&booked.moved)?),
                (INSERT_BOOKINGS, rows(&booked.bookings)?),
                (UPDATE_PACKAGES, rows(&booked.package_changes(&cards))?),
                (UPDATE_OVERAGES, rows(&booked.overage_changes(&cards))?),
                (update_refreshes, rows(&booked.refresh_changes(&cards))?),
                (INSERT_TASKS, rows(&booked.tasks_again(&cards, lease))?),
                (note, rows(&booked.notes(&cards))?),
            ];
            for (statement, many) in writes.iter().filter(|(_, many)| many != NO_ROWS) {
                sqlx::query(sql(*statement)).bind(many).execute(&mut *tx).await?;
            }
            sqlx::query(sql(delete_tasks)).bind(&done).bind(&lease.lane).execute(&mut *tx).await?;
            let ended = booked.ended(&cards);
            notification::on_ended!(tx, sql, &ended);
            let wishes: Vec<Wish> = sqlx::query_as(sql(WISHES)).bind(&numbers).fetch_all(&mut *tx).await?;
            if !wishes.is_empty() {
                let (told, said) = news(&wishes, &booked.touched, &cards)?;
                for (statement, many) in [(INSERT_NOTIFICATIONS, outbox(&told)?), (UPDATE_SAID, rows(&said)?)]
                {
                    if many != NO_ROWS {
                        sqlx::query(sql(statement)).bind(many).execute(&mut *tx).await?;
                    }
                }
            }
            ended
        });
        if let Db::Sqlite { hot, .. } = &self.db {
            hot.newest().forget(finished.iter().map(|one| (one.card.as_str(), &one.task.refresh)));
        }
        Ok(ended)
    }
}
