//! Ending readings: the reading appended, the profile moved on, the refreshes that waited for it ended, the task deleted;
//! all in one transaction, fenced by the lane's lease.

use crate::Store;
use crate::accept::{INSERT_TASKS, NewTask};
use crate::card::{ProfileRow, profile_columns};
use crate::db::{Sql, bulk, from_db, rows, to_db, writing};
use crate::error::StoreError;
use crate::lane::{Lease, fence};
use crate::notification;
use crate::queue::TaskKey;
use crate::refresh::RefreshRow;
use serde::Serialize;
use simgauge_domain::id::RefreshId;
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::{Failure, OpenRefresh, RefreshState, settle};
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeSet, HashMap};

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
}

/// Refreshes by id: one step along cards' chains.
pub(crate) const CHAIN: Sql =
    bulk!("SELECT refresh.* FROM ", [k text], " AS wanted JOIN refresh ON refresh.id = wanted.k");

#[derive(Serialize)]
struct Key<'a> {
    k: &'a str,
}

#[derive(Serialize)]
struct ReadingRow<'a> {
    card: &'a str,
    iccid: &'a str,
    began_at: i64,
    synced_at: i64,
    as_of: Option<i64>,
    period_kind: &'a str,
    period_key: &'a str,
    period_start: Option<i64>,
    period_end: Option<i64>,
    used: i64,
    total: Option<i64>,
    status: Option<&'a str>,
    raw_status: Option<&'a str>,
}

#[derive(Serialize)]
struct RefreshChange<'a> {
    id: &'a str,
    state: &'a str,
    remaining: String,
    after: Option<i64>,
    finished_at: Option<i64>,
    reason: Option<&'a str>,
    detail: Option<&'a str>,
}

#[derive(sqlx::FromRow)]
struct Head {
    number: String,
    last_refresh: Option<String>,
}

/// A card while its readings are booked.
#[derive(Default)]
struct CardState {
    /// Newest first, as far as they are open.
    open: Vec<OpenRefresh>,
    owners: Vec<(String, RefreshState)>,
    used: HashMap<String, (Option<i64>, Option<i64>)>,
}

impl CardState {
    /// The card's used bytes: the sum over the profiles that were read.
    fn used(&self) -> Option<i64> {
        self.used
            .values()
            .filter_map(|(_, used)| *used)
            .fold(None, |sum, used| Some(sum.unwrap_or(0_i64).saturating_add(used)))
    }
}

