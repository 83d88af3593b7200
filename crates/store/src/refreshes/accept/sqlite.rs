//! Accepting on SQLite: each call's rows by their keys, through statements that stay prepared.

use super::decide::{CardState, Cards, ChainRow, Names, New, Profile, decide, link};
use super::{AcceptCall, AcceptOutcome, AdmissionRule, CardRules};
use crate::card::kind_of;
use crate::error::StoreError;
use crate::hot::Hot;
use crate::newest::{Newest, Noted};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;

pub(super) async fn accept(
    hot: &Hot,
    calls: &[AcceptCall],
    rules: &CardRules,
    admission: &AdmissionRule<'_>,
    now: UnixMs,
) -> Result<Vec<AcceptOutcome>, StoreError> {
    let work = |tx: &Connection, newest: &Newest| {
        if !newest.is_kept() {
            newest.keep(tx)?;
        }
        let mut cards = find(tx, newest, calls, rules, now)?;
        let (outcomes, accepted) = decide(calls, &mut cards, rules, admission, now);
        let noted = newest.note_overdue(tx, accepted.len())?;
        write(tx, &accepted, &cards, now)?;
        Ok((outcomes, accepted, noted))
    };
    // Before a lane can end any of them.
    let remember = |(_, accepted, noted): &(_, Vec<New<'_>>, Noted), newest: &Newest| {
        newest.forget_overdue(noted);
        let (joining, own): (Vec<&New<'_>>, Vec<_>) = accepted.iter().partition(|new| new.joins());
        newest.forget(joining.into_iter().map(New::card_and_id));
        newest.add(own.into_iter().map(New::card_and_id));
    };
    let (outcomes, _, _) = hot.write_here(work, remember).await?;
    Ok(outcomes)
}

/// The cards that the calls name, in key order, so that the trees are walked once.
fn find<'a>(
    tx: &Connection,
    newest: &Newest,
    calls: &'a [AcceptCall],
    rules: &CardRules,
    now: UnixMs,
) -> Result<Cards<'a>, StoreError> {
    let mut card = tx.prepare_cached(
        "SELECT kind, account, last_refresh, operator_account, used, began_at FROM card WHERE number = ?1",
    )?;
    let mut profiles =
        tx.prepare_cached("SELECT iccid, operator_account, used, began_at FROM profile WHERE card = ?1")?;
    let mut numbers: Vec<&str> = calls.iter().map(|call| call.number.as_str()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut names = Names::default();
    let mut cards = Cards::with_capacity(numbers.len());
    let mut heads = Vec::new();
    for number in numbers {
        let mut rows = card.query([number])?;
        let Some(row) = rows.next()? else { continue };
        let mut state = CardState::new(kind_of(text(row, 0)?)?, names.get(text(row, 1)?));
        let noted = maybe_text(row, 2)?.map(RefreshId::trusted);
        heads.extend(noted.max(newest.of(number)));
        if let Some(lane) = maybe_text(row, 3)? {
            state.add(Profile::new(number.to_owned(), names.get(lane), row.get(5)?), row.get(4)?);
        } else {
            let mut rows = profiles.query([number])?;
            while let Some(row) = rows.next()? {
                state.add(Profile::new(row.get(0)?, names.get(text(row, 1)?), row.get(3)?), row.get(2)?);
            }
        }
        cards.insert(number, state);
    }
    while !heads.is_empty() {
        let chain = steps(tx, &heads)?;
        heads = link(&mut cards, chain, rules, now)?;
    }
    Ok(cards)
}

/// A column without copying it.
fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn maybe_text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

fn steps(tx: &Connection, ids: &[RefreshId]) -> Result<Vec<ChainRow>, StoreError> {
    let mut refresh = tx.prepare_cached(
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

fn write<'a>(
    tx: &Connection,
    accepted: &[New<'a>],
    cards: &Cards<'a>,
    now: UnixMs,
) -> Result<(), StoreError> {
    let mut card =
        tx.prepare_cached("UPDATE card SET accepted_at = ?2, last_refresh = ?3 WHERE number = ?1")?;
    let mut refresh = tx.prepare_cached(
        "INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, previous, state, remaining, before) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued', ?8, ?9)",
    )?;
    let mut task = tx.prepare_cached(
        "INSERT INTO task (lane, account, refresh, iccid, card) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for new in accepted {
        let (call, Some(found)) = (new.call, new.card(cards)) else { continue };
        let id = call.id.as_str();
        if new.joins() {
            card.execute(params![call.number, now.0, id])?;
        }
        refresh.execute(params![
            id,
            call.number,
            call.account,
            call.appkey,
            call.sign,
            now.0,
            new.previous.as_ref().map(RefreshId::as_str),
            found.remaining(),
            new.before,
        ])?;
        for profile in new.to_read(found) {
            task.execute(params![profile.lane, call.account, id, profile.iccid, call.number])?;
        }
    }
    Ok(())
}
