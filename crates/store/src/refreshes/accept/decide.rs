//! What becomes of each call, worked out in memory before anything is written.

use super::model::{AcceptCall, AcceptOutcome, Accepted, Admission, AdmissionRule, CardRules, NewWork};
use crate::backend::{refresh_id_from_db, row};
use crate::error::StoreError;
use crate::refreshes::rows::{remaining_of, remaining_text, state_of};
use simgauge_domain::accept::{Decision, Earlier};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::identity::{AmbiguousNumber, Meaning, meaning, other_spellings};
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Names that many rows share, each held once.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(super) fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let name = Arc::from(name);
        self.0.insert(Arc::clone(&name));
        name
    }
}

/// A SIM profile as far as accepting needs it.
pub(super) struct Profile {
    pub(super) id: ProfileId,
    pub(super) lane: Arc<str>,
    last_read_at: Option<UnixMs>,
}

impl Profile {
    pub(super) fn new(id: i64, lane: Arc<str>, began_at: Option<i64>) -> Self {
        Self { id: ProfileId(id), lane, last_read_at: began_at.map(UnixMs) }
    }
}

/// A card with its recent and open refreshes.
pub(super) struct CardState<'a> {
    pub(super) id: CardId,
    kind: CardKind,
    account: Arc<str>,
    /// Whether a card with the same number but for the check digit may be stored.
    has_neighbour: bool,
    profiles: Vec<Profile>,
    used: Option<i64>,
    /// Newest first.
    earlier: Vec<EarlierRefresh<'a>>,
}

impl CardState<'_> {
    pub(super) fn new(id: i64, kind: CardKind, account: Arc<str>, has_neighbour: bool) -> Self {
        let (id, profiles, earlier) = (CardId(id), Vec::new(), Vec::new());
        Self { id, kind, account, has_neighbour, profiles, used: None, earlier }
    }

    /// Adds a profile with what was used of it, where it was read.
    pub(super) fn add(&mut self, profile: Profile, used: Option<i64>) {
        self.profiles.push(profile);
        if let Some(used) = used {
            self.used = Some(self.used.unwrap_or(0).saturating_add(used));
        }
    }

    /// The profiles still to be read, as the store holds them, for a refresh of all of them.
    pub(super) fn remaining(&self) -> String {
        match &self.profiles[..] {
            [only] => only.id.to_string(),
            many => remaining_text(&many.iter().map(|profile| profile.id).collect::<Vec<_>>()),
        }
    }

    /// Whether an open refresh waits for a reading of a profile.
    fn waits_for(&self, profile: ProfileId) -> bool {
        self.earlier.iter().any(|one| {
            let among = |remaining: &Vec<ProfileId>| remaining.contains(&profile);
            !one.accepted.state.is_ended() && one.remaining.as_ref().is_none_or(among)
        })
    }
}

/// The cards that calls name.
#[derive(Default)]
pub(super) struct Cards<'a> {
    states: Vec<CardState<'a>>,
    /// Where each is among the states, by its number.
    by_number: HashMap<Cow<'a, str>, usize>,
    by_id: HashMap<CardId, usize>,
    /// Refreshes that were accepted in the future, by a clock that was ahead. They count as accepted now.
    pub(super) ahead: Vec<(CardId, RefreshId)>,
}

impl<'a> Cards<'a> {
    pub(super) fn with_capacity(cards: usize) -> Self {
        Self {
            states: Vec::with_capacity(cards),
            by_number: HashMap::with_capacity(cards),
            by_id: HashMap::with_capacity(cards),
            ahead: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, number: Cow<'a, str>, card: CardState<'a>) {
        self.by_id.insert(card.id, self.states.len());
        self.by_number.insert(number, self.states.len());
        self.states.push(card);
    }

    pub(super) fn by_id(&mut self, id: CardId) -> Option<&mut CardState<'a>> {
        self.states.get_mut(*self.by_id.get(&id)?)
    }

