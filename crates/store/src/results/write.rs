//! Writing lanes' results. The end of a reading appends the reading, updates the profile, ends the refreshes
//! that waited for it and deletes the task. One transaction does this for many lanes. Each is fenced by its
//! lease.

use super::book::book;
use super::card::{gather, link};
use super::model::{Ended, Ending, LaneResults};
use super::notify::{PREFS, PrefsRow, UPDATE_NOTIFIED_STATE, notifications};
use super::rows::{HeldLane, HeldRow, InLane};
use super::sql::{
    CHAIN, DELETE_TASKS, HEADS, HELD, INSERT_READINGS, PACKAGES, POSTPONE, PROFILES, START, UPDATE_CARDS,
    UPDATE_PROFILES, UPDATE_REFRESHES,
};
use crate::backend::{Database, NO_ROWS, Sql, Tx, keys, rows};
use crate::error::StoreError;
use crate::outbox::ended::{INSERT_NOTIFICATIONS, notify_ended, outbox};
use crate::packages::rows::{INSERT_BOOKINGS, UPDATE_OVERAGES, UPDATE_PACKAGES};
use crate::refreshes::accept::tasks::INSERT_TASKS;
use crate::store::Store;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use std::collections::{BTreeSet, HashSet};

impl Store {
    /// Writes lanes' results. The answer has, lane by lane, the refreshes that ended, and nothing where the
    /// lease was lost: then nothing of that lane was written.
    ///
    /// On SQLite it works on the thread that asks: give it one of its own.
    ///
    /// # Errors
    /// The database cannot be reached; then nothing was written. After an error of the disk it is not known
    /// whether the commit stays. Writing the same once more changes nothing.
    pub async fn write_results(
        &self,
        results: &[LaneResults],
    ) -> Result<Vec<Option<Vec<Ended>>>, StoreError> {
        match &self.db {
            Database::Sqlite(database) => {
                let mut tx = database.write_direct().await?;
                let written = write(&mut tx, results).await?;
                tx.commit().await?;
                let of_held = results.iter().zip(&written).filter(|(_, ended)| ended.is_some());
                let finished = of_held.flat_map(|(results, _)| &results.finished);
                database.deferred().forget(finished.map(|one| (one.card, &one.task.refresh)));
                Ok(written)
            }
            Database::Postgres(database) => {
                let mut tx = database.write().await?;
                let written = write(&mut tx, results).await?;
                tx.commit().await?;
                Ok(written)
            }
        }
    }
}

async fn write(tx: &mut impl Tx, results: &[LaneResults]) -> Result<Vec<Option<Vec<Ended>>>, StoreError> {
    let leases = rows(&results.iter().map(|results| HeldRow::of(&results.lease)).collect::<Vec<_>>())?;
    let held: Vec<HeldLane> = tx.all(HELD, &[(&leases).into()]).await?;
    let held: HashSet<String> = held.into_iter().map(|held| held.lane).collect();
    let ours: Vec<&LaneResults> =
        results.iter().filter(|results| held.contains(&results.lease.name)).collect();
    run_each(tx, [(START, running(&ours)?), (POSTPONE, postponed(&ours)?)]).await?;
    let endings = endings(&ours);
    if endings.is_empty() {
        return Ok(by_lane(results, &held, Vec::new()));
    }
    let ended = write_endings(tx, &endings).await?;
    Ok(by_lane(results, &held, ended))
}

/// Books ended readings; answers the refreshes that ended with them.
async fn write_endings(tx: &mut impl Tx, endings: &[Ending<'_>]) -> Result<Vec<Ended>, StoreError> {
    let ids: BTreeSet<CardId> = endings.iter().map(|ending| ending.one.card).collect();
    let ids = keys(ids)?;
    let heads = tx.all(HEADS, &[(&ids).into()]).await?;
    let profiles = tx.all(PROFILES, &[(&ids).into()]).await?;
    let packages = tx.all(PACKAGES, &[(&ids).into()]).await?;
    let (mut cards, mut next) = gather(heads, endings, profiles, packages)?;
    while !next.is_empty() {
        let chain = keys(next.iter().map(RefreshId::as_str))?;
        next = link(&mut cards, tx.all(CHAIN, &[(&chain).into()]).await?)?;
    }
    let booked = book(endings, &mut cards)?;
    let changes = [
        (INSERT_READINGS, rows(&booked.readings)?),
        (UPDATE_PROFILES, rows(&booked.moved)?),
        (INSERT_BOOKINGS, rows(&booked.bookings)?),
        (UPDATE_PACKAGES, rows(&booked.package_changes(&cards)?)?),
        (UPDATE_OVERAGES, rows(&booked.overage_changes(&cards)?)?),
        (UPDATE_REFRESHES, rows(&booked.refresh_changes(&cards)?)?),
        (INSERT_TASKS, rows(&booked.tasks_again(&cards))?),
        (UPDATE_CARDS, rows(&booked.card_changes(&cards))?),
        (DELETE_TASKS, done(endings)?),
    ];
    run_each(tx, changes).await?;
    let ended = booked.ended(&cards);
    notify_ended(tx, &ended).await?;
    let prefs: Vec<PrefsRow> = tx.all(PREFS, &[(&ids).into()]).await?;
    if !prefs.is_empty() {
        let (new, states) = notifications(&prefs, &booked.touched, &cards)?;
        let changes = [(INSERT_NOTIFICATIONS, outbox(&new)?), (UPDATE_NOTIFIED_STATE, rows(&states)?)];
        run_each(tx, changes).await?;
    }
    Ok(ended)
}

/// Runs the statements that have rows.
async fn run_each<const N: usize>(tx: &mut impl Tx, changes: [(Sql, String); N]) -> Result<(), StoreError> {
    for (statement, many) in changes.iter().filter(|(_, many)| many != NO_ROWS) {
        tx.run(*statement, &[many.into()]).await?;
    }
    Ok(())
}

fn endings<'a>(ours: &[&'a LaneResults]) -> Vec<Ending<'a>> {
    let of = |results: &'a LaneResults| {
        results.finished.iter().map(|one| Ending { lane: &results.lease.name, one })
    };
    ours.iter().copied().flat_map(of).collect()
}

fn running(ours: &[&LaneResults]) -> Result<String, StoreError> {
    rows(&ours.iter().flat_map(|results| &results.running).collect::<Vec<_>>())
}

fn postponed(ours: &[&LaneResults]) -> Result<String, StoreError> {
    let mut all = Vec::new();
    for results in ours {
        all.extend(results.postponed.iter().map(|row| InLane { lane: &results.lease.name, row }));
    }
    rows(&all)
}

fn done(endings: &[Ending<'_>]) -> Result<String, StoreError> {
    rows(&endings.iter().map(|Ending { lane, one }| InLane { lane, row: &one.task }).collect::<Vec<_>>())
}

/// Each refresh with the lane that brought the reading.
fn by_lane(
    results: &[LaneResults],
    held: &HashSet<String>,
    mut ended: Vec<Ended>,
) -> Vec<Option<Vec<Ended>>> {
    let of_lane = |results: &LaneResults| {
        held.contains(&results.lease.name).then(|| {
            let cards: HashSet<CardId> = results.finished.iter().map(|one| one.card).collect();
            ended.extract_if(.., |one| cards.contains(&one.card)).collect()
        })
    };
    results.iter().map(of_lane).collect()
}