impl Store {
    /// Ends readings.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached; then nothing was written.
    pub async fn finish(&self, lease: &Lease, finished: &[Finished]) -> Result<Vec<Ended>, StoreError> {
        let heads_of = Sql {
            sqlite: "SELECT number, last_refresh FROM card WHERE number IN (SELECT value->>'$.k' FROM json_each($1))",
            postgres: "SELECT number, last_refresh FROM card WHERE number IN \
                       (SELECT k FROM json_to_recordset($1::json) AS wanted(k text)) ORDER BY number FOR UPDATE",
        };
        let profiles_of = bulk!(
            concat!("SELECT ", profile_columns!(), " FROM "),
            [k text],
            " AS wanted JOIN profile ON profile.card = wanted.k"
        );
        let insert_readings = bulk!(
            "INSERT INTO reading (card, iccid, began_at, synced_at, as_of, period_kind, period_key, period_start, \
             period_end, used, total) SELECT card, iccid, began_at, synced_at, as_of, period_kind, period_key, \
             period_start, period_end, used, total FROM ",
            [card text, iccid text, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
             period_key text, period_start bigint, period_end bigint, used bigint, total bigint],
            " AS new_reading WHERE true ON CONFLICT (card, began_at, iccid) DO NOTHING"
        );
        let update_profiles = bulk!(
            "UPDATE profile SET status = COALESCE(r.status, profile.status), \
             raw_status = COALESCE(r.raw_status, profile.raw_status), period_kind = r.period_kind, \
             period_key = r.period_key, period_start = r.period_start, period_end = r.period_end, used = r.used, \
             total = r.total, as_of = r.as_of, began_at = r.began_at, synced_at = r.synced_at FROM ",
            [card text, iccid text, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
             period_key text, period_start bigint, period_end bigint, used bigint, total bigint, status text,
             raw_status text],
            " AS r WHERE profile.card = r.card AND profile.iccid = r.iccid"
        );
        let update_refreshes = bulk!(
            "UPDATE refresh SET state = r.state, remaining = r.remaining, after = r.after, \
             finished_at = r.finished_at, reason = r.reason, detail = r.detail FROM ",
            [id text, state text, remaining text, after bigint, finished_at bigint, reason text, detail text],
            " AS r WHERE refresh.id = r.id"
        );
        let delete_tasks = bulk!(
            "DELETE FROM task WHERE lane = $2 AND (account, refresh, iccid) IN (SELECT account, refresh, iccid FROM ",
            [account text, refresh text, iccid text],
            " AS done)"
        );
        let numbers: BTreeSet<&str> = finished.iter().map(|one| one.card.as_str()).collect();
        let numbers = rows(&numbers.into_iter().map(|k| Key { k }).collect::<Vec<_>>())?;
        let done = rows(&finished.iter().map(|one| &one.task).collect::<Vec<_>>())?;

        writing!(self, |tx, sql| {
            fence!(tx, sql, lease);
            let heads: Vec<Head> = sqlx::query_as(sql(heads_of)).bind(&numbers).fetch_all(&mut *tx).await?;
            let profiles: Vec<ProfileRow> =
                sqlx::query_as(sql(profiles_of)).bind(&numbers).fetch_all(&mut *tx).await?;
            let (mut cards, mut next) = gather(heads, profiles);
            while !next.is_empty() {
                let ids = rows(&next.iter().map(|k| Key { k }).collect::<Vec<_>>())?;
                let chain: Vec<RefreshRow> =
                    sqlx::query_as(sql(CHAIN)).bind(&ids).fetch_all(&mut *tx).await?;
                next = link(&mut cards, chain)?;
            }
            let booked = book(finished, &mut cards);
            let readings = rows(&booked.readings)?;
            sqlx::query(sql(insert_readings)).bind(&readings).execute(&mut *tx).await?;
            let moved = rows(&booked.moved)?;
            sqlx::query(sql(update_profiles)).bind(&moved).execute(&mut *tx).await?;
            let changes = booked.refresh_changes(&cards)?;
            sqlx::query(sql(update_refreshes)).bind(&changes).execute(&mut *tx).await?;
            sqlx::query(sql(delete_tasks)).bind(&done).bind(&lease.lane).execute(&mut *tx).await?;
            let again = booked.again(lease)?;
            sqlx::query(sql(INSERT_TASKS)).bind(&again).execute(&mut *tx).await?;
            let ended = booked.ended();
            notification::on_ended!(tx, sql, &ended);
            Ok(ended)
        })
    }
}

fn gather(heads: Vec<Head>, profiles: Vec<ProfileRow>) -> (HashMap<String, CardState>, Vec<String>) {
    let mut cards: HashMap<String, CardState> = HashMap::new();
    let mut next = Vec::new();
    for head in heads {
        cards.insert(head.number, CardState::default());
        next.extend(head.last_refresh);
    }
    for profile in profiles {
        if let Some(card) = cards.get_mut(&profile.card) {
            card.used.insert(profile.iccid, (profile.began_at, profile.used));
        }
    }
    (cards, next)
}

/// Adds one step of each card's chain, as far as refreshes are open: where one has ended, so have all before it.
fn link(cards: &mut HashMap<String, CardState>, chain: Vec<RefreshRow>) -> Result<Vec<String>, StoreError> {
    let mut next = Vec::new();
    for row in chain {
        let state = row.state()?;
        let Some(card) = cards.get_mut(&row.card).filter(|_| !state.is_ended()) else { continue };
        card.open.push(row.open());
        card.owners.push((row.account.clone(), state));
        next.extend(row.previous);
    }
    Ok(next)
}

