//! Accepting refreshes: one transaction over `card`, `refresh` and `task`, for many calls at once.

use crate::Store;
use crate::card::CardKind;
use crate::db::{Sql, bulk, from_db, rows, to_db, writing};
use crate::error::StoreError;
use crate::refresh::RefreshRow;
use crate::wakeup::TELL;
use serde::Serialize;
use simgauge_domain::accept::{AcceptRule, Decision, Earlier};
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeSet, HashMap};

/// A call that passed the gate.
#[derive(Clone, Debug)]
pub struct AcceptCall {
    /// Whose card it must be.
    pub account: String,
    /// The app that calls.
    pub appkey: String,
    /// What kind of card it must be.
    pub kind: CardKind,
    /// The card's number.
    pub number: String,
    /// The call's sign: 40 or 64 upper-case hex digits.
    pub sign: String,
    /// The id that a new refresh gets.
    pub id: RefreshId,
}

/// An accepted refresh, new or (for an identical request) the one accepted before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub id: RefreshId,
    /// When it was accepted.
    pub accepted_at: UnixMs,
    /// Where it stands.
    pub state: RefreshState,
}

/// A task that a refresh made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWork {
    /// The operator account.
    pub lane: String,
    /// When the last believed reading of the profile began.
    pub last_read_at: Option<UnixMs>,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptOutcome {
    /// A new refresh.
    Accepted {
        /// The refresh.
        refresh: Accepted,
        /// The new tasks.
        tasks: Vec<NewWork>,
    },
    /// The very request that was accepted before.
    Same(Accepted),
    /// The card is cooling down.
    Cooling {
        /// When it was accepted last.
        accepted_at: UnixMs,
        /// When it may be refreshed again.
        next_at: UnixMs,
    },
    /// No such card under this account.
    NotFound,
    /// A lane did not take it; nothing was stored.
    Refused {
        /// The operator account.
        lane: String,
        /// The admission's answer.
        estimate: Option<u64>,
    },
}

/// The rule for each kind of card.
#[derive(Clone, Copy, Debug)]
pub struct CardRules {
    /// Physical cards.
    pub sim: AcceptRule,
    /// Cloud eSIMs.
    pub cloud_esim: AcceptRule,
}

impl CardRules {
    /// The rule for a kind.
    #[must_use]
    pub const fn of(&self, kind: CardKind) -> &AcceptRule {
        match kind {
            CardKind::Sim => &self.sim,
            CardKind::CloudEsim => &self.cloud_esim,
        }
    }
}

/// What a lane says of one more task of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Taken.
    Taken,
    /// The wait would be too long: about so many seconds.
    TooFarBehind(u64),
    /// There is no such operator account.
    Unknown,
}

#[derive(sqlx::FromRow)]
struct Found {
    number: String,
    kind: String,
    account: String,
    last_refresh: Option<String>,
    iccid: Option<String>,
    operator_account: Option<String>,
    used: Option<i64>,
    began_at: Option<i64>,
}

#[derive(Clone)]
struct Profile {
    iccid: String,
    lane: String,
    last_read_at: Option<UnixMs>,
}

#[derive(Default)]
struct CardState {
    kind: String,
    account: String,
    profiles: Vec<Profile>,
    used: Option<i64>,
    /// Newest first.
    earlier: Vec<EarlierRefresh>,
}

struct EarlierRefresh {
    accepted: Accepted,
    sign: String,
    remaining: Vec<String>,
}

#[derive(Serialize)]
struct Number<'a> {
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
    remaining: String,
    before: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct NewTask<'a> {
    pub(crate) lane: &'a str,
    pub(crate) account: &'a str,
    pub(crate) refresh: &'a str,
    pub(crate) iccid: &'a str,
    pub(crate) card: &'a str,
}

pub(crate) const INSERT_TASKS: Sql = bulk!(
    "INSERT INTO task (lane, account, refresh, iccid, card) SELECT lane, account, refresh, iccid, card FROM ",
    [lane text, account text, refresh text, iccid text, card text],
    " AS new_task WHERE true"
);

