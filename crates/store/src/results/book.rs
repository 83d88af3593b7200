//! What ended readings mean for their cards, worked out before anything is written.

use super::card::{CardState, Cards, MeteredTotal};
use super::guards::LaneGuards;
use super::model::{Ended, Ending, Finished};
use super::rows::{
    BookingRow, CardChange, OverageChange, PackageChange, ProfileMove, ReadingRow, RefreshChange,
};
use super::suspects::{News, SuspectRow, Suspects};
use crate::backend::{to_db, to_json};
use crate::error::StoreError;
use crate::refreshes::accept::tasks::NewTask;
use crate::refreshes::rows::remaining_text;
use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::guard::{Judged, Seen, Verdict, judge};
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::booking::Target;
use simgauge_domain::metering::delta::{ReadingKind, Step, moment};
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::{RefreshState, settle};
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};

/// A card that was read: how its totals stood before, and the reading that changed them last.
pub(super) struct Touched {
    pub(super) before: Vec<MeteredTotal>,
    pub(super) refresh: RefreshId,
    pub(super) at: UnixMs,
}

/// A profile that has to be read once more.
struct Again<'a> {
    lane: &'a str,
    card: CardId,
    profile: ProfileId,
    /// Which of the card's open refreshes waits for it.
    refresh: usize,
}

/// What has to be written.
#[derive(Default)]
pub(crate) struct Booked<'a> {
    pub(super) readings: Vec<ReadingRow<'a>>,
    /// The newest reading of each profile.
    pub(crate) moved: Vec<ProfileMove<'a>>,
    pub(super) bookings: Vec<BookingRow>,
    pub(super) touched: BTreeMap<CardId, Touched>,
    /// Cards whose packages or overage changed.
    ledgers: BTreeSet<CardId>,
    /// Changed refreshes: card and index among its open ones.
    changed: BTreeMap<(CardId, usize), Changed>,
    again: Vec<Again<'a>>,
    pub(crate) suspects: Suspects,
}

/// A changed refresh.
struct Changed {
    state: RefreshState,
    at: UnixMs,
    warning: Option<SuspectReason>,
}

/// What was read by a clock that was ahead: everything after it would be late for a long time.
fn forget_a_clock_ahead(card: &mut CardState, one: &Finished) {
    let last = card.profiles.get_mut(&one.task.profile).and_then(Option::as_mut);
    if let Some(last) = last.filter(|last| last.began_at.is_of_a_clock_ahead(one.ended_at)) {
        last.began_at = one.began_at;
        last.as_of = last.as_of.map(|as_of| as_of.min(one.began_at));
    }
    let held = card.held.get_mut(&one.task.profile);
    if let Some(held) = held.filter(|held| held.began_at.is_of_a_clock_ahead(one.ended_at)) {
        held.agreed_from = held.agreed_from.min(one.began_at);
        held.since = held.since.min(one.began_at);
        held.reading.as_of = Some(held.agreed_from);
    }
}

/// Works it out.
pub(super) fn book<'a>(
    endings: &[Ending<'a>],
    cards: &mut Cards,
    guards: &mut LaneGuards,
) -> Result<Booked<'a>, StoreError> {
    let mut booked = Booked::default();
    for ending in endings.iter().copied() {
        let Ending { lane, one, .. } = ending;
        let Some(card) = cards.get_mut(&one.card) else { continue };
        booked.touch(one, card);
        let warning = match &one.outcome {
            Ok(reading) => booked.judge(ending, reading, card, guards)?,
            Err(_) => None,
        };
        for refresh in &mut card.open {
            // Accepted by a clock that was ahead: no reading would begin after that for a long time.
            if refresh.accepted_at.is_of_a_clock_ahead(one.ended_at) {
                refresh.accepted_at = one.began_at;
            }
        }
        let settlement = settle(&mut card.open, one.task.profile, one.began_at, one.outcome.as_ref().err());
        for (index, state) in settlement.changed {
            let warned = booked.changed.get(&(one.card, index)).and_then(|before| before.warning);
            let changed = Changed { state, at: one.ended_at, warning: warned.or(warning) };
            booked.changed.insert((one.card, index), changed);
        }
        if let Some(refresh) = settlement.again_for {
            booked.again.push(Again { lane, card: one.card, profile: one.task.profile, refresh });
        }
    }
    Ok(booked)
}

