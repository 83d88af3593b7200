//! Accepting on SQLite: each call's rows by their keys, through statements that stay prepared.

use super::decide::{CardState, Cards, ChainRow, New, Profile, decide, link};
use super::{AcceptCall, AcceptOutcome, AdmissionRule, CardRules};
use crate::card::CardKind;
use crate::error::StoreError;
use crate::hot::Hot;
use crate::newest::{Newest, Noted};
use rusqlite::{Connection, OptionalExtension as _, params};
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeSet;

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
        write(tx, &accepted, now)?;
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
fn find(
    tx: &Connection,
    newest: &Newest,
    calls: &[AcceptCall],
    rules: &CardRules,
    now: UnixMs,
) -> Result<Cards, StoreError> {
    let mut card = tx.prepare_cached(
        "SELECT kind, account, last_refresh, operator_account, used, began_at FROM card WHERE number = ?1",
    )?;
    let mut profiles =
        tx.prepare_cached("SELECT iccid, operator_account, used, began_at FROM profile WHERE card = ?1")?;
    let numbers: BTreeSet<&str> = calls.iter().map(|call| call.number.as_str()).collect();
    let mut cards = Cards::with_capacity(numbers.len());
    let mut heads = Vec::new();
    for number in numbers {
        let found = card.query_row([number], |row| {
            let kind = CardKind::parse(row.get_ref(0)?.as_str()?);
            let own = row.get::<_, Option<String>>(3)?;
            Ok((kind, row.get(1)?, row.get::<_, Option<String>>(2)?, own, row.get(4)?, row.get(5)?))
        });
        let Some((kind, account, last_refresh, own, used, began_at)) = found.optional()? else { continue };
        let mut state = CardState::new(kind?, account);
        heads.extend(last_refresh.max(newest.of(number).map(|id| id.to_string())));
        if let Some(lane) = own {
            state.add(Profile::new(number.to_owned(), lane, began_at), used);
        } else {
            let mut rows = profiles.query([number])?;
            while let Some(row) = rows.next()? {
                state.add(Profile::new(row.get(0)?, row.get(1)?, row.get(3)?), row.get(2)?);
            }
        }
        cards.insert(number.to_owned(), state);
    }
    while !heads.is_empty() {
        let chain = steps(tx, &heads)?;
        heads = link(&mut cards, chain, rules, now)?;
    }
    Ok(cards)
}

fn steps(tx: &Connection, ids: &[String]) -> Result<Vec<ChainRow>, StoreError> {
    let mut refresh = tx.prepare_cached(
        "SELECT id, card, sign, accepted_at, previous, state, remaining FROM refresh WHERE id = ?1",
    )?;
    let mut chain = Vec::with_capacity(ids.len());
    for id in ids {
        let row = refresh.query_row([id], |row| {
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

fn write(tx: &Connection, accepted: &[New<'_>], now: UnixMs) -> Result<(), StoreError> {
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
        let call = new.call;
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
            new.remaining(),
            new.before,
        ])?;
        for profile in &new.tasks {
            task.execute(params![profile.lane, call.account, id, profile.iccid, call.number])?;
        }
    }
    Ok(())
}
