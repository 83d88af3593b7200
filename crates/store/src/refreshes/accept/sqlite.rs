//! Accepting on SQLite: each call's rows by their keys, through statements that stay prepared.

use super::decide::{CardState, Cards, ChainRow, Names, New, Profile, decide, link};
use super::model::{AcceptCall, AdmissionRule, CardRules, NotSynced};
use crate::backend::refresh_id_from_db;
use crate::backend::sqlite::database::SqliteDatabase;
use crate::backend::sqlite::deferred::DeferredCardUpdates;
use crate::backend::sqlite::statement::prepared;
use crate::cards::kind::kind_of;
use crate::error::StoreError;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use std::borrow::Cow;

/// Works on the thread that asks. What is accepted is not on the disk before [`SqliteDatabase::sync`].
pub(super) async fn accept(
    database: &SqliteDatabase,
    calls: &[AcceptCall],
    rules: &CardRules,
    admission: &AdmissionRule<'_>,
    now: UnixMs,
) -> Result<NotSynced, StoreError> {
    let deferred = database.deferred();
    let tx = database.write_direct().await?;
    let connection = tx.connection()?;
    if !deferred.is_kept() {
        deferred.keep(connection)?;
    }
    let mut cards = find(connection, deferred, calls, rules, now)?;
    let (outcomes, accepted) = decide(calls, &mut cards, rules, admission, now);
    let written = deferred.write_surplus(connection, accepted.len())?;
    write(connection, &accepted, &cards, now)?;
    write_ahead(connection, &cards, now)?;
    // Before a lane can end any of them.
    let commit = tx.commit_unsynced(|| {
        deferred.forget_surplus(&written);
        let (joining, own): (Vec<&New<'_>>, Vec<_>) = accepted.iter().partition(|new| new.joins());
        deferred.forget(joining.into_iter().map(New::card_and_id));
        deferred.add(own.into_iter().map(New::card_and_id));
    })?;
    Ok(NotSynced { outcomes, put_right: cards.ahead.len(), commit: Some(commit) })
}

/// The cards that the calls name, in key order, so that the trees are walked once.
fn find<'a>(
    tx: &Connection,
    deferred: &DeferredCardUpdates,
    calls: &'a [AcceptCall],
    rules: &CardRules,
    now: UnixMs,
) -> Result<Cards<'a>, StoreError> {
    let mut numbers: Vec<&str> = calls.iter().map(|call| call.number.as_str()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut finder = Finder::new(tx, deferred, numbers.len())?;
    for number in numbers {
        finder.look_up(Cow::Borrowed(number))?;
    }
    for number in finder.cards.other_numbers(calls) {
        finder.look_up(number)?;
    }
    let Finder { mut cards, mut heads, .. } = finder;
    while !heads.is_empty() {
        let chain = steps(tx, &heads)?;
        heads = link(&mut cards, chain, rules, now)?;
    }
    Ok(cards)
}

/// Looks up cards by number.
struct Finder<'t, 'a> {
    card: CachedStatement<'t>,
    profiles: CachedStatement<'t>,
    deferred: &'t DeferredCardUpdates,
    names: Names,
    cards: Cards<'a>,
    /// The cards' latest refreshes.
    heads: Vec<RefreshId>,
}

impl<'t, 'a> Finder<'t, 'a> {
    fn new(tx: &'t Connection, deferred: &'t DeferredCardUpdates, cards: usize) -> Result<Self, StoreError> {
        let card = prepared(
            tx,
            "SELECT id, kind, account, last_refresh, profile, operator_account, used, began_at, \
             has_neighbour FROM card WHERE number = ?1",
        )?;
        let profiles =
            prepared(tx, "SELECT id, operator_account, used, began_at FROM profile WHERE card = ?1")?;
        let (names, cards, heads) = (Names::default(), Cards::with_capacity(cards), Vec::new());
        Ok(Self { card, profiles, deferred, names, cards, heads })
    }

