//! Writing down what lanes did. Ending a reading: the reading appended, the profile moved on, the refreshes that waited for it
//! ended, the task deleted. All in one transaction for many lanes, each fenced by its lease.

mod book;
mod news;
mod rows;
mod sql;

use crate::Store;
use crate::accept::INSERT_TASKS;
use crate::card::ProfileRow;
use crate::db::{Db, NO_ROWS, Sql, bulk, rows, writing};
use crate::error::StoreError;
use crate::lane::Lease;
use crate::notification::{self, INSERT_NOTIFICATIONS, outbox};
use crate::package::{INSERT_BOOKINGS, PackageRow, UPDATE_OVERAGES, UPDATE_PACKAGES};
use crate::queue::{Postponed, TaskKey};
use crate::refresh::RefreshRow;
use book::{Head, book, gather, link};
use news::{UPDATE_SAID, WISHES, Wish, news};
use rows::{HeldRow, InLane, Key};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::time::UnixMs;
use sql::{
    DELETE_TASKS, HEADS, HELD, INSERT_READINGS, NOTE, PACKAGES, PROFILES, PUT_OFF, RUN, UPDATE_PROFILES,
    UPDATE_REFRESHES,
};
use std::collections::{BTreeSet, HashSet};

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

/// What the holder of a lane has to write down.
#[derive(Clone, Debug)]
pub struct LaneNotes {
    /// Its right to do so.
    pub lease: Lease,
    /// Readings that have been under way for a while: for those who look at them meanwhile.
    pub running: Vec<TaskKey>,
    /// Readings that failed and are put off.
    pub postponed: Vec<Postponed>,
    /// Readings that ended for good.
    pub finished: Vec<Finished>,
}

