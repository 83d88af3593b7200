//! What becomes of each call, worked out in memory before anything is written.

use super::{AcceptCall, AcceptOutcome, Accepted, Admission, AdmissionRule, CardRules, NewWork};
use crate::card::CardKind;
use crate::db::{from_db, to_db};
use crate::error::StoreError;
use crate::refresh::{iccids, state_of};
use simgauge_domain::accept::{Decision, Earlier};
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;

/// A SIM profile as far as accepting needs it.
#[derive(Clone)]
pub(super) struct Profile {
    pub(super) iccid: String,
    pub(super) lane: String,
    pub(super) last_read_at: Option<UnixMs>,
}

impl Profile {
    pub(super) fn new(iccid: String, lane: String, began_at: Option<i64>) -> Self {
        Self { iccid, lane, last_read_at: began_at.map(UnixMs) }
    }
}

/// A card with its recent and open refreshes.
pub(super) struct CardState {
    pub(super) kind: CardKind,
    pub(super) account: String,
    pub(super) profiles: Vec<Profile>,
    pub(super) used: Option<i64>,
    /// Newest first.
    earlier: Vec<EarlierRefresh>,
}

impl CardState {
    pub(super) fn new(kind: CardKind, account: String) -> Self {
        Self { kind, account, profiles: Vec::new(), used: None, earlier: Vec::new() }
    }

    /// Adds a profile with what was used of it, where it was read.
    pub(super) fn add(&mut self, profile: Profile, used: Option<i64>) {
        self.profiles.push(profile);
        if let Some(used) = used {
            self.used = Some(self.used.unwrap_or(0).saturating_add(used));
        }
    }
}

pub(super) type Cards = HashMap<String, CardState>;

struct EarlierRefresh {
    accepted: Accepted,
    sign: String,
    remaining: Vec<String>,
}

/// A refresh of a card's chain.
#[derive(sqlx::FromRow)]
pub(super) struct ChainRow {
    pub(super) id: String,
    pub(super) card: String,
    pub(super) sign: String,
    pub(super) accepted_at: i64,
    pub(super) previous: Option<String>,
    pub(super) state: String,
    pub(super) remaining: String,
}

/// Adds one step of each card's chain of refreshes; the answer names those that have to be followed further: as long as a
/// refresh is open or young enough to matter.
pub(super) fn link(
    cards: &mut Cards,
    chain: Vec<ChainRow>,
    rules: &CardRules,
    now: UnixMs,
) -> Result<Vec<String>, StoreError> {
    let mut heads = Vec::new();
    for row in chain {
        let Some(card) = cards.get_mut(&row.card) else { continue };
        let state = state_of(&row.id, &row.state)?;
        let young = now < UnixMs(row.accepted_at).after(rules.of(card.kind).horizon());
        if let Some(previous) = row.previous
            && (young || !state.is_ended())
        {
            heads.push(previous);
        }
        card.earlier.push(EarlierRefresh {
            accepted: Accepted {
                id: RefreshId::trusted(row.id),
                accepted_at: UnixMs(row.accepted_at),
                state,
            },
            sign: row.sign,
            remaining: iccids(&row.remaining),
        });
    }
    Ok(heads)
}

/// One accepted call with what has to be written for it.
pub(super) struct New<'a> {
    pub(super) call: &'a AcceptCall,
    pub(super) previous: Option<RefreshId>,
    pub(super) profiles: Vec<Profile>,
    /// Those of `profiles` that need a task of their own; the others are waited for already.
    pub(super) tasks: Vec<Profile>,
    pub(super) before: Option<i64>,
}

impl New<'_> {
    pub(super) fn card_and_id(&self) -> (&str, &RefreshId) {
        (&self.call.number, &self.call.id)
    }

    /// Whether it waits for another refresh's task.
    pub(super) fn joins(&self) -> bool {
        self.tasks.len() < self.profiles.len()
    }

    /// The profiles still to be read, as the store holds them.
    pub(super) fn remaining(&self) -> String {
        self.profiles.iter().map(|profile| profile.iccid.as_str()).collect::<Vec<_>>().join(",")
    }
}

/// Decides calls in their order. Calls for the same card see each other.
pub(super) fn decide<'a>(
    calls: &'a [AcceptCall],
    cards: &mut Cards,
    rules: &CardRules,
    admission: &AdmissionRule<'_>,
    now: UnixMs,
) -> (Vec<AcceptOutcome>, Vec<New<'a>>) {
    let mut accepted = Vec::with_capacity(calls.len());
    let outcomes = calls
        .iter()
        .map(|call| {
            let card = match cards.get_mut(&call.number) {
                Some(card) if *card.account == *call.account && card.kind == call.kind => card,
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
    (outcomes, accepted)
}

fn accept_one<'a>(
    call: &'a AcceptCall,
    card: &mut CardState,
    admission: &AdmissionRule<'_>,
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