    fn look_up(&mut self, number: Cow<'a, str>) -> Result<(), StoreError> {
        let mut rows = self.card.query([&*number])?;
        let Some(row) = rows.next()? else { return Ok(()) };
        let (id, names) = (row.get(0)?, &mut self.names);
        let mut state = CardState::new(id, kind_of(text(row, 1)?)?, names.get(text(row, 2)?), row.get(8)?);
        let last = maybe_text(row, 3)?;
        let last = last.map(|text| refresh_id_from_db(text, format_args!("last_refresh of card {id}")));
        self.heads.extend(last.transpose()?.max(self.deferred.of(CardId(id))));
        let profile: Option<i64> = row.get(4)?;
        if let Some((profile, lane)) = profile.zip(maybe_text(row, 5)?) {
            state.add(Profile::new(profile, names.get(lane), row.get(7)?), row.get(6)?);
        } else {
            let mut rows = self.profiles.query([id])?;
            while let Some(row) = rows.next()? {
                state.add(Profile::new(row.get(0)?, names.get(text(row, 1)?), row.get(3)?), row.get(2)?);
            }
        }
        self.cards.insert(number, state);
        Ok(())
    }
}

/// A column without copying it.
fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn maybe_text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

fn steps(tx: &Connection, ids: &[RefreshId]) -> Result<Vec<ChainRow>, StoreError> {
    let mut refresh = prepared(
        tx,
        "SELECT id, card, sign, accepted_at, previous, state, remaining FROM refresh WHERE id = ?1",
    )?;
    let mut chain = Vec::with_capacity(ids.len());
    for id in ids {
        let row = refresh.query_row([id.as_str()], |row| {
            Ok(ChainRow {
                id: row.get(0)?,
                card: row.get(1)?,
                sign: row.get(2)?,
                accepted_at: row.get(3)?,
                previous: row.get(4)?,
                state: row.get(5)?,
                remaining: row.get(6)?,
            })
        });
        chain.extend(row.optional()?);
    }
    Ok(chain)
}

/// Puts right what a clock that was ahead has written.
fn write_ahead(tx: &Connection, cards: &Cards<'_>, now: UnixMs) -> Result<(), StoreError> {
    if cards.ahead.is_empty() {
        return Ok(());
    }
    let mut refresh = tx.prepare_cached("UPDATE refresh SET accepted_at = ?2 WHERE id = ?1")?;
    let mut card =
        tx.prepare_cached("UPDATE card SET accepted_at = ?2 WHERE id = ?1 AND accepted_at > ?2")?;
    for (id, accepted) in &cards.ahead {
        refresh.execute(params![accepted.as_str(), now.0])?;
        card.execute(params![id.0, now.0])?;
    }
    Ok(())
}

fn write<'a>(
    tx: &Connection,
    accepted: &[New<'a>],
    cards: &Cards<'a>,
    now: UnixMs,
) -> Result<(), StoreError> {
    let mut card = prepared(tx, "UPDATE card SET accepted_at = ?2, last_refresh = ?3 WHERE id = ?1")?;
    let mut refresh = prepared(
        tx,
        "INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, previous, state, remaining, \
         before) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued', ?8, ?9)",
    )?;
    let mut task =
        prepared(tx, "INSERT INTO task (lane, account, refresh, profile, card) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for new in accepted {
        let (call, Some(found)) = (new.call, new.state(cards)) else { continue };
        let id = call.id.as_str();
        if new.joins() {
            card.execute(params![new.card.0, now.0, id])?;
        }
        refresh.execute(params![
            id,
            new.card.0,
            call.account,
            call.appkey,
            call.sign,
            now.0,
            new.previous.as_ref().map(RefreshId::as_str),
            found.remaining(),
            new.before,
        ])?;
        for profile in new.to_read(found) {
            task.execute(params![profile.lane, call.account, id, profile.id.0, new.card.0])?;
        }
    }
    Ok(())
}
