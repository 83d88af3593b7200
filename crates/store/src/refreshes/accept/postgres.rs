//! Accepting on PostgreSQL: one bulk statement per table, since every statement is a round trip. The cards
//! are locked first, so that nodes take turns.

use super::decide::{CardState, Cards, ChainRow, Names, New, Profile, decide, link};
use super::model::{AcceptCall, AdmissionRule, CardRules, NotSynced};
use super::tasks::{INSERT_TASKS, NewTask};
use crate::backend::postgres::database::{PostgresDatabase, PostgresTx};
use crate::backend::{Sql, Tx, bulk, keys, refresh_id_from_db, row, rows};
use crate::cards::kind::kind_of;
use crate::error::StoreError;
use crate::leases::wakeup::NOTIFY;
use serde::Serialize;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

const LOCK: Sql = Sql::postgres(
    "SELECT card.id FROM card WHERE card.number IN \
     (SELECT k FROM json_to_recordset($1::json) AS wanted(k text)) ORDER BY card.id FOR UPDATE",
);
const FIND: Sql = bulk!(
    "SELECT card.id, card.number, card.kind, card.account, card.last_refresh, card.profile, \
     card.operator_account, card.used, card.began_at, card.has_neighbour FROM ",
    [k text],
    " AS wanted JOIN card ON card.number = wanted.k"
);
const STORED: Sql =
    bulk!("SELECT card.number FROM ", [k text], " AS wanted JOIN card ON card.number = wanted.k");
const FIND_PROFILES: Sql = bulk!(
    "SELECT profile.card, profile.id, profile.operator_account, profile.used, profile.began_at FROM ",
    [k bigint],
    " AS wanted JOIN profile ON profile.card = wanted.k"
);
const CHAIN: Sql = bulk!(
    "SELECT refresh.id, refresh.card, refresh.sign, refresh.accepted_at, refresh.previous, refresh.state, \
     refresh.remaining FROM ",
    [k text],
    " AS wanted JOIN refresh ON refresh.id = wanted.k"
);
const UPDATE_CARDS: Sql = bulk!(
    "UPDATE card SET accepted_at = $2, last_refresh = changed.refresh FROM ",
    [card bigint, refresh text],
    " AS changed WHERE card.id = changed.card"
);
const INSERT_REFRESHES: Sql = bulk!(
    "INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, previous, state, remaining, before) \
     SELECT id, card, account, appkey, sign, $2, previous, 'queued', remaining, before FROM ",
    [id text, card bigint, account text, appkey text, sign text, previous text, remaining text, before
    bigint],
    " AS new_refresh"
);
const SET_AHEAD: Sql = bulk!(
    "UPDATE refresh SET accepted_at = $2 FROM ",
    [card bigint, refresh text],
    " AS ahead WHERE refresh.id = ahead.refresh"
);
const SET_CARDS_AHEAD: Sql = bulk!(
    "UPDATE card SET accepted_at = $2 FROM ",
    [card bigint, refresh text],
    " AS ahead WHERE card.id = ahead.card AND card.accepted_at > $2"
);
row! {
    struct Found {
        id: i64,
        number: String,
        kind: String,
        account: String,
        last_refresh: Option<String>,
        profile: Option<i64>,
        operator_account: Option<String>,
        used: Option<i64>,
        began_at: Option<i64>,
        has_neighbour: i64,
    }
}

row! {
    struct FoundProfile {
        card: i64,
        id: i64,
        operator_account: String,
        used: Option<i64>,
        began_at: Option<i64>,
    }
}

#[derive(Serialize)]
struct CardChange<'a> {
    card: CardId,
    refresh: &'a str,
}

#[derive(Serialize)]
struct NewRefresh<'a> {
    id: &'a str,
    card: CardId,
    account: &'a str,
    appkey: &'a str,
    sign: &'a str,
    previous: Option<&'a str>,
    remaining: String,
    before: Option<i64>,
}

impl<'a> NewRefresh<'a> {
    fn of(new: &'a New<'_>, card: &CardState<'_>) -> Self {
        Self {
            id: new.call.id.as_str(),
            card: new.card,
            account: &new.call.account,
            appkey: &new.call.appkey,
            sign: &new.call.sign,
            previous: new.previous.as_ref().map(RefreshId::as_str),
            remaining: card.remaining(),
            before: new.before,
        }
    }
}

pub(super) async fn accept(
    database: &PostgresDatabase,
    calls: &[AcceptCall],
    rules: &CardRules,
    admission: &AdmissionRule<'_>,
    now: UnixMs,
) -> Result<NotSynced, StoreError> {
    let (mut tx, mut cards) = find_all(database, calls, rules, now).await?;
    if !cards.ahead.is_empty() {
        let ahead = ahead(&cards)?;
        tx.run(SET_AHEAD, &[(&ahead).into(), now.into()]).await?;
        tx.run(SET_CARDS_AHEAD, &[(&ahead).into(), now.into()]).await?;
    }
    let (outcomes, accepted) = decide(calls, &mut cards, rules, admission, now);
    if !accepted.is_empty() {
        let tasks = new_tasks(&accepted, &cards)?;
        tx.run(UPDATE_CARDS, &[(&card_changes(&accepted)?).into(), now.into()]).await?;
        tx.run(INSERT_REFRESHES, &[(&new_refreshes(&accepted, &cards)?).into(), now.into()]).await?;
        tx.run(INSERT_TASKS, &[(&tasks).into()]).await?;
        tx.run(NOTIFY, &[(&tasks).into()]).await?;
    }
    tx.commit().await?;
    Ok(NotSynced { outcomes, put_right: cards.ahead.len(), commit: None })
}

