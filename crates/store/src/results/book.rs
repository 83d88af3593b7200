//! What ended readings mean for their cards, worked out before anything is written.

use super::news::{Figure, Touched};
use super::rows::{BookingRow, Note, OverageChange, PackageChange, ProfileMove, ReadingRow, RefreshChange};
use super::{Ended, Ending, Finished};
use crate::accept::NewTask;
use crate::card::ProfileRow;
use crate::db::{from_db, to_db};
use crate::error::StoreError;
use crate::package::PackageRow;
use crate::refresh::RefreshRow;
use crate::row::row;
use simgauge_domain::id::RefreshId;
use simgauge_domain::metering::booking::{Ledger, Package, Target};
use simgauge_domain::metering::card::{ProfileUsage, card_usage};
use simgauge_domain::metering::delta::{Last, ReadingKind, moment, step};
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::{OpenRefresh, RefreshState, settle};
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet, HashMap};

row! {
    pub(super) struct Head {
        number: String,
        last_refresh: Option<String>,
        overage: i64,
    }
}

/// A card while its readings are booked.
#[derive(Default)]
pub(super) struct CardState {
    /// Its newest refresh, where its row does not name that yet.
    unnoted: Option<RefreshId>,
    /// Newest first, as far as they are open.
    open: Vec<OpenRefresh>,
    /// Whose they are.
    accounts: Vec<String>,
    /// What each profile's next reading is counted from.
    profiles: BTreeMap<String, Option<Last>>,
    /// What the operator allows each profile.
    totals: HashMap<String, Option<u64>>,
    ledger: Ledger,
}

impl CardState {
    /// The card's used bytes: the sum over the profiles that were read and whose period is not over.
    fn used(&self) -> Option<u64> {
        let read: Vec<ProfileUsage> = self
            .profiles
            .values()
            .flatten()
            .map(|last| ProfileUsage {
                period: last.period.clone(),
                used: last.used,
                total: None,
                moment: moment(last.as_of, last.began_at),
            })
            .collect();
        card_usage(&read).map(|usage| usage.used)
    }
}

impl CardState {
    /// What each profile's next reading is counted from.
    pub(super) fn lasts(&self) -> impl Iterator<Item = Option<&Last>> {
        self.profiles.values().map(Option::as_ref)
    }

    /// What has a total to reach: the platform's packages; where there is none, the operator's bundles; where it lists none,
    /// what it allows each profile.
    pub(super) fn figures(&self) -> Vec<Figure> {
        if !self.ledger.packages.is_empty() {
            let own = |package: &Package| Figure {
                key: format!("package {}", package.code),
                code: Some(package.code.clone()),
                period: String::new(),
                used: package.booked,
                total: package.total,
            };
            return self.ledger.packages.iter().map(own).collect();
        }
        let read = self.profiles.iter().filter_map(|(iccid, last)| Some((iccid, last.as_ref()?)));
        read.flat_map(|(iccid, last)| self.figures_of(iccid, last)).collect()
    }

    fn figures_of(&self, iccid: &str, last: &Last) -> Vec<Figure> {
        if last.bundles.is_empty() {
            return vec![Figure {
                key: format!("profile {iccid}"),
                code: None,
                period: format!("{} {}", last.cycle, last.period.key),
                used: last.used,
                total: self.totals.get(iccid).copied().flatten(),
            }];
        }
        let listed = last.bundles.iter().filter(|state| state.ended_at.is_none());
        listed
            .map(|state| Figure {
                key: format!("bundle {iccid} {} {}", state.bundle.code, state.run),
                code: Some(state.bundle.code.clone()),
                period: String::new(),
                used: state.bundle.used,
                total: state.bundle.total,
            })
            .collect()
    }
}

pub(super) type Cards = BTreeMap<String, CardState>;

