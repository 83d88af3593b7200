//! Whether the books agree with the readings, and the readings with the usage that operators last reported.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardSums, CardView, ProfileView, ReadingView, Store};
use std::time::Duration;

/// Cards checked together: their sums are worked out in memory.
const PAGE: i64 = 50;
/// Readings that explain a difference.
const EXPLAINING_READINGS: usize = 10;
/// How often a card that does not agree is checked in all. A card and its sums are not read in one
/// transaction, and a server may be booking meanwhile.
const CHECKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

/// Which cards to reconcile.
#[derive(Clone, Debug, Default)]
pub struct ReconcileScope {
    /// Only cards of this account.
    pub account: Option<String>,
    /// Only the card of this number.
    pub card: Option<String>,
}

/// Sums of a card that have to be the same and are not.
#[derive(Clone, Debug)]
pub struct Difference {
    pub card: String,
    pub account: String,
    pub kind: DifferenceKind,
    /// The newest readings, newest first.
    pub readings: Vec<ReadingView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Bytes on packages and overage, all that was ever booked, and all that was ever counted.
    Books { ledger_bytes: i128, booked_bytes: i64, counted_bytes: i64 },
    /// What was counted since the operator's count last began anew, and the usage that the operator last
    /// reported.
    Operator { iccid: String, operator_account: String, counted_bytes: i64, operator_bytes: u64 },
}

/// What a reconciliation checked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconcileTotals {
    pub cards: u64,
    /// Profiles that were read at least once.
    pub profiles: u64,
    pub differing_cards: u64,
    pub differences: u64,
}

/// A reconciliation that is under way, page by page.
pub struct Reconciliation<'a> {
    store: &'a Store,
    account: Option<String>,
    left: Left,
    /// Differences that are explained; the others are only counted.
    limit: usize,
    totals: ReconcileTotals,
}

/// The cards that are left to check.
enum Left {
    One(Box<CardView>),
    /// All after this number.
    After(String),
    None,
}

impl Administration {
    /// Begins to check that packages, books, readings and operators agree. At most `limit` differences are
    /// answered; the others are only counted.
    ///
    /// # Errors
    /// The account or the card does not exist.
    pub async fn reconcile(
        &self,
        scope: ReconcileScope,
        limit: usize,
    ) -> Result<Reconciliation<'_>, AdminError> {
        let ReconcileScope { account, card } = scope;
        self.require_account(account.as_deref()).await?;
        let left = match card {
            Some(number) => Left::One(Box::new(self.card_of_account(&number, account.as_deref()).await?)),
            None => Left::After(String::new()),
        };
        Ok(Reconciliation { store: &self.store, account, left, limit, totals: ReconcileTotals::default() })
    }
}

impl Reconciliation<'_> {
    /// Checks the next cards; answers their differences, or none where all cards are checked.
    ///
    /// # Errors
    /// The store failed.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Difference>>, AdminError> {
        let page = match std::mem::replace(&mut self.left, Left::None) {
            Left::One(card) => vec![*card],
            Left::After(after) => {
                let page = self.store.cards_after(self.account.as_deref(), &after, PAGE).await?;
                let Some(last) = page.last() else { return Ok(None) };
                self.left = Left::After(last.number.clone());
                page
            }
            Left::None => return Ok(None),
        };
        self.check(&page).await.map(Some)
    }

    #[must_use]
    pub const fn totals(&self) -> ReconcileTotals {
        self.totals
    }

    async fn check(&mut self, cards: &[CardView]) -> Result<Vec<Difference>, AdminError> {
        let ids: Vec<CardId> = cards.iter().map(|card| card.id).collect();
        let mut sums = self.store.sums(&ids).await?;
        let mut explained = Vec::new();
        for card in cards {
            self.totals.cards += 1;
            self.totals.profiles +=
                count(card.profiles.iter().filter(|profile| profile.counted.is_some()).count());
            let mut found = differences(card, &sums.remove(&card.id).unwrap_or_default());
            if !found.is_empty() {
                found = check_again(self.store, card, found).await?;
            }
            self.totals.differing_cards += u64::from(!found.is_empty());
            for kind in found {
                let is_explained = self.totals.differences < count(self.limit);
                self.totals.differences += 1;
                if is_explained {
                    explained.push(explain(self.store, card, kind).await?);
                }
            }
        }
        Ok(explained)
    }
}

/// What does not agree on a card.
fn differences(card: &CardView, sums: &CardSums) -> Vec<DifferenceKind> {
    let packages = card.packages.iter().map(|own| i128::from(own.package.booked));
    let ledger_bytes = packages.sum::<i128>() + i128::from(card.overage);
    let agree = ledger_bytes == i128::from(sums.booked) && sums.booked == sums.counted;
    let books = (!agree).then_some(DifferenceKind::Books {
        ledger_bytes,
        booked_bytes: sums.booked,
        counted_bytes: sums.counted,
    });
    let profiles = card.profiles.iter().filter_map(|profile| {
        let (cycle, operator_bytes) = last_usage(profile)?;
        let counted_bytes = sums.by_cycle.get(&(profile.id, cycle)).copied().unwrap_or_default();
        (i128::from(counted_bytes) != i128::from(operator_bytes)).then(|| DifferenceKind::Operator {
            iccid: profile.iccid.clone(),
            operator_account: profile.operator_account.clone(),
            counted_bytes,
            operator_bytes,
        })
    });
    books.into_iter().chain(profiles).collect()
}

/// The current count of a profile and the usage that the operator last reported in it; none before the first
/// reading. Bundles that ended are no longer in the operator's own usage but stay in the count, so with
/// bundles it is the sum over all of them.
fn last_usage(profile: &ProfileView) -> Option<(u32, u64)> {
    let (cycle, of_bundles) = profile.counted?;
    Some((cycle, if profile.bundles.is_empty() { profile.used? } else { of_bundles }))
}

/// What still does not agree when the card is read again, since it may just have been booked.
async fn check_again(
    store: &Store,
    card: &CardView,
    mut found: Vec<DifferenceKind>,
) -> Result<Vec<DifferenceKind>, AdminError> {
    for _ in 1..CHECKS {
        tokio::time::sleep(PAUSE).await;
        let Some(card) = store.card_of_any(&card.number).await? else { return Ok(Vec::new()) };
        let sums = store.sums(&[card.id]).await?.remove(&card.id).unwrap_or_default();
        found = differences(&card, &sums);
        if found.is_empty() {
            break;
        }
    }
    Ok(found)
}

async fn explain(store: &Store, card: &CardView, kind: DifferenceKind) -> Result<Difference, AdminError> {
    let profile = match &kind {
        DifferenceKind::Books { .. } => None,
        DifferenceKind::Operator { iccid, .. } => Some(iccid.as_str()),
    };
    // The card's profiles are read about equally often.
    let wanted = EXPLAINING_READINGS * profile.map_or(1, |_| card.profiles.len().clamp(1, 50));
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let mut readings = store.readings(card.id, UnixMs(i64::MAX), wanted).await?;
    readings.retain(|reading| profile.is_none_or(|iccid| reading.iccid == iccid));
    readings.truncate(EXPLAINING_READINGS);
    Ok(Difference { card: card.number.clone(), account: card.account.clone(), kind, readings })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