impl Store {
    /// Decides many calls in their order and makes the accepted ones durable, all in one transaction. Calls for the same
    /// card see each other.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then nothing was stored.
    pub async fn accept(
        &self,
        calls: &[AcceptCall],
        rules: &CardRules,
        admission: &(dyn Fn(&str, &str) -> Admission + Sync),
        now: UnixMs,
    ) -> Result<Vec<AcceptOutcome>, StoreError> {
        let find = bulk!(
            "SELECT card.number, card.kind, card.account, card.last_refresh, profile.iccid, \
             profile.operator_account, profile.used, profile.began_at FROM ",
            [k text],
            " AS wanted JOIN card ON card.number = wanted.k LEFT JOIN profile ON profile.card = card.number"
        );
        let lock = Sql {
            sqlite: "",
            postgres: "SELECT card.number FROM card WHERE card.number IN \
                       (SELECT k FROM json_to_recordset($1::json) AS wanted(k text)) ORDER BY card.number FOR UPDATE",
        };
        let update_cards = bulk!(
            "UPDATE card SET accepted_at = $2, last_refresh = changed.refresh FROM ",
            [number text, refresh text],
            " AS changed WHERE card.number = changed.number"
        );
        let insert_refreshes = bulk!(
            "INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, previous, state, remaining, before) \
             SELECT id, card, account, appkey, sign, $2, previous, 'queued', remaining, before FROM ",
            [id text, card text, account text, appkey text, sign text, previous text, remaining text, before bigint],
            " AS new_refresh"
        );
        let numbers: BTreeSet<&str> = calls.iter().map(|call| call.number.as_str()).collect();
        let numbers = rows(&numbers.into_iter().map(|k| Number { k }).collect::<Vec<_>>())?;

        writing!(self, |tx, sql| {
            if !sql(lock).is_empty() {
                sqlx::query(sql(lock)).bind(&numbers).execute(&mut *tx).await?;
            }
            let found: Vec<Found> = sqlx::query_as(sql(find)).bind(&numbers).fetch_all(&mut *tx).await?;
            let (mut cards, mut heads) = gather(found);
            while !heads.is_empty() {
                let ids = rows(&heads.keys().map(|k| Number { k }).collect::<Vec<_>>())?;
                let chain: Vec<RefreshRow> =
                    sqlx::query_as(sql(crate::finish::CHAIN)).bind(&ids).fetch_all(&mut *tx).await?;
                heads = link(&mut cards, chain, rules, now)?;
            }
            let (outcomes, accepted) = decide(calls, &mut cards, rules, admission, now);
            if !accepted.is_empty() {
                let changes = accepted.card_changes()?;
                sqlx::query(sql(update_cards)).bind(&changes).bind(now.0).execute(&mut *tx).await?;
                let refreshes = accepted.new_refreshes()?;
                sqlx::query(sql(insert_refreshes)).bind(&refreshes).bind(now.0).execute(&mut *tx).await?;
                let tasks = accepted.new_tasks()?;
                sqlx::query(sql(INSERT_TASKS)).bind(&tasks).execute(&mut *tx).await?;
                if !sql(TELL).is_empty() {
                    sqlx::query(sql(TELL)).bind(&tasks).execute(&mut *tx).await?;
                }
            }
            Ok(outcomes)
        })
    }
}

/// Groups the joined rows by card; the second map names each card's newest refresh.
fn gather(found: Vec<Found>) -> (HashMap<String, CardState>, HashMap<String, String>) {
    let mut cards: HashMap<String, CardState> = HashMap::with_capacity(found.len());
    let mut heads = HashMap::new();
    for row in found {
        if let Some(id) = row.last_refresh {
            heads.insert(id, row.number.clone());
        }
        let card = cards.entry(row.number).or_insert_with(|| CardState {
            kind: row.kind,
            account: row.account,
            ..CardState::default()
        });
        if let (Some(iccid), Some(lane)) = (row.iccid, row.operator_account) {
            card.profiles.push(Profile { iccid, lane, last_read_at: row.began_at.map(UnixMs) });
        }
        if let Some(used) = row.used {
            card.used = Some(card.used.unwrap_or(0).saturating_add(used));
        }
    }
    (cards, heads)
}

/// Adds one step of each card's chain of refreshes; the answer names those that have to be followed further: as long as a
/// refresh is open or young enough to matter.
fn link(
    cards: &mut HashMap<String, CardState>,
    chain: Vec<RefreshRow>,
    rules: &CardRules,
    now: UnixMs,
) -> Result<HashMap<String, String>, StoreError> {
    let mut heads = HashMap::new();
    for row in chain {
        let Some(card) = cards.get_mut(&row.card) else { continue };
        let state = row.state()?;
        let horizon = rules.of(CardKind::parse(&card.kind)?).horizon();
        let young = now < UnixMs(row.accepted_at).after(horizon);
        let remaining = row.remaining();
        if let Some(previous) = row.previous
            && (young || !state.is_ended())
        {
            heads.insert(previous, row.card);
        }
        card.earlier.push(EarlierRefresh {
            accepted: Accepted {
                id: RefreshId::trusted(row.id),
                accepted_at: UnixMs(row.accepted_at),
                state,
            },
            sign: row.sign,
            remaining,
        });
    }
    Ok(heads)
}

/// One accepted call with what has to be written for it.
struct New<'a> {
    call: &'a AcceptCall,
    previous: Option<RefreshId>,
    profiles: Vec<Profile>,
    /// Those of `profiles` that need a task of their own; the others are waited for already.
    tasks: Vec<Profile>,
    before: Option<i64>,
}

struct AcceptedCalls<'a>(Vec<New<'a>>);