/// The cards that the calls name, locked, with their recent and open refreshes. Where a call's card is stored
/// under another spelling of its number, the cards are locked anew with that one among them: nodes that lock
/// step by step would wait for each other.
async fn find_all<'a>(
    database: &PostgresDatabase,
    calls: &'a [AcceptCall],
    rules: &CardRules,
    now: UnixMs,
) -> Result<(PostgresTx, Cards<'a>), StoreError> {
    let mut wanted: BTreeSet<Cow<'a, str>> =
        calls.iter().map(|call| Cow::Borrowed(call.number.as_str())).collect();
    let mut tx = database.write().await?;
    let cards = find(&mut tx, &wanted, rules, now).await?;
    let mut others = cards.other_numbers(calls);
    if others.is_empty() {
        return Ok((tx, cards));
    }
    let stored: Vec<String> = tx.all(STORED, &[(&keys(&others)?).into()]).await?;
    others.retain(|number| stored.iter().any(|known| *known == **number));
    if others.is_empty() {
        return Ok((tx, cards));
    }
    tx.rollback().await?;
    wanted.append(&mut others);
    let mut tx = database.write().await?;
    let cards = find(&mut tx, &wanted, rules, now).await?;
    Ok((tx, cards))
}

/// The cards of these numbers.
async fn find<'a>(
    tx: &mut PostgresTx,
    wanted: &BTreeSet<Cow<'a, str>>,
    rules: &CardRules,
    now: UnixMs,
) -> Result<Cards<'a>, StoreError> {
    let numbers = keys(wanted)?;
    tx.run(LOCK, &[(&numbers).into()]).await?;
    let found = tx.all(FIND, &[(&numbers).into()]).await?;
    let mut names = Names::default();
    let Gathered { mut cards, mut heads, of_many } = gather(found, wanted, &mut names)?;
    if !of_many.is_empty() {
        let profiles: Vec<FoundProfile> = tx.all(FIND_PROFILES, &[(&keys(&of_many)?).into()]).await?;
        for row in profiles {
            if let Some(card) = cards.by_id(CardId(row.card)) {
                card.add(Profile::new(row.id, names.get(&row.operator_account), row.began_at), row.used);
            }
        }
    }
    while !heads.is_empty() {
        let ids = keys(heads.iter().map(RefreshId::as_str))?;
        let chain: Vec<ChainRow> = tx.all(CHAIN, &[(&ids).into()]).await?;
        heads = link(&mut cards, chain, rules, now)?;
    }
    Ok(cards)
}

/// What was found.
#[derive(Default)]
struct Gathered<'a> {
    cards: Cards<'a>,
    /// The cards' latest refreshes.
    heads: Vec<RefreshId>,
    /// Cards whose profiles are still to be found.
    of_many: Vec<CardId>,
}

fn gather<'a>(
    found: Vec<Found>,
    wanted: &BTreeSet<Cow<'a, str>>,
    names: &mut Names,
) -> Result<Gathered<'a>, StoreError> {
    let mut gathered = Gathered::default();
    for row in found {
        let Some(number) = wanted.get(row.number.as_str()).cloned() else { continue };
        if let Some(id) = row.last_refresh {
            gathered.heads.push(refresh_id_from_db(&id, format_args!("last_refresh of card {}", row.id))?);
        }
        let mut card =
            CardState::new(row.id, kind_of(&row.kind)?, names.get(&row.account), row.has_neighbour != 0);
        match row.profile.zip(row.operator_account) {
            Some((id, lane)) => card.add(Profile::new(id, names.get(&lane), row.began_at), row.used),
            None => gathered.of_many.push(card.id),
        }
        gathered.cards.insert(number, card);
    }
    Ok(gathered)
}

/// What a clock that was ahead has written, to be put right.
fn ahead(cards: &Cards<'_>) -> Result<String, StoreError> {
    let ahead = cards.ahead.iter().map(|(card, id)| CardChange { card: *card, refresh: id.as_str() });
    rows(&ahead.collect::<Vec<_>>())
}

fn card_changes(accepted: &[New<'_>]) -> Result<String, StoreError> {
    // A card accepted twice in one group (only with a cooldown of zero) ends with the later one.
    let last: BTreeMap<CardId, &str> = accepted.iter().map(|new| (new.card, new.call.id.as_str())).collect();
    rows(&last.into_iter().map(|(card, refresh)| CardChange { card, refresh }).collect::<Vec<_>>())
}

fn new_refreshes<'a>(accepted: &[New<'a>], cards: &Cards<'a>) -> Result<String, StoreError> {
    let refreshes = accepted.iter().filter_map(|new| Some(NewRefresh::of(new, new.state(cards)?)));
    rows(&refreshes.collect::<Vec<_>>())
}

fn new_tasks<'a>(accepted: &[New<'a>], cards: &Cards<'a>) -> Result<String, StoreError> {
    let of_cards = accepted.iter().filter_map(|new| Some((new, new.state(cards)?)));
    let tasks = of_cards.flat_map(|(new, card)| {
        new.to_read(card).map(|profile| NewTask {
            lane: &profile.lane,
            account: &new.call.account,
            refresh: new.call.id.as_str(),
            profile: profile.id,
            card: new.card,
        })
    });
    rows(&tasks.collect::<Vec<_>>())
}
