//! Accepting on PostgreSQL: one bulk statement per table, since every statement is a round trip. The cards are locked first,
//! so that nodes take turns.

use super::decide::{CardState, Cards, ChainRow, Names, New, Profile, decide, link};
use super::{AcceptCall, AcceptOutcome, AdmissionRule, CardRules};
use crate::card::kind_of;
use crate::db::{Sql, bulk, rows};
use crate::error::StoreError;
use crate::finish::CHAIN;
use crate::row::row;
use crate::wakeup::TELL;
use serde::Serialize;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use sqlx::PgPool;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

const LOCK: &str = "SELECT card.number FROM card WHERE card.number IN \
                    (SELECT k FROM json_to_recordset($1::json) AS wanted(k text)) ORDER BY card.number FOR UPDATE";
const FIND: Sql = bulk!(
    "SELECT card.number, card.kind, card.account, card.last_refresh, card.operator_account, card.used, card.began_at FROM ",
    [k text],
    " AS wanted JOIN card ON card.number = wanted.k"
);
const FIND_PROFILES: Sql = bulk!(
    "SELECT profile.card, profile.iccid, profile.operator_account, profile.used, profile.began_at FROM ",
    [k text],
    " AS wanted JOIN profile ON profile.card = wanted.k"
);
const UPDATE_CARDS: Sql = bulk!(
    "UPDATE card SET accepted_at = $2, last_refresh = changed.refresh FROM ",
    [number text, refresh text],
    " AS changed WHERE card.number = changed.number"
);
const INSERT_REFRESHES: Sql = bulk!(
    "INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, previous, state, remaining, before) \
     SELECT id, card, account, appkey, sign, $2, previous, 'queued', remaining, before FROM ",
    [id text, card text, account text, appkey text, sign text, previous text, remaining text, before bigint],
    " AS new_refresh"
);
pub(crate) const INSERT_TASKS: Sql = bulk!(
    "INSERT INTO task (lane, account, refresh, iccid, card) SELECT lane, account, refresh, iccid, card FROM ",
    [lane text, account text, refresh text, iccid text, card text],
    " AS new_task WHERE true"
);

row! {
    struct Found {
        number: String,
        kind: String,
        account: String,
        last_refresh: Option<String>,
        operator_account: Option<String>,
        used: Option<i64>,
        began_at: Option<i64>,
    }
}

row! {
    struct FoundProfile {
        card: String,
        iccid: String,
        operator_account: String,
        used: Option<i64>,
        began_at: Option<i64>,
    }
}

#[derive(Serialize)]
struct Key<'a> {
    k: &'a str,
}

#[derive(Serialize)]
struct CardChange<'a> {
    number: &'a str,
    refresh: &'a str,
}

#[derive(Serialize)]
struct NewRefresh<'a> {
    id: &'a str,
    card: &'a str,
    account: &'a str,
    appkey: &'a str,
    sign: &'a str,
    previous: Option<&'a str>,
    remaining: Cow<'a, str>,
    before: Option<i64>,
}