/// What has to be written.
#[derive(Default)]
struct Booked<'a> {
    readings: Vec<ReadingRow<'a>>,
    /// The newest reading of each profile.
    moved: Vec<ReadingRow<'a>>,
    /// Changed refreshes: card, index among its open ones, state, time.
    changed: HashMap<(&'a str, usize), (RefreshState, UnixMs)>,
    /// Profiles to be read once more: card, iccid, account and refresh.
    again: Vec<(&'a str, &'a str, String, RefreshId)>,
    ids: HashMap<(&'a str, usize), RefreshId>,
}

fn book<'a>(finished: &'a [Finished], cards: &mut HashMap<String, CardState>) -> Booked<'a> {
    let mut booked = Booked::default();
    for one in finished {
        let Some(card) = cards.get_mut(&one.card) else { continue };
        if let Ok(reading) = &one.outcome {
            booked.readings.push(reading_row(one, reading));
            let last = card.used.entry(one.task.iccid.clone()).or_insert((None, None));
            if last.0.is_none_or(|began_at| began_at < one.began_at.0) {
                *last = (Some(one.began_at.0), Some(to_db(reading.used)));
                booked.moved.retain(|row| (row.card, row.iccid) != (&one.card, &one.task.iccid));
                booked.moved.push(reading_row(one, reading));
            }
        }
        let settlement = settle(&mut card.open, &one.task.iccid, one.began_at, one.outcome.as_ref().err());
        for (index, state) in settlement.changed {
            booked.changed.insert((&one.card, index), (state, one.ended_at));
            booked.ids.insert((&one.card, index), card.open[index].id.clone());
        }
        if let Some(index) = settlement.again_for {
            let account = card.owners[index].0.clone();
            booked.again.push((&one.card, &one.task.iccid, account, card.open[index].id.clone()));
        }
    }
    booked
}

fn reading_row<'a>(one: &'a Finished, reading: &'a Reading) -> ReadingRow<'a> {
    ReadingRow {
        card: &one.card,
        iccid: &one.task.iccid,
        began_at: one.began_at.0,
        synced_at: one.ended_at.0,
        as_of: reading.as_of.map(|at| at.0),
        period_kind: reading.period.kind.as_str(),
        period_key: &reading.period.key,
        period_start: reading.period.start.map(|at| at.0),
        period_end: reading.period.end.map(|at| at.0),
        used: to_db(reading.used),
        total: reading.total.map(to_db),
        status: reading.status.map(simgauge_domain::reading::ProfileStatus::as_str),
        raw_status: reading.raw_status.as_deref(),
    }
}

impl Booked<'_> {
    fn refresh_changes(&self, cards: &HashMap<String, CardState>) -> Result<String, StoreError> {
        let mut changes = Vec::with_capacity(self.changed.len());
        for ((number, index), (state, at)) in &self.changed {
            let Some(card) = cards.get(*number) else { continue };
            let refresh = &card.open[*index];
            let ended = state.is_ended();
            changes.push(RefreshChange {
                id: refresh.id.as_str(),
                state: state.as_str(),
                remaining: refresh.remaining.join(","),
                after: card.used().filter(|_| ended).map(from_db).map(to_db),
                finished_at: ended.then_some(at.0),
                reason: refresh.failure.as_ref().map(|failure| failure.kind.as_str()),
                detail: refresh.failure.as_ref().map(|failure| failure.detail.as_str()),
            });
        }
        rows(&changes)
    }

    fn again(&self, lease: &Lease) -> Result<String, StoreError> {
        rows(
            &self
                .again
                .iter()
                .map(|(card, iccid, account, refresh)| NewTask {
                    lane: &lease.lane,
                    account,
                    refresh: refresh.as_str(),
                    iccid,
                    card,
                })
                .collect::<Vec<_>>(),
        )
    }

    fn ended(&self) -> Vec<Ended> {
        self.changed
            .iter()
            .filter(|(_, (state, _))| state.is_ended())
            .filter_map(|((card, index), (state, _))| {
                let id = self.ids.get(&(*card, *index))?.clone();
                Some(Ended { id, card: (*card).to_owned(), state: *state })
            })
            .collect()
    }
}
