//! Writing down what lanes did. Ending a reading: the reading appended, the profile moved on, the refreshes that waited for it
//! ended, the task deleted. All in one transaction for many lanes, each fenced by its lease.

mod book;
mod news;
mod rows;
mod sql;

use crate::Store;
use crate::accept::INSERT_TASKS;
use crate::db::{Db, NO_ROWS, Sql, bulk, rows};
use crate::error::StoreError;
use crate::lane::Lease;
use crate::notification::{self, INSERT_NOTIFICATIONS, outbox};
use crate::package::{INSERT_BOOKINGS, UPDATE_OVERAGES, UPDATE_PACKAGES};
use crate::queue::{Postponed, TaskKey};
use crate::tx::Tx;
use book::{book, gather, link};
use news::{UPDATE_NOTIFIED_STATE, WISHES, Wish, news};
use rows::{HeldLane, HeldRow, InLane, Key};
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

impl LaneNotes {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.running.len() + self.postponed.len() + self.finished.len()
    }
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
    /// On SQLite it works on the thread that asks.
    ///
    /// # Errors
    /// The database cannot be reached; then nothing was written, or (where the disk refused what was committed) it is not known
    /// whether it stays. Writing the same once more changes nothing.
    pub async fn write_down(&self, notes: &[LaneNotes]) -> Result<Vec<Option<Vec<Ended>>>, StoreError> {
        match &self.db {
            Db::Sqlite { hot, .. } => {
                let mut tx = hot.begin_here().await?;
                let written = write(&mut tx, notes).await?;
                tx.commit_here()?;
                let of_held = notes.iter().zip(&written).filter(|(_, ended)| ended.is_some());
                let finished = of_held.flat_map(|(notes, _)| &notes.finished);
                hot.newest().forget(finished.map(|one| (one.card.as_str(), &one.task.refresh)));
                Ok(written)
            }
            Db::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                let written = write(&mut tx, notes).await?;
                tx.commit().await?;
                Ok(written)
            }
        }
    }
}

async fn write(tx: &mut impl Tx, notes: &[LaneNotes]) -> Result<Vec<Option<Vec<Ended>>>, StoreError> {
    let leases = rows(&notes.iter().map(|notes| HeldRow::of(&notes.lease)).collect::<Vec<_>>())?;
    let held: Vec<HeldLane> = tx.all(HELD, &leases).await?;
    let held: HashSet<String> = held.into_iter().map(|held| held.lane).collect();
    let ours: Vec<&LaneNotes> = notes.iter().filter(|notes| held.contains(&notes.lease.lane)).collect();
    run_each(tx, [(RUN, running(&ours)?), (PUT_OFF, put_off(&ours)?)]).await?;
    let endings = endings(&ours);
    if endings.is_empty() {
        return Ok(by_lane(notes, &held, Vec::new()));
    }
    let numbers: BTreeSet<&str> = endings.iter().map(|ending| ending.one.card.as_str()).collect();
    let numbers = rows(&numbers.into_iter().map(|k| Key { k }).collect::<Vec<_>>())?;
    let heads = tx.all(HEADS, &numbers).await?;
    let profiles = tx.all(PROFILES, &numbers).await?;
    let packages = tx.all(PACKAGES, &numbers).await?;
    let (mut cards, mut next) = gather(heads, &endings, profiles, packages)?;
    while !next.is_empty() {
        let ids = rows(&next.iter().map(|k| Key { k }).collect::<Vec<_>>())?;
        next = link(&mut cards, tx.all(CHAIN, &ids).await?)?;
    }
    let booked = book(&endings, &mut cards);
    let changes = [
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
    run_each(tx, changes).await?;
    let ended = booked.ended(&cards);
    notification::tell_ended(tx, &ended).await?;
    let wishes: Vec<Wish> = tx.all(WISHES, &numbers).await?;
    if !wishes.is_empty() {
        let (told, said) = news(&wishes, &booked.touched, &cards)?;
        run_each(tx, [(INSERT_NOTIFICATIONS, outbox(&told)?), (UPDATE_NOTIFIED_STATE, rows(&said)?)]).await?;
    }
    Ok(by_lane(notes, &held, ended))
}

/// Runs the statements that have rows.
async fn run_each<const N: usize>(tx: &mut impl Tx, changes: [(Sql, String); N]) -> Result<(), StoreError> {
    for (statement, many) in changes.iter().filter(|(_, many)| many != NO_ROWS) {
        tx.run(*statement, many).await?;
    }
    Ok(())
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