    /// Where the card of exactly this number is, if the call may be about it.
    fn exact(&self, number: &str, call: &AcceptCall) -> Option<usize> {
        let at = *self.by_number.get(number)?;
        let card = &self.states[at];
        (card.account == call.account && card.kind == call.kind).then_some(at)
    }

    /// Where the card of exactly the call's number is, if no other one can be meant.
    fn clear(&self, call: &AcceptCall) -> Option<usize> {
        let is_clear = |at: &usize| call.is_exact || !self.states[*at].has_neighbour;
        self.exact(&call.number, call).filter(is_clear)
    }

    /// Numbers under which the cards of calls have to be looked up as well: with and without a check digit.
    pub(super) fn other_numbers<'c>(&self, calls: &'c [AcceptCall]) -> BTreeSet<Cow<'c, str>> {
        let unclear = calls.iter().filter(|call| !call.is_exact && self.clear(call).is_none());
        let others = unclear.flat_map(|call| other_spellings(&call.number));
        others.filter(|number| !self.by_number.contains_key(number)).collect()
    }

    /// Where the card is that a call means.
    fn meant_by(&self, call: &AcceptCall) -> Result<usize, AcceptOutcome> {
        if let Some(at) = self.clear(call) {
            return Ok(at);
        }
        if call.is_exact {
            return Err(AcceptOutcome::NotFound);
        }
        let find = |number: &str| self.exact(number, call).map(|at| (at, number.to_owned()));
        match meaning(&call.number, find) {
            Meaning::Nothing => Err(AcceptOutcome::NotFound),
            Meaning::One((at, _)) => Ok(at),
            Meaning::Ambiguous((_, one), (_, other)) => {
                let asked = call.number.clone();
                Err(AcceptOutcome::Ambiguous(Box::new(AmbiguousNumber { asked, one, other })))
            }
        }
    }
}

struct EarlierRefresh<'a> {
    accepted: Accepted,
    sign: Cow<'a, str>,
    /// Nothing where it is all of the card's profiles.
    remaining: Option<Vec<ProfileId>>,
}

row! {
    /// A refresh of a card's chain.
    pub(super) struct ChainRow {
        pub(super) id: String,
        pub(super) card: i64,
        pub(super) sign: String,
        pub(super) accepted_at: i64,
        pub(super) previous: Option<String>,
        pub(super) state: String,
        pub(super) remaining: String,
    }
}

/// Adds one step of each card's chain of refreshes; the answer names those that have to be followed further:
/// as long as a refresh is open or young enough to matter.
pub(super) fn link(
    cards: &mut Cards<'_>,
    chain: Vec<ChainRow>,
    rules: &CardRules,
    now: UnixMs,
) -> Result<Vec<RefreshId>, StoreError> {
    let mut heads = Vec::new();
    for row in chain {
        let id = refresh_id_from_db(&row.id, "id of a refresh")?;
        let accepted_at = UnixMs(row.accepted_at).min(now);
        if accepted_at.0 != row.accepted_at {
            cards.ahead.push((CardId(row.card), id));
        }
        let Some(card) = cards.by_id(CardId(row.card)) else { continue };
        let state = state_of(&row.id, &row.state)?;
        let young = now < accepted_at.after(rules.of(card.kind).horizon());
        if let Some(previous) = row.previous
            && (young || !state.is_ended())
        {
            heads.push(refresh_id_from_db(&previous, format_args!("previous of refresh {}", row.id))?);
        }
        card.earlier.push(EarlierRefresh {
            accepted: Accepted { id, accepted_at, state },
            sign: Cow::Owned(row.sign),
            remaining: Some(remaining_of(&row.id, &row.remaining)?),
        });
    }
    Ok(heads)
}