impl AcceptedCalls<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn card_changes(&self) -> Result<String, StoreError> {
        // A card accepted twice in one group (only with a cooldown of zero) ends with the later one.
        let last: HashMap<&str, &str> =
            self.0.iter().map(|new| (new.call.number.as_str(), new.call.id.as_str())).collect();
        let mut changes: Vec<_> =
            last.into_iter().map(|(number, refresh)| CardChange { number, refresh }).collect();
        changes.sort_unstable_by(|a, b| a.number.cmp(b.number));
        rows(&changes)
    }

    fn new_refreshes(&self) -> Result<String, StoreError> {
        rows(
            &self
                .0
                .iter()
                .map(|new| NewRefresh {
                    id: new.call.id.as_str(),
                    card: &new.call.number,
                    account: &new.call.account,
                    appkey: &new.call.appkey,
                    sign: &new.call.sign,
                    previous: new.previous.as_ref().map(RefreshId::as_str),
                    remaining: new
                        .profiles
                        .iter()
                        .map(|profile| profile.iccid.as_str())
                        .collect::<Vec<_>>()
                        .join(","),
                    before: new.before,
                })
                .collect::<Vec<_>>(),
        )
    }

    fn new_tasks(&self) -> Result<String, StoreError> {
        rows(
            &self
                .0
                .iter()
                .flat_map(|new| {
                    new.tasks.iter().map(|profile| NewTask {
                        lane: &profile.lane,
                        account: &new.call.account,
                        refresh: new.call.id.as_str(),
                        iccid: &profile.iccid,
                        card: &new.call.number,
                    })
                })
                .collect::<Vec<_>>(),
        )
    }
}

fn decide<'a>(
    calls: &'a [AcceptCall],
    cards: &mut HashMap<String, CardState>,
    rules: &CardRules,
    admission: &(dyn Fn(&str, &str) -> Admission + Sync),
    now: UnixMs,
) -> (Vec<AcceptOutcome>, AcceptedCalls<'a>) {
    let mut accepted = Vec::with_capacity(calls.len());
    let outcomes = calls
        .iter()
        .map(|call| {
            let card = match cards.get_mut(&call.number) {
                Some(card) if card.account == call.account && card.kind == call.kind.as_str() => card,
                _ => return AcceptOutcome::NotFound,
            };
            let earlier: Vec<Earlier<'_>> = card
                .earlier
                .iter()
                .map(|one| Earlier { accepted_at: one.accepted.accepted_at, sign: &one.sign })
                .collect();
            match rules.of(call.kind).decide(&earlier, &call.sign, now) {
                Decision::Same(index) => AcceptOutcome::Same(card.earlier[index].accepted.clone()),
                Decision::Cooling(next_at) => {
                    AcceptOutcome::Cooling { accepted_at: card.earlier[0].accepted.accepted_at, next_at }
                }
                Decision::Accept => match accept_one(call, card, admission, now) {
                    Ok((outcome, new)) => {
                        accepted.push(new);
                        outcome
                    }
                    Err(refused) => refused,
                },
            }
        })
        .collect();
    (outcomes, AcceptedCalls(accepted))
}

fn accept_one<'a>(
    call: &'a AcceptCall,
    card: &mut CardState,
    admission: &(dyn Fn(&str, &str) -> Admission + Sync),
    now: UnixMs,
) -> Result<(AcceptOutcome, New<'a>), AcceptOutcome> {
    let waited_for = |iccid: &str| {
        card.earlier
            .iter()
            .any(|one| !one.accepted.state.is_ended() && one.remaining.iter().any(|i| i == iccid))
    };
    let tasks: Vec<Profile> =
        card.profiles.iter().filter(|profile| !waited_for(&profile.iccid)).cloned().collect();
    if card.profiles.is_empty() {
        return Err(AcceptOutcome::Refused { lane: String::new(), estimate: None });
    }
    for Profile { lane, .. } in &tasks {
        let estimate = match admission(lane, &call.account) {
            Admission::Taken => continue,
            Admission::TooFarBehind(seconds) => Some(seconds),
            Admission::Unknown => None,
        };
        return Err(AcceptOutcome::Refused { lane: lane.clone(), estimate });
    }
    let refresh = Accepted { id: call.id.clone(), accepted_at: now, state: RefreshState::Queued };
    let work = tasks
        .iter()
        .map(|profile| NewWork { lane: profile.lane.clone(), last_read_at: profile.last_read_at })
        .collect();
    let new = New {
        call,
        previous: card.earlier.first().map(|one| one.accepted.id.clone()),
        profiles: card.profiles.clone(),
        tasks,
        before: card.used.map(from_db).map(to_db),
    };
    card.earlier.insert(
        0,
        EarlierRefresh {
            accepted: refresh.clone(),
            sign: call.sign.clone(),
            remaining: card.profiles.iter().map(|profile| profile.iccid.clone()).collect(),
        },
    );
    Ok((AcceptOutcome::Accepted { refresh, tasks: work }, new))
}