/// A reading that ended, in its lane.
#[derive(Clone, Copy)]
struct Ending<'a> {
    lane: &'a str,
    one: &'a Finished,
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
    /// Writes down what lanes did. The answer has, lane by lane, the refreshes that ended thereby, and nothing where the lease
    /// was lost: then nothing of that lane was written.
    ///
    /// # Errors
    /// The database cannot be reached; then nothing was written.
    pub async fn write_down(&self, notes: &[LaneNotes]) -> Result<Vec<Option<Vec<Ended>>>, StoreError> {
        let leases = rows(&notes.iter().map(|notes| HeldRow::of(&notes.lease)).collect::<Vec<_>>())?;
        let written = writing!(self, |tx, sql| {
            let held: Vec<String> = sqlx::query_scalar(sql(HELD)).bind(&leases).fetch_all(&mut *tx).await?;
            let held: HashSet<String> = held.into_iter().collect();
            let ours: Vec<&LaneNotes> =
                notes.iter().filter(|notes| held.contains(&notes.lease.lane)).collect();
            for (statement, many) in [(RUN, running(&ours)?), (PUT_OFF, put_off(&ours)?)] {
                if many != NO_ROWS {
                    sqlx::query(sql(statement)).bind(many).execute(&mut *tx).await?;
                }
            }
            let endings = endings(&ours);
            if endings.is_empty() {
                by_lane(notes, &held, Vec::new())
            } else {
                let numbers: BTreeSet<&str> = endings.iter().map(|ending| ending.one.card.as_str()).collect();
                let numbers = rows(&numbers.into_iter().map(|k| Key { k }).collect::<Vec<_>>())?;
                let heads: Vec<Head> = sqlx::query_as(sql(HEADS)).bind(&numbers).fetch_all(&mut *tx).await?;
                let profiles: Vec<ProfileRow> =
                    sqlx::query_as(sql(PROFILES)).bind(&numbers).fetch_all(&mut *tx).await?;
                let packages: Vec<PackageRow> =
                    sqlx::query_as(sql(PACKAGES)).bind(&numbers).fetch_all(&mut *tx).await?;
                let (mut cards, mut next) = gather(heads, &endings, profiles, packages)?;
                while !next.is_empty() {
                    let ids = rows(&next.iter().map(|k| Key { k }).collect::<Vec<_>>())?;
                    let chain: Vec<RefreshRow> =
                        sqlx::query_as(sql(CHAIN)).bind(&ids).fetch_all(&mut *tx).await?;
                    next = link(&mut cards, chain)?;
                }
                let booked = book(&endings, &mut cards);
                let writes = [
                    (INSERT_READINGS, rows(&booked.readings)?),
                    (UPDATE_PROFILES, rows(&booked.moved)?),
                    (INSERT_BOOKINGS, rows(&booked.bookings)?),
                    (UPDATE_PACKAGES, rows(&booked.package_changes(&cards))?),
                    (UPDATE_OVERAGES, rows(&booked.overage_changes(&cards))?),
                    (UPDATE_REFRESHES, rows(&booked.refresh_changes(&cards))?),
                    (INSERT_TASKS, rows(&booked.tasks_again(&cards))?),
                    (NOTE, rows(&booked.notes(&cards))?),
                    (DELETE_TASKS, done(&endings)?),
                ];
                for (statement, many) in writes.iter().filter(|(_, many)| many != NO_ROWS) {
                    sqlx::query(sql(*statement)).bind(many).execute(&mut *tx).await?;
                }
                let ended = booked.ended(&cards);
                notification::on_ended!(tx, sql, &ended);
                let wishes: Vec<Wish> =
                    sqlx::query_as(sql(WISHES)).bind(&numbers).fetch_all(&mut *tx).await?;
                if !wishes.is_empty() {
                    let (told, said) = news(&wishes, &booked.touched, &cards)?;
                    for (statement, many) in
                        [(INSERT_NOTIFICATIONS, outbox(&told)?), (UPDATE_SAID, rows(&said)?)]
                    {
                        if many != NO_ROWS {
                            sqlx::query(sql(statement)).bind(many).execute(&mut *tx).await?;
                        }
                    }
                }
                by_lane(notes, &held, ended)
            }
        });
        if let Db::Sqlite { hot, .. } = &self.db {
            let of_held = notes.iter().zip(&written).filter(|(_, ended)| ended.is_some());
            let finished = of_held.flat_map(|(notes, _)| &notes.finished);
            hot.newest().forget(finished.map(|one| (one.card.as_str(), &one.task.refresh)));
        }
        Ok(written)
    }
}

fn endings<'a>(ours: &[&'a LaneNotes]) -> Vec<Ending<'a>> {
    let of = |notes: &'a LaneNotes| notes.finished.iter().map(|one| Ending { lane: &notes.lease.lane, one });
    ours.iter().copied().flat_map(of).collect()
}

fn running(ours: &[&LaneNotes]) -> Result<String, StoreError> {
    rows(&ours.iter().flat_map(|notes| &notes.running).collect::<Vec<_>>())
}

fn put_off(ours: &[&LaneNotes]) -> Result<String, StoreError> {
    let mut all = Vec::new();
    for notes in ours {
        all.extend(notes.postponed.iter().map(|row| InLane { lane: &notes.lease.lane, row }));
    }
    rows(&all)
}

fn done(endings: &[Ending<'_>]) -> Result<String, StoreError> {
    rows(&endings.iter().map(|Ending { lane, one }| InLane { lane, row: &one.task }).collect::<Vec<_>>())
}

/// Each refresh with the lane that wrote down the reading.
fn by_lane(notes: &[LaneNotes], held: &HashSet<String>, mut ended: Vec<Ended>) -> Vec<Option<Vec<Ended>>> {
    let of_lane = |notes: &LaneNotes| {
        held.contains(&notes.lease.lane).then(|| {
            let cards: HashSet<&str> = notes.finished.iter().map(|one| one.card.as_str()).collect();
            ended.extract_if(.., |one| cards.contains(one.card.as_str())).collect()
        })
    };
    notes.iter().map(of_lane).collect()
}