/// One accepted call with what has to be written for it.
pub(super) struct New<'a> {
    pub(super) call: &'a AcceptCall,
    pub(super) card: CardId,
    /// Where the card is among the states.
    at: usize,
    pub(super) previous: Option<RefreshId>,
    /// Which of the card's profiles are waited for already; the others need a task of their own.
    joined: Vec<usize>,
    pub(super) before: Option<i64>,
}

impl<'a> New<'a> {
    pub(super) fn card_and_id(&self) -> (CardId, &RefreshId) {
        (self.card, &self.call.id)
    }

    /// Whether it waits for another refresh's task.
    pub(super) fn joins(&self) -> bool {
        !self.joined.is_empty()
    }

    /// Its card.
    pub(super) fn state<'c>(&self, cards: &'c Cards<'a>) -> Option<&'c CardState<'a>> {
        cards.states.get(self.at)
    }

    /// The profiles that need a task.
    pub(super) fn to_read<'c>(&'c self, card: &'c CardState<'_>) -> impl Iterator<Item = &'c Profile> {
        let numbered = card.profiles.iter().enumerate();
        numbered.filter(|(at, _)| !self.joined.contains(at)).map(|(_, profile)| profile)
    }
}

/// Decides calls in their order. Calls for the same card see each other.
pub(super) fn decide<'a>(
    calls: &'a [AcceptCall],
    cards: &mut Cards<'a>,
    rules: &CardRules,
    admission: &AdmissionRule<'_>,
    now: UnixMs,
) -> (Vec<AcceptOutcome>, Vec<New<'a>>) {
    let mut accepted = Vec::with_capacity(calls.len());
    let outcomes = calls
        .iter()
        .map(|call| {
            let at = match cards.meant_by(call) {
                Ok(at) => at,
                Err(outcome) => return outcome,
            };
            let card = &mut cards.states[at];
            let earlier: Vec<Earlier<'_>> = card
                .earlier
                .iter()
                .map(|one| Earlier { accepted_at: one.accepted.accepted_at, sign: &one.sign })
                .collect();
            match rules.of(call.kind).decide(&earlier, &call.sign, now) {
                Decision::Same(index) => AcceptOutcome::Same(card.earlier[index].accepted.clone()),
                Decision::Accept | Decision::Cooling(_) if call.sign_was_used => AcceptOutcome::SignUsed,
                Decision::Cooling(next_at) => {
                    AcceptOutcome::Cooling { accepted_at: card.earlier[0].accepted.accepted_at, next_at }
                }
                Decision::Accept => match accept_one(call, (at, card), admission, now) {
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
    (at, card): (usize, &mut CardState<'a>),
    admission: &AdmissionRule<'_>,
    now: UnixMs,
) -> Result<(AcceptOutcome, New<'a>), AcceptOutcome> {
    if card.profiles.is_empty() {
        return Err(AcceptOutcome::Refused { lane: String::new(), behind: None });
    }
    let joined = (0..card.profiles.len()).filter(|at| card.waits_for(card.profiles[*at].id)).collect();
    let new = New {
        call,
        card: card.id,
        at,
        previous: card.earlier.first().map(|one| one.accepted.id),
        joined,
        before: card.used,
    };
    let mut tasks = Vec::with_capacity(card.profiles.len());
    for profile in new.to_read(card) {
        let behind = match admission(&profile.lane, &call.account) {
            Admission::Taken => {
                tasks.push(NewWork { lane: Arc::clone(&profile.lane), last_read_at: profile.last_read_at });
                continue;
            }
            Admission::TooFarBehind(behind) => Some(Box::new(behind)),
            Admission::Unknown => None,
        };
        return Err(AcceptOutcome::Refused { lane: profile.lane.to_string(), behind });
    }
    let refresh = Accepted { id: call.id, accepted_at: now, state: RefreshState::Queued };
    let known =
        EarlierRefresh { accepted: refresh.clone(), sign: Cow::Borrowed(&call.sign), remaining: None };
    card.earlier.insert(0, known);
    Ok((AcceptOutcome::Accepted { refresh, tasks }, new))
}