impl<'a> NewRefresh<'a> {
    fn of(new: &'a New<'_>, card: &'a CardState<'_>) -> Self {
        Self {
            id: new.call.id.as_str(),
            card: &new.call.number,
            account: &new.call.account,
            appkey: &new.call.appkey,
            sign: &new.call.sign,
            previous: new.previous.as_ref().map(RefreshId::as_str),
            remaining: card.remaining(),
            before: new.before,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct NewTask<'a> {
    pub(crate) lane: &'a str,
    pub(crate) account: &'a str,
    pub(crate) refresh: &'a str,
    pub(crate) iccid: &'a str,
    pub(crate) card: &'a str,
}

pub(super) async fn accept(
    pool: &PgPool,
    calls: &[AcceptCall],
    rules: &CardRules,
    admission: &AdmissionRule<'_>,
    now: UnixMs,
) -> Result<Vec<AcceptOutcome>, StoreError> {
    let wanted: BTreeSet<&str> = calls.iter().map(|call| call.number.as_str()).collect();
    let numbers = keys(wanted.iter().copied())?;
    let mut tx = pool.begin().await?;
    sqlx::query(LOCK).bind(&numbers).execute(&mut *tx).await?;
    let found: Vec<Found> = sqlx::query_as(FIND.postgres).bind(&numbers).fetch_all(&mut *tx).await?;
    let mut names = Names::default();
    let (mut cards, mut heads, of_many) = gather(found, &wanted, &mut names)?;
    if !of_many.is_empty() {
        let of_many = keys(of_many)?;
        let profiles: Vec<FoundProfile> =
            sqlx::query_as(FIND_PROFILES.postgres).bind(&of_many).fetch_all(&mut *tx).await?;
        for row in profiles {
            if let Some(card) = cards.get_mut(row.card.as_str()) {
                card.add(Profile::new(row.iccid, names.get(&row.operator_account), row.began_at), row.used);
            }
        }
    }
    while !heads.is_empty() {
        let ids = keys(heads.iter().map(RefreshId::as_str))?;
        let chain: Vec<ChainRow> = sqlx::query_as(CHAIN.postgres).bind(&ids).fetch_all(&mut *tx).await?;
        heads = link(&mut cards, chain, rules, now)?;
    }
    let (outcomes, accepted) = decide(calls, &mut cards, rules, admission, now);
    if !accepted.is_empty() {
        let changes = card_changes(&accepted)?;
        sqlx::query(UPDATE_CARDS.postgres).bind(&changes).bind(now.0).execute(&mut *tx).await?;
        let refreshes = new_refreshes(&accepted, &cards)?;
        sqlx::query(INSERT_REFRESHES.postgres).bind(&refreshes).bind(now.0).execute(&mut *tx).await?;
        let tasks = new_tasks(&accepted, &cards)?;
        sqlx::query(INSERT_TASKS.postgres).bind(&tasks).execute(&mut *tx).await?;
        sqlx::query(TELL).bind(&tasks).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(outcomes)
}

fn keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<String, StoreError> {
    rows(&keys.into_iter().map(|k| Key { k }).collect::<Vec<_>>())
}

/// What was found: the cards, their newest refreshes, and those whose profiles are still to be found.
type Gathered<'a> = (Cards<'a>, Vec<RefreshId>, Vec<&'a str>);

fn gather<'a>(
    found: Vec<Found>,
    wanted: &BTreeSet<&'a str>,
    names: &mut Names,
) -> Result<Gathered<'a>, StoreError> {
    let mut cards = Cards::with_capacity(found.len());
    let mut heads = Vec::new();
    let mut of_many = Vec::new();
    for row in found {
        let Some(number) = wanted.get(row.number.as_str()).copied() else { continue };
        heads.extend(row.last_refresh.map(RefreshId::trusted));
        let mut card = CardState::new(kind_of(&row.kind)?, names.get(&row.account));
        match row.operator_account {
            Some(lane) => card.add(Profile::new(row.number, names.get(&lane), row.began_at), row.used),
            None => of_many.push(number),
        }
        cards.insert(number, card);
    }
    Ok((cards, heads, of_many))
}

fn card_changes(accepted: &[New<'_>]) -> Result<String, StoreError> {
    // A card accepted twice in one group (only with a cooldown of zero) ends with the later one.
    let last: HashMap<&str, &str> =
        accepted.iter().map(|new| (new.call.number.as_str(), new.call.id.as_str())).collect();
    let mut changes: Vec<_> =
        last.into_iter().map(|(number, refresh)| CardChange { number, refresh }).collect();
    changes.sort_unstable_by(|a, b| a.number.cmp(b.number));
    rows(&changes)
}

fn new_refreshes<'a>(accepted: &[New<'a>], cards: &Cards<'a>) -> Result<String, StoreError> {
    let refreshes = accepted.iter().filter_map(|new| Some(NewRefresh::of(new, new.card(cards)?)));
    rows(&refreshes.collect::<Vec<_>>())
}

fn new_tasks<'a>(accepted: &[New<'a>], cards: &Cards<'a>) -> Result<String, StoreError> {
    let of_cards = accepted.iter().filter_map(|new| Some((new, new.card(cards)?)));
    let tasks = of_cards.flat_map(|(new, card)| {
        new.to_read(card).map(|profile| NewTask {
            lane: &profile.lane,
            account: &new.call.account,
            refresh: new.call.id.as_str(),
            iccid: &profile.iccid,
            card: &new.call.number,
        })
    });
    rows(&tasks.collect::<Vec<_>>())
}
