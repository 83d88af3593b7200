//! Writing lanes' results. The end of a reading appends the reading, updates the profile, ends the refreshes
//! that waited for it and deletes the task. One transaction does this for many lanes. Each is fenced by its
//! lease.

use super::book::{Booked, book};
use super::card::{Cards, gather, link};
use super::guards::LaneGuards;
use super::model::{Ended, Ending, LaneResults};
use super::notify::{PREFS, PrefsRow, UPDATE_NOTIFIED_STATE, notifications};
use super::rows::{HeldLane, HeldRow, InLane};
use super::sql::{
    CHAIN, DELETE_TASKS, HEADS, HELD, INSERT_READINGS, INSERT_UNIT_CHANGES, PACKAGES, POSTPONE, PROFILES,
    START, UPDATE_CARDS, UPDATE_PROFILES, UPDATE_REFRESHES,
};
use super::warn::notify_suspects;
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
                let mut guards = LaneGuards::of(&self.lanes, results);
                let mut tx = database.write_direct().await?;
                let written = write(&mut tx, results, &mut guards).await?;
                tx.commit().await?;
                guards.keep(&self.lanes);
                let of_held = results.iter().zip(&written).filter(|(_, ended)| ended.is_some());
                let finished = of_held.flat_map(|(results, _)| &results.finished);
                database.deferred().forget(finished.map(|one| (one.card, &one.task.refresh)));
                Ok(written)
            }
            Database::Postgres(database) => {
                let mut guards = LaneGuards::of(&self.lanes, results);
                let mut tx = database.write().await?;
                let written = write(&mut tx, results, &mut guards).await?;
                tx.commit().await?;
                guards.keep(&self.lanes);
                Ok(written)
            }
        }
    }
}

async fn write(
    tx: &mut impl Tx,
    results: &[LaneResults],
    guards: &mut LaneGuards,
) -> Result<Vec<Option<Vec<Ended>>>, StoreError> {
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
    let ended = write_endings(tx, &endings, guards).await?;
    Ok(by_lane(results, &held, ended))
}

/// Books ended readings; answers the refreshes that ended with them.
async fn write_endings(
    tx: &mut impl Tx,
    endings: &[Ending<'_>],
    guards: &mut LaneGuards,
) -> Result<Vec<Ended>, StoreError> {
    let now = endings.iter().map(|ending| ending.one.ended_at).max().unwrap_or_default();
    guards.load(tx, now).await?;
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
    let booked = book(endings, &mut cards, guards)?;
    write_booked(tx, &booked, &cards).await?;
    let changes = [
        (UPDATE_REFRESHES, rows(&booked.refresh_changes(&cards)?)?),
        (INSERT_TASKS, rows(&booked.tasks_again(&cards))?),
        (DELETE_TASKS, done(endings)?),
        (INSERT_UNIT_CHANGES, rows(&guards.new_changes(now))?),
    ];
    run_each(tx, changes).await?;
    let ended = booked.ended(&cards);
    notify_ended(tx, &ended).await?;
    notify_suspects(tx, &booked.suspects.news, &cards).await?;
    notify_usage(tx, &ids, &booked, &cards).await?;
    Ok(ended)
}

/// Writes what was counted and booked, and what is held back.
pub(crate) async fn write_booked(
    tx: &mut impl Tx,
    booked: &Booked<'_>,
    cards: &Cards,
) -> Result<(), StoreError> {
    let changes = [
        (INSERT_READINGS, rows(&booked.readings)?),
        (UPDATE_PROFILES, rows(&booked.moved)?),
        (INSERT_BOOKINGS, rows(&booked.bookings)?),
        (UPDATE_PACKAGES, rows(&booked.package_changes(cards)?)?),
        (UPDATE_OVERAGES, rows(&booked.overage_changes(cards)?)?),
        (UPDATE_CARDS, rows(&booked.card_changes(cards))?),
    ];
    run_each(tx, changes).await?;
    run_each(tx, booked.suspects.changes()?).await
}

/// Notifies of what the usage of cards reached. `ids`: those of the cards.
pub(crate) async fn notify_usage(
    tx: &mut impl Tx,
    ids: &String,
    booked: &Booked<'_>,
    cards: &Cards,
) -> Result<(), StoreError> {
    let prefs: Vec<PrefsRow> = tx.all(PREFS, &[ids.into()]).await?;
    if prefs.is_empty() {
        return Ok(());
    }
    let (new, states) = notifications(&prefs, &booked.touched, cards)?;
    run_each(tx, [(INSERT_NOTIFICATIONS, outbox(&new)?), (UPDATE_NOTIFIED_STATE, rows(&states)?)]).await
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
        results.finished.iter().map(|one| Ending { lane: &results.lease.name, one, guard: &results.guard })
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
    rows(&endings.iter().map(|Ending { lane, one, .. }| InLane { lane, row: &one.task }).collect::<Vec<_>>())
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