impl<'a> Booked<'a> {
    pub(crate) fn touch(&mut self, one: &Finished, card: &CardState) {
        let touched = self.touched.entry(one.card).or_insert_with(|| Touched {
            before: card.metered_totals(),
            refresh: one.task.refresh,
            at: one.ended_at,
        });
        touched.refresh = one.task.refresh;
        touched.at = touched.at.max(one.ended_at);
    }

    /// Counts a reading if it is believed; otherwise answers why it is held back.
    fn judge(
        &mut self,
        Ending { lane, one, guard }: Ending<'a>,
        reading: &'a Reading,
        card: &mut CardState,
        guards: &mut LaneGuards,
    ) -> Result<Option<SuspectReason>, StoreError> {
        let profile = one.task.profile;
        forget_a_clock_ahead(card, one);
        let seen = Seen {
            profile,
            last: card.profiles.get(&profile).and_then(Option::as_ref),
            held: card.held.get(&profile),
            reading,
            began_at: one.began_at,
        };
        let Judged { verdict, held } = judge(guard, guards.memory(lane), &seen);
        let step = match verdict {
            Verdict::Believed(step) => step,
            Verdict::Rejoined(rejoined) => {
                self.suspects.rejoin(one.card, profile, &rejoined);
                rejoined.step
            }
            Verdict::Suspect(reason) => {
                let row = SuspectRow::new(lane, one, reading, reason, seen.last, held.as_ref())?;
                self.suspects.rows.push(row);
                if seen.held.is_none_or(|before| before.reason != reason) {
                    self.suspects.news.push(News {
                        card: one.card,
                        reason,
                        refresh: one.task.refresh,
                        at: one.ended_at,
                    });
                }
                self.suspects.hold(card, one, held)?;
                return Ok(Some(reason));
            }
        };
        self.suspects.hold(card, one, held)?;
        self.count(one, reading, step, card)?;
        Ok(None)
    }

    /// Counts a believed reading and books what it amounts to.
    pub(crate) fn count(
        &mut self,
        one: &'a Finished,
        reading: &'a Reading,
        step: Step,
        card: &mut CardState,
    ) -> Result<(), StoreError> {
        let profile = one.task.profile;
        self.readings.push(ReadingRow::new(one, reading, &step)?);
        if step.kind == ReadingKind::Late {
            return Ok(());
        }
        let meter = to_json(&step.last)?;
        self.moved.retain(|row| row.reading.profile != profile);
        let operator_id = one.operator_id.as_deref();
        self.moved.push(ProfileMove { reading: ReadingRow::new(one, reading, &step)?, meter, operator_id });
        card.profiles.insert(profile, Some(step.last));
        card.totals.insert(profile, reading.total);
        if step.delta == 0 {
            return Ok(());
        }
        let booked = card.ledger.book(step.delta, moment(reading.as_of, one.began_at));
        let entries = booked.map_err(|full| StoreError::TooManyBytes(full.bytes))?.entries;
        for (line, entry) in entries.into_iter().enumerate() {
            self.bookings.push(BookingRow {
                card: one.card,
                began_at: one.began_at.0,
                profile,
                line,
                package: match entry.target {
                    Target::Package(code) => Some(code),
                    Target::Overage => None,
                },
                bytes: entry.bytes,
            });
        }
        self.ledgers.insert(one.card);
        Ok(())
    }

