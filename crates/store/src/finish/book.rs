//! What ended readings mean for their cards, worked out before anything is written.

use super::rows::{BookingRow, OverageChange, PackageChange, ProfileMove, ReadingRow, RefreshChange};
use super::{Ended, Finished};
use crate::accept::NewTask;
use crate::card::ProfileRow;
use crate::db::{from_db, to_db};
use crate::error::StoreError;
use crate::lane::Lease;
use crate::package::PackageRow;
use crate::refresh::RefreshRow;
use simgauge_domain::id::RefreshId;
use simgauge_domain::metering::booking::{Ledger, Target};
use simgauge_domain::metering::delta::{Last, What, moment, step};
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::{OpenRefresh, RefreshState, settle};
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, HashMap};

#[derive(sqlx::FromRow)]
pub(super) struct Head {
    number: String,
    last_refresh: Option<String>,
    overage: i64,
}

/// A card while its readings are booked.
#[derive(Default)]
pub(super) struct CardState {
    /// Newest first, as far as they are open.
    open: Vec<OpenRefresh>,
    /// Whose they are.
    accounts: Vec<String>,
    profiles: HashMap<String, ProfileState>,
    ledger: Ledger,
}

#[derive(Default)]
struct ProfileState {
    last: Option<Last>,
    used: Option<u64>,
}

impl CardState {
    /// The card's used bytes: the sum over the profiles that were read.
    fn used(&self) -> Option<u64> {
        self.profiles
            .values()
            .filter_map(|profile| profile.used)
            .fold(None, |sum, used| Some(sum.unwrap_or(0_u64).saturating_add(used)))
    }
}

pub(super) type Cards = BTreeMap<String, CardState>;

/// The cards with their profiles and packages; the second part names their newest refreshes.
pub(super) fn gather(
    heads: Vec<Head>,
    profiles: Vec<ProfileRow>,
    packages: Vec<PackageRow>,
) -> Result<(Cards, Vec<String>), StoreError> {
    let mut cards = Cards::new();
    let mut next = Vec::new();
    for head in heads {
        let ledger = Ledger { overage: from_db(head.overage), packages: Vec::new() };
        cards.insert(head.number, CardState { ledger, ..CardState::default() });
        next.extend(head.last_refresh);
    }
    for row in profiles {
        let Some(card) = cards.get_mut(&row.card) else { continue };
        let profile = ProfileState { last: row.meter()?, used: row.used.map(from_db) };
        card.profiles.insert(row.iccid, profile);
    }
    for row in packages {
        if let Some(card) = cards.get_mut(&row.card) {
            card.ledger.packages.push(row.package());
        }
    }
    Ok((cards, next))
}

/// Adds one step of each card's chain, as far as refreshes are open: where one has ended, so have all before it.
pub(super) fn link(cards: &mut Cards, chain: Vec<RefreshRow>) -> Result<Vec<String>, StoreError> {
    let mut next = Vec::new();
    for row in chain {
        let ended = row.state()?.is_ended();
        let Some(card) = cards.get_mut(&row.card).filter(|_| !ended) else { continue };
        card.open.push(row.open());
        card.accounts.push(row.account);
        next.extend(row.previous);
    }
    Ok(next)
}

/// What has to be written.
#[derive(Default)]
pub(super) struct Booked<'a> {
    pub(super) readings: Vec<ReadingRow<'a>>,
    /// The newest reading of each profile.
    pub(super) moved: Vec<ProfileMove<'a>>,
    pub(super) bookings: Vec<BookingRow<'a>>,
    /// Cards whose packages or overage changed.
    ledgers: Vec<&'a str>,
    /// Changed refreshes: card and index among its open ones.
    changed: BTreeMap<(&'a str, usize), (RefreshState, UnixMs)>,
    /// Profiles to be read once more: card, ICCID and index of the refresh.
    again: Vec<(&'a str, &'a str, usize)>,
}

/// Works it out.
pub(super) fn book<'a>(finished: &'a [Finished], cards: &mut Cards) -> Booked<'a> {
    let mut booked = Booked::default();
    for one in finished {
        let Some(card) = cards.get_mut(&one.card) else { continue };
        if let Ok(reading) = &one.outcome {
            booked.count(one, reading, card);
        }
        let settlement = settle(&mut card.open, &one.task.iccid, one.began_at, one.outcome.as_ref().err());
        for (index, state) in settlement.changed {
            booked.changed.insert((&one.card, index), (state, one.ended_at));
        }
        if let Some(index) = settlement.again_for {
            booked.again.push((&one.card, &one.task.iccid, index));
        }
    }
    booked
}

