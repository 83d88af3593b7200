//! What is written about readings that are held back.

use super::card::CardState;
use super::model::Finished;
use super::sql::{INSERT_SUSPECTS, REJOIN_READINGS, SETTLE_SUSPECTS, UPDATE_HELD};
use crate::backend::{Sql, rows, to_json};
use crate::error::StoreError;
use crate::suspects::SuspectState;
use serde::Serialize;
use simgauge_domain::guard::held::{Held, SuspectReason};
use simgauge_domain::guard::rule::SETTLES_WITHIN;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::delta::Last;
use simgauge_domain::metering::rejoin::Rejoined;
use simgauge_domain::reading::Reading;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;

/// What a transaction writes about them.
#[derive(Default)]
pub(crate) struct Suspects {
    pub(super) rows: Vec<SuspectRow>,
    /// Suspect readings that another reading settled.
    settled: Vec<SettledRow>,
    /// What profiles hold back from now on.
    held: BTreeMap<ProfileId, Option<String>>,
    rejoined: Vec<RejoinedRow>,
    /// Cards to notify of.
    pub(super) news: Vec<News>,
}

/// A card of which a reading is held back for a new reason.
pub(super) struct News {
    pub(super) card: CardId,
    pub(super) reason: SuspectReason,
    pub(super) refresh: RefreshId,
    pub(super) at: UnixMs,
}

#[derive(Serialize)]
pub(super) struct SuspectRow {
    profile: ProfileId,
    began_at: i64,
    card: CardId,
    lane: String,
    refresh: String,
    synced_at: i64,
    reading: String,
    used: i64,
    believed: Option<i64>,
    reason: &'static str,
    state: &'static str,
    due_at: Option<i64>,
    decided_at: Option<i64>,
}

#[derive(Serialize)]
struct SettledRow {
    profile: ProfileId,
    began_at: i64,
    decided_at: i64,
}

#[derive(Serialize)]
struct HeldRow<'a> {
    profile: ProfileId,
    suspect: Option<&'a str>,
}

/// Readings of a cycle that there was not.
#[derive(Serialize)]
struct RejoinedRow {
    card: CardId,
    profile: ProfileId,
    since: i64,
    from_cycle: u32,
    cycle: u32,
}

impl SuspectRow {
    /// `held`: what the profile holds back from now on. Where that is another reading, this one settles
    /// nothing and is only kept for people to see.
    pub(super) fn new(
        lane: &str,
        one: &Finished,
        reading: &Reading,
        reason: SuspectReason,
        last: Option<&Last>,
        held: Option<&Held>,
    ) -> Result<Self, StoreError> {
        let waiting = held.filter(|held| held.began_at == one.began_at);
        let state = if waiting.is_some() { SuspectState::Waiting } else { SuspectState::Settled };
        let due = waiting.filter(|held| held.reason == SuspectReason::Fall);
        let bounded = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(Self {
            profile: one.task.profile,
            began_at: one.began_at.0,
            card: one.card,
            lane: lane.to_owned(),
            refresh: one.task.refresh.to_string(),
            synced_at: one.ended_at.0,
            reading: to_json(reading)?,
            used: bounded(reading.used),
            believed: last.map(|last| bounded(last.used)),
            reason: reason.as_str(),
            state: state.as_str(),
            due_at: due.map(|held| held.since.after(SETTLES_WITHIN).0),
            decided_at: waiting.is_none().then_some(one.ended_at.0),
        })
    }
}

impl Suspects {
    /// What the profile of a reading holds back from now on.
    pub(super) fn hold(
        &mut self,
        card: &mut CardState,
        one: &Finished,
        held: Option<Held>,
    ) -> Result<(), StoreError> {
        let profile = one.task.profile;
        let before = card.held.get(&profile);
        if before == held.as_ref() {
            return Ok(());
        }
        if let Some(before) = before
            && held.as_ref().is_none_or(|held| held.began_at != before.began_at)
        {
            let (began_at, decided_at) = (before.began_at.0, one.ended_at.0);
            self.settled.push(SettledRow { profile, began_at, decided_at });
        }
        self.held.insert(profile, held.as_ref().map(to_json).transpose()?);
        match held {
            Some(held) => card.held.insert(profile, held),
            None => card.held.remove(&profile),
        };
        Ok(())
    }

    pub(crate) fn rejoin(&mut self, card: CardId, profile: ProfileId, rejoined: &Rejoined) {
        let (from_cycle, cycle) = (rejoined.from_cycle, rejoined.step.last.cycle);
        if from_cycle != cycle {
            let since = rejoined.since.0;
            self.rejoined.push(RejoinedRow { card, profile, since, from_cycle, cycle });
        }
    }

    /// The statements that write it, with their rows.
    pub(super) fn changes(&self) -> Result<[(Sql, String); 4], StoreError> {
        let held: Vec<HeldRow<'_>> = self
            .held
            .iter()
            .map(|(profile, suspect)| HeldRow { profile: *profile, suspect: suspect.as_deref() })
            .collect();
        Ok([
            (INSERT_SUSPECTS, rows(&self.rows)?),
            (SETTLE_SUSPECTS, rows(&self.settled)?),
            (UPDATE_HELD, rows(&held)?),
            (REJOIN_READINGS, rows(&self.rejoined)?),
        ])
    }
}