/// The cards with their profiles and packages; the second part names the refreshes that lead to every open one: a refresh
/// that its card's row does not name has the task that ends now, or the row names a later one that leads to it.
pub(super) fn gather(
    heads: Vec<Head>,
    endings: &[Ending<'_>],
    profiles: Vec<ProfileRow>,
    packages: Vec<PackageRow>,
) -> Result<(Cards, Vec<String>), StoreError> {
    let mut cards = Cards::new();
    let mut next = Vec::new();
    let mut ending: HashMap<&str, BTreeSet<&RefreshId>> = HashMap::new();
    for Ending { one, .. } in endings {
        ending.entry(&one.card).or_default().insert(&one.task.refresh);
    }
    for head in heads {
        let ledger = Ledger { overage: from_db(head.overage), packages: Vec::new() };
        let known = head.last_refresh.map(RefreshId::trusted);
        let mut unnoted = None;
        if let Some(ending) = ending.get(head.number.as_str()) {
            unnoted = ending.last().filter(|id| known.as_ref() < Some(**id)).map(|id| RefreshId::clone(id));
            next.extend(ending.iter().filter(|id| known.as_ref() != Some(**id)).map(ToString::to_string));
        }
        next.extend(known.map(|id| id.to_string()));
        cards.insert(head.number, CardState { ledger, unnoted, ..CardState::default() });
    }
    for row in profiles {
        let Some(card) = cards.get_mut(&row.card) else { continue };
        let last = row.meter()?;
        card.totals.insert(row.iccid.clone(), row.total.map(from_db));
        card.profiles.insert(row.iccid, last);
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
        let refresh = row.open();
        let place = card.open.partition_point(|known| known.id > refresh.id);
        if card.open.get(place).is_some_and(|known| known.id == refresh.id) {
            continue;
        }
        card.open.insert(place, refresh);
        card.accounts.insert(place, row.account);
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
    /// Cards that were read, with how their figures stood before.
    pub(super) touched: BTreeMap<&'a str, Touched>,
    /// Cards whose packages or overage changed.
    ledgers: Vec<&'a str>,
    /// Changed refreshes: card and index among its open ones.
    changed: BTreeMap<(&'a str, usize), (RefreshState, UnixMs)>,
    /// Profiles to be read once more: lane, card, ICCID and index of the refresh.
    again: Vec<(&'a str, &'a str, &'a str, usize)>,
}

/// Works it out.
pub(super) fn book<'a>(endings: &[Ending<'a>], cards: &mut Cards) -> Booked<'a> {
    let mut booked = Booked::default();
    for Ending { lane, one } in endings.iter().copied() {
        let Some(card) = cards.get_mut(&one.card) else { continue };
        let touched = booked.touched.entry(&one.card).or_insert_with(|| Touched {
            before: card.figures(),
            refresh: one.task.refresh,
            at: one.ended_at,
        });
        touched.refresh.clone_from(&one.task.refresh);
        touched.at = touched.at.max(one.ended_at);
        if let Ok(reading) = &one.outcome {
            booked.count(one, reading, card);
        }
        let settlement = settle(&mut card.open, &one.task.iccid, one.began_at, one.outcome.as_ref().err());
        for (index, state) in settlement.changed {
            booked.changed.insert((&one.card, index), (state, one.ended_at));
        }
        if let Some(index) = settlement.again_for {
            booked.again.push((lane, &one.card, &one.task.iccid, index));
        }
    }
    booked
}

impl<'a> Booked<'a> {
    /// Counts a reading and books what it amounts to.
    fn count(&mut self, one: &'a Finished, reading: &'a Reading, card: &mut CardState) {
        let last = card.profiles.entry(one.task.iccid.clone()).or_default();
        let step = step(last.as_ref(), reading, one.began_at);
        self.readings.push(ReadingRow::new(one, reading, &step));
        if step.kind == ReadingKind::Late {
            return;
        }
        // What is kept of a profile is our own type, which always serializes.
        let meter = serde_json::to_string(&step.last).unwrap_or_default();
        self.moved.retain(|row| (row.reading.card, row.reading.iccid) != (&one.card, &one.task.iccid));
        self.moved.push(ProfileMove { reading: ReadingRow::new(one, reading, &step), meter });
        *last = Some(step.last);
        card.totals.insert(one.task.iccid.clone(), reading.total);
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

    /// What cards' rows have to be told.
    pub(super) fn notes(&'a self, cards: &'a Cards) -> Vec<Note<'a>> {
        let mut notes: BTreeMap<&str, Note<'_>> = BTreeMap::new();
        let unnoted = cards.iter().filter_map(|(number, card)| Some((number, card.unnoted.as_ref()?)));
        for (number, refresh) in unnoted {
            notes.entry(number).or_insert_with(|| Note::of(number)).refresh = Some(refresh.as_str());
        }
        for ProfileMove { reading, .. } in &self.moved {
            if reading.iccid == reading.card {
                let note = notes.entry(reading.card).or_insert_with(|| Note::of(reading.card));
                note.used = Some(reading.used);
                note.began_at = Some(reading.began_at);
            }
        }
        notes.into_values().collect()
    }

    pub(super) fn tasks_again(&'a self, cards: &'a Cards) -> Vec<NewTask<'a>> {
        let again = self.again.iter().filter_map(|(lane, number, iccid, index)| {
            let card = cards.get(*number)?;
            Some((lane, number, iccid, card.open.get(*index)?, card.accounts.get(*index)?))
        });
        again
            .map(|(lane, card, iccid, refresh, account)| NewTask {
                lane,
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
                let refresh = cards.get(*number)?.open.get(*index)?;
                let failure = refresh.failure.as_ref().map(|failure| failure.kind);
                Some(Ended { id: refresh.id, card: (*number).to_owned(), state: *state, failure })
            })
            .collect()
    }
}