impl<'a> Booked<'a> {
    /// Counts a reading and books what it amounts to.
    fn count(&mut self, one: &'a Finished, reading: &'a Reading, card: &mut CardState) {
        let profile = card.profiles.entry(one.task.iccid.clone()).or_default();
        let step = step(profile.last.as_ref(), reading, one.began_at);
        self.readings.push(ReadingRow::new(one, reading, &step));
        if step.what == What::Late {
            return;
        }
        // What is kept of a profile is our own type, which always serializes.
        let meter = serde_json::to_string(&step.last).unwrap_or_default();
        self.moved.retain(|row| (row.reading.card, row.reading.iccid) != (&one.card, &one.task.iccid));
        self.moved.push(ProfileMove { reading: ReadingRow::new(one, reading, &step), meter });
        profile.last = Some(step.last);
        profile.used = Some(reading.used);
        if step.delta == 0 {
            return;
        }
        let entries = card.ledger.book(step.delta, moment(reading.as_of, one.began_at)).entries;
        for (line, entry) in entries.into_iter().enumerate() {
            self.bookings.push(BookingRow {
                card: &one.card,
                began_at: one.began_at.0,
                iccid: &one.task.iccid,
                line,
                package: match entry.target {
                    Target::Package(code) => Some(code),
                    Target::Overage => None,
                },
                bytes: entry.bytes,
            });
        }
        if !self.ledgers.contains(&one.card.as_str()) {
            self.ledgers.push(&one.card);
        }
    }

    pub(super) fn package_changes(&self, cards: &'a Cards) -> Vec<PackageChange<'a>> {
        let changed = self.ledgers.iter().filter_map(|number| Some((*number, cards.get(*number)?)));
        changed
            .flat_map(|(number, card)| {
                card.ledger.packages.iter().map(move |package| PackageChange {
                    card: number,
                    code: &package.code,
                    booked: to_db(package.booked),
                })
            })
            .collect()
    }

    pub(super) fn overage_changes(&self, cards: &'a Cards) -> Vec<OverageChange<'a>> {
        let changed = self.ledgers.iter().filter_map(|number| Some((*number, cards.get(*number)?)));
        changed.map(|(number, card)| OverageChange { number, overage: to_db(card.ledger.overage) }).collect()
    }

    pub(super) fn refresh_changes(&self, cards: &'a Cards) -> Vec<RefreshChange<'a>> {
        let changed = self.changed.iter().filter_map(|((number, index), change)| {
            let card = cards.get(*number)?;
            Some((card, card.open.get(*index)?, change))
        });
        changed
            .map(|(card, refresh, (state, at))| RefreshChange {
                id: refresh.id.as_str(),
                state: state.as_str(),
                remaining: refresh.remaining.join(","),
                after: card.used().filter(|_| state.is_ended()).map(to_db),
                finished_at: state.is_ended().then_some(at.0),
                reason: refresh.failure.as_ref().map(|failure| failure.kind.as_str()),
                detail: refresh.failure.as_ref().map(|failure| failure.detail.as_str()),
            })
            .collect()
    }

    pub(super) fn tasks_again(&'a self, cards: &'a Cards, lease: &'a Lease) -> Vec<NewTask<'a>> {
        let again = self.again.iter().filter_map(|(number, iccid, index)| {
            let card = cards.get(*number)?;
            Some((number, iccid, card.open.get(*index)?, card.accounts.get(*index)?))
        });
        again
            .map(|(card, iccid, refresh, account)| NewTask {
                lane: &lease.lane,
                account,
                refresh: refresh.id.as_str(),
                iccid,
                card,
            })
            .collect()
    }

    pub(super) fn ended(&self, cards: &Cards) -> Vec<Ended> {
        let ended = self.changed.iter().filter(|(_, (state, _))| state.is_ended());
        ended
            .filter_map(|((number, index), (state, _))| {
                let id: RefreshId = cards.get(*number)?.open.get(*index)?.id.clone();
                Some(Ended { id, card: (*number).to_owned(), state: *state })
            })
            .collect()
    }
}