    fn changed_ledgers<'c>(&self, cards: &'c Cards) -> impl Iterator<Item = (CardId, &'c CardState)> {
        self.ledgers.iter().filter_map(|card| Some((*card, cards.get(card)?)))
    }

    pub(super) fn package_changes<'c>(&self, cards: &'c Cards) -> Result<Vec<PackageChange<'c>>, StoreError> {
        let packages = self
            .changed_ledgers(cards)
            .flat_map(|(id, card)| card.ledger.packages.iter().map(move |package| (id, package)));
        packages
            .map(|(card, package)| {
                Ok(PackageChange { card, code: &package.code, booked: to_db(package.booked)? })
            })
            .collect()
    }

    pub(super) fn overage_changes(&self, cards: &Cards) -> Result<Vec<OverageChange>, StoreError> {
        self.changed_ledgers(cards)
            .map(|(id, card)| Ok(OverageChange { card: id, overage: to_db(card.ledger.overage)? }))
            .collect()
    }

    pub(super) fn refresh_changes<'c>(&self, cards: &'c Cards) -> Result<Vec<RefreshChange<'c>>, StoreError> {
        let changed = self.changed.iter().filter_map(|((card, index), change)| {
            let card = cards.get(card)?;
            Some((card, card.open.get(*index)?, change))
        });
        changed
            .map(|(card, refresh, Changed { state, at, warning })| {
                Ok(RefreshChange {
                    id: refresh.id.as_str(),
                    state: state.as_str(),
                    remaining: remaining_text(&refresh.remaining),
                    after: card.used().filter(|_| state.is_ended()).map(to_db).transpose()?,
                    finished_at: state.is_ended().then_some(at.0),
                    reason: refresh.failure.as_ref().map(|failure| failure.kind.as_str()),
                    detail: refresh.failure.as_ref().map(|failure| failure.detail.as_str()),
                    warning: warning.map(SuspectReason::as_str),
                })
            })
            .collect()
    }

    /// What cards' rows learn.
    pub(super) fn card_changes<'c>(&self, cards: &'c Cards) -> Vec<CardChange<'c>> {
        let mut changes: BTreeMap<CardId, CardChange<'_>> = BTreeMap::new();
        for (id, card) in cards {
            if let Some(refresh) = &card.deferred {
                changes.entry(*id).or_insert_with(|| CardChange::of(*id)).refresh = Some(refresh.as_str());
            }
        }
        for ProfileMove { reading, .. } in &self.moved {
            let own = cards.get(&reading.card).and_then(|card| card.own_profile);
            if own == Some(reading.profile) {
                let change = changes.entry(reading.card).or_insert_with(|| CardChange::of(reading.card));
                change.used = Some(reading.used);
                change.began_at = Some(reading.began_at);
            }
        }
        changes.into_values().collect()
    }

    pub(super) fn tasks_again<'c>(&'c self, cards: &'c Cards) -> Vec<NewTask<'c>> {
        let task = |again: &'c Again<'a>| {
            let card = cards.get(&again.card)?;
            Some(NewTask {
                lane: again.lane,
                account: card.accounts.get(again.refresh)?,
                refresh: card.open.get(again.refresh)?.id.as_str(),
                profile: again.profile,
                card: again.card,
            })
        };
        self.again.iter().filter_map(task).collect()
    }

    /// The refreshes that ended.
    pub(super) fn ended(&self, cards: &Cards) -> Vec<Ended> {
        let ended = self.changed.iter().filter(|(_, changed)| changed.state.is_ended());
        ended
            .filter_map(|((id, index), Changed { state, warning, .. })| {
                let card = cards.get(id)?;
                let refresh = card.open.get(*index)?;
                let failure = refresh.failure.as_ref().map(|failure| failure.kind);
                let number = card.number.clone();
                let (state, warning) = (*state, *warning);
                Some(Ended { id: refresh.id, card: *id, number, state, failure, warning })
            })
            .collect()
    }
}
