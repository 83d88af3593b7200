//! Whether the books agree with the readings, and the readings with the usage that operators last reported.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardAudit, CardSums, ProfileView, ReadingView, Store, StoreError};

/// Cards checked together: their sums are worked out in memory.
const PAGE: i64 = 2_000;
/// Readings that explain a difference.
const EXPLAINING_READINGS: usize = 10;

/// Which cards to reconcile.
#[derive(Clone, Debug, Default)]
pub struct ReconcileScope {
    /// Only cards of this account.
    pub account: Option<String>,
    /// Only the card of this number.
    pub card: Option<String>,
    /// Only the cards that come after the one of this number ([`Reconciliation::last`]).
    pub after: Option<String>,
}

/// What was found on a page of cards.
#[derive(Debug, Default)]
pub struct ReconcilePage {
    pub differences: Vec<Difference>,
    pub damaged: Vec<DamagedCard>,
}

/// A card that cannot be checked.
#[derive(Debug)]
pub struct DamagedCard {
    /// Its number; its id where not even that can be read.
    pub card: String,
    pub error: StoreError,
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
    /// Cards that could not be checked.
    pub damaged_cards: u64,
}

/// A reconciliation that is under way, page by page.
pub struct Reconciliation<'a> {
    store: &'a Store,
    left: Left,
    last: Option<String>,
    /// Differences that are explained; the others are only counted.
    limit: usize,
    totals: ReconcileTotals,
}

/// The cards that are left to check.
enum Left {
    One(CardId),
    /// All after this one, by id.
    After(CardId),
    /// An account's after this one, by kind and number.
    OfAccount(String, Option<CardId>),
    None,
}

/// Cards that are checked together.
enum Batch {
    /// Every card after the first id, up to the last of these.
    Consecutive(CardId, Vec<CardId>),
    Some(Vec<CardId>),
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
        let ReconcileScope { account, card, after } = scope;
        self.require_account(account.as_deref()).await?;
        let after = match after {
            Some(number) => Some(self.card_to_check(number, account.as_deref()).await?),
            None => None,
        };
        let left = match (card, account) {
            (Some(number), account) => Left::One(self.card_to_check(number, account.as_deref()).await?),
            (None, Some(account)) => Left::OfAccount(account, after),
            (None, None) => Left::After(after.unwrap_or(CardId(0))),
        };
        let totals = ReconcileTotals::default();
        Ok(Reconciliation { store: &self.store, left, last: None, limit, totals })
    }

    /// A card by its number. Nothing else of it is read, since that may be damaged.
    async fn card_to_check(&self, number: String, account: Option<&str>) -> Result<CardId, AdminError> {
        let number = self.stored_number(&number).await?;
        match (self.store.card_owner(&number).await?, account) {
            (Some((card, owner)), Some(account)) if owner == account => Ok(card),
            (Some((card, _)), None) => Ok(card),
            (_, Some(_)) => Err(AdminError::NotOfAccount(number)),
            (None, None) => Err(AdminError::NoCard { kind: "card", number }),
        }
    }
}

impl Reconciliation<'_> {
    /// Checks the next cards; answers what was found on them, or nothing where all cards are checked.
    ///
    /// # Errors
    /// The store failed.
    pub async fn next_page(&mut self) -> Result<Option<ReconcilePage>, AdminError> {
        let Some(batch) = self.next_batch().await? else { return Ok(None) };
        let mut page = ReconcilePage::default();
        let mut batches = vec![batch];
        while let Some(batch) = batches.pop() {
            match batch.audits(self.store).await {
                Ok(cards) => self.check(&cards, &mut page).await?,
                Err(error) if error.is_about_rows() => match batch.halves() {
                    Ok([first, second]) => batches.extend([second, first]),
                    Err(card) => page.damaged.push(self.damaged(card, error).await?),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(page))
    }

    #[must_use]
    pub const fn totals(&self) -> ReconcileTotals {
        self.totals
    }

    /// The number of the last card that was checked, after which another reconciliation can go on.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    async fn next_batch(&mut self) -> Result<Option<Batch>, AdminError> {
        let (batch, left) = match &self.left {
            Left::One(card) => (Batch::Some(vec![*card]), Left::None),
            Left::After(after) => {
                let cards = self.store.card_ids_after(*after, PAGE).await?;
                let Some(last) = cards.last().copied() else { return Ok(None) };
                (Batch::Consecutive(*after, cards), Left::After(last))
            }
            Left::OfAccount(account, after) => {
                let cards = self.store.card_ids_of_account_after(account, *after, PAGE).await?;
                let Some(last) = cards.last().copied() else { return Ok(None) };
                let left = Left::OfAccount(account.clone(), Some(last));
                (Batch::Some(cards), left)
            }
            Left::None => return Ok(None),
        };
        self.left = left;
        Ok(Some(batch))
    }

    async fn check(&mut self, cards: &[CardAudit], page: &mut ReconcilePage) -> Result<(), AdminError> {
        for card in cards {
            self.totals.cards += 1;
            self.totals.profiles +=
                count(card.profiles.iter().filter(|profile| profile.counted.is_some()).count());
            let found = differences(card);
            self.totals.differing_cards += u64::from(!found.is_empty());
            for kind in found {
                let is_explained = self.totals.differences < count(self.limit);
                self.totals.differences += 1;
                if is_explained {
                    page.differences.push(explain(self.store, card, kind).await?);
                }
            }
            self.last = Some(card.number.clone());
        }
        Ok(())
    }

    async fn damaged(&mut self, card: CardId, error: StoreError) -> Result<DamagedCard, AdminError> {
        self.totals.cards += 1;
        self.totals.damaged_cards += 1;
        let number = match self.store.card_number(card).await {
            Ok(number) => number,
            Err(error) if error.is_about_rows() => None,
            Err(error) => return Err(error.into()),
        };
        if number.is_some() {
            self.last.clone_from(&number);
        }
        Ok(DamagedCard { card: number.unwrap_or_else(|| format!("id {card}")), error })
    }
}

impl Batch {
    async fn audits(&self, store: &Store) -> Result<Vec<CardAudit>, StoreError> {
        match self {
            Self::Consecutive(after, cards) => {
                store.audits_between(*after, cards.last().copied().unwrap_or(*after)).await
            }
            Self::Some(cards) => store.audits(cards).await,
        }
    }

    /// Two smaller ones, to find the card that cannot be read; that card where there is only one.
    fn halves(mut self) -> Result<[Self; 2], CardId> {
        let (Self::Consecutive(_, cards) | Self::Some(cards)) = &mut self;
        if let [card] = cards[..] {
            return Err(card);
        }
        let second = cards.split_off(cards.len() / 2);
        let middle = cards.last().copied().unwrap_or(CardId(0));
        let second = match self {
            Self::Consecutive(..) => Self::Consecutive(middle, second),
            Self::Some(_) => Self::Some(second),
        };
        Ok([self, second])
    }
}

/// What does not agree on a card.
fn differences(card: &CardAudit) -> Vec<DifferenceKind> {
    let (ledger_bytes, sums): (i128, &CardSums) = (card.ledger, &card.sums);
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

async fn explain(store: &Store, card: &CardAudit, kind: DifferenceKind) -> Result<Difference, AdminError> {
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
