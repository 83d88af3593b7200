//! A card while its readings are booked.

use super::model::Ending;
use crate::backend::{from_db, refresh_id_from_db, row};
use crate::cards::rows::ProfileRow;
use crate::error::StoreError;
use crate::packages::rows::PackageRow;
use crate::refreshes::rows::RefreshRow;
use simgauge_domain::alert::Left;
use simgauge_domain::guard::held::Held;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::booking::{Ledger, Package};
use simgauge_domain::metering::card::{ProfileUsage, card_usage};
use simgauge_domain::metering::delta::{Last, moment};
use simgauge_domain::metering::stale::is_stale;
use simgauge_domain::refresh::OpenRefresh;
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

row! {
    pub(crate) struct Head {
        id: i64,
        number: String,
        last_refresh: Option<String>,
        profile: Option<i64>,
        overage: i64,
    }
}

#[derive(Default)]
pub(crate) struct CardState {
    pub(crate) number: String,
    /// Its only profile, where that one's ICCID is the card's number.
    pub(super) own_profile: Option<ProfileId>,
    /// Its latest refresh, where its row does not name that yet.
    pub(super) deferred: Option<RefreshId>,
    /// Newest first, as far as they are open.
    pub(super) open: Vec<OpenRefresh>,
    /// Whose they are.
    pub(super) accounts: Vec<String>,
    /// What each profile's next reading is counted from.
    pub(crate) profiles: BTreeMap<ProfileId, Option<Last>>,
    /// What the operator allows each profile.
    pub(crate) totals: HashMap<ProfileId, Option<u64>>,
    pub(super) ledger: Ledger,
    /// The readings that are held back.
    pub(crate) held: BTreeMap<ProfileId, Held>,
}

/// Something with a total that usage can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MeteredTotal {
    /// Distinguishes it from the card's others.
    pub(super) key: String,
    /// The package's code, where it is one.
    pub(super) code: Option<String>,
    /// Distinguishes counts that start anew.
    pub(super) period: String,
    pub(super) used: u64,
    pub(super) total: Option<u64>,
    /// When it becomes valid and ends, where that is known.
    pub(super) valid_from: Option<UnixMs>,
    pub(super) valid_to: Option<UnixMs>,
}

impl MeteredTotal {
    pub(super) fn left(&self) -> Left {
        Left { used: self.used, total: self.total, valid_from: self.valid_from, valid_to: self.valid_to }
    }
}

impl CardState {
    /// The card's used bytes: the sum over the profiles that were read and whose period is not over.
    pub(super) fn used(&self) -> Option<u64> {
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

    /// Whether what is known of one of its profiles is older than `limit`.
    pub(super) fn is_stale(&self, at: UnixMs, limit: Duration) -> bool {
        self.profiles.values().any(|last| match last {
            Some(last) => is_stale(last.as_of, Some(last.began_at), at, limit),
            None => is_stale(None, None, at, limit),
        })
    }

    /// What has a total to reach: the platform's packages; where there is none, the operator's bundles; where
    /// it lists none, what it allows each profile.
    pub(super) fn metered_totals(&self) -> Vec<MeteredTotal> {
        if !self.ledger.packages.is_empty() {
            let own = |package: &Package| MeteredTotal {
                key: format!("package {}", package.code),
                code: Some(package.code.clone()),
                period: String::new(),
                used: package.booked,
                total: package.total,
                valid_from: package.valid_from,
                valid_to: package.valid_to,
            };
            return self.ledger.packages.iter().map(own).collect();
        }
        let read = self.profiles.iter().filter_map(|(profile, last)| Some((*profile, last.as_ref()?)));
        read.flat_map(|(profile, last)| self.totals_of(profile, last)).collect()
    }

    fn totals_of(&self, profile: ProfileId, last: &Last) -> Vec<MeteredTotal> {
        if last.bundles.is_empty() {
            return vec![MeteredTotal {
                key: format!("profile {profile}"),
                code: None,
                period: format!("{} {}", last.cycle, last.period.key),
                used: last.used,
                total: self.totals.get(&profile).copied().flatten(),
                // The end of a cycle is the end of no package.
                valid_from: None,
                valid_to: None,
            }];
        }
        let listed = last.bundles.iter().filter(|state| state.ended_at.is_none());
        listed
            .map(|state| MeteredTotal {
                key: format!("bundle {profile} {} {}", state.bundle.code, state.run),
                code: Some(state.bundle.code.clone()),
                period: String::new(),
                used: state.bundle.used,
                total: state.bundle.total,
                valid_from: state.bundle.start,
                valid_to: state.bundle.end,
            })
            .collect()
    }
}

pub(crate) type Cards = BTreeMap<CardId, CardState>;

/// The cards with their profiles and packages; the second part names the refreshes that lead to every open
/// one: a refresh that its card's row does not name has the task that ends now, or the row names a later one
/// that leads to it.
pub(crate) fn gather(
    heads: Vec<Head>,
    endings: &[Ending<'_>],
    profiles: Vec<ProfileRow>,
    packages: Vec<PackageRow>,
) -> Result<(Cards, Vec<RefreshId>), StoreError> {
    let mut cards = Cards::new();
    let mut next = Vec::new();
    let mut ending: HashMap<CardId, BTreeSet<RefreshId>> = HashMap::new();
    for Ending { one, .. } in endings {
        ending.entry(one.card).or_default().insert(one.task.refresh);
    }
    for head in heads {
        let card = CardId(head.id);
        let overage = from_db(head.overage, format_args!("overage of card {card}"))?;
        let last = head.last_refresh.as_deref();
        let known = last.map(|id| refresh_id_from_db(id, format_args!("last_refresh of card {card}")));
        let known = known.transpose()?;
        let mut deferred = None;
        if let Some(ending) = ending.get(&card) {
            deferred = ending.last().copied().filter(|id| known.is_none_or(|known| known < *id));
            next.extend(ending.iter().copied().filter(|id| known != Some(*id)));
        }
        next.extend(known);
        let state = CardState {
            number: head.number,
            own_profile: head.profile.map(ProfileId),
            ledger: Ledger { overage, packages: Vec::new() },
            deferred,
            ..CardState::default()
        };
        cards.insert(card, state);
    }
    for row in profiles {
        let Some(card) = cards.get_mut(&row.card()) else { continue };
        card.totals.insert(row.id(), row.total()?);
        card.profiles.insert(row.id(), row.meter()?);
        if let Some(held) = row.held()? {
            card.held.insert(row.id(), held);
        }
    }
    for row in packages {
        if let Some(card) = cards.get_mut(&CardId(row.card)) {
            card.ledger.packages.push(row.package()?);
        }
    }
    Ok((cards, next))
}

/// Adds one step of each card's chain, as far as refreshes are open: where one has ended, so have all before
/// it.
pub(super) fn link(cards: &mut Cards, chain: Vec<RefreshRow>) -> Result<Vec<RefreshId>, StoreError> {
    let mut next = Vec::new();
    for row in chain {
        let ended = row.state()?.is_ended();
        let Some(card) = cards.get_mut(&row.card()).filter(|_| !ended) else { continue };
        let refresh = row.open()?;
        let place = card.open.partition_point(|known| known.id > refresh.id);
        if card.open.get(place).is_some_and(|known| known.id == refresh.id) {
            continue;
        }
        next.extend(row.previous()?);
        card.open.insert(place, refresh);
        card.accounts.insert(place, row.account);
    }
    Ok(next)
}
