//! What is stored of the cards and SIMs that a batch is about.

use super::model::ImportRow;
use crate::backend::{Sql, Tx, bulk, keys, row};
use crate::error::StoreError;
use simgauge_domain::identity::other_spellings;
use simgauge_domain::ids::CardId;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// So many rows of a range are read for each row of the batch. Where there are more, the rows that are wanted
/// are found one by one. A file in the order of its numbers lies in a range of its own.
const RANGE_ROWS: usize = 2;

macro_rules! select_cards {
    ($rest:literal) => {
        concat!("SELECT card.id, card.number, card.kind, card.account, card.status, card.label FROM ", $rest)
    };
}

const CARDS_BETWEEN: Sql =
    Sql::both(select_cards!("card WHERE number >= $1 AND number <= $2 ORDER BY number LIMIT $3"));
const CARDS: Sql =
    bulk!(select_cards!(""), [k text], " AS wanted CROSS JOIN card WHERE card.number = wanted.k");
const SIMS_BETWEEN: Sql = Sql::both(select_cards!(
    "profile JOIN card ON card.id = profile.card WHERE profile.own_number = 0 AND profile.iccid >= $1 AND \
     profile.iccid <= $2 ORDER BY profile.iccid LIMIT $3"
));
const SIMS: Sql = bulk!(
    select_cards!(""),
    [k text],
    " AS wanted CROSS JOIN profile CROSS JOIN card WHERE profile.iccid = wanted.k AND profile.own_number = 0 \
     AND card.id = profile.card"
);
const PROFILES: Sql = bulk!(
    "SELECT profile.card, profile.iccid, profile.operator_account FROM ",
    [k bigint],
    " AS wanted CROSS JOIN profile WHERE profile.card = wanted.k"
);

row! {
    struct CardRow {
        id: i64,
        number: String,
        kind: String,
        account: String,
        status: String,
        label: String,
    }
}

row! {
    struct ProfileRow {
        card: i64,
        iccid: String,
        operator_account: String,
    }
}

/// A card that is stored, or that an earlier row of the import makes.
pub(super) struct KnownCard {
    /// None: this import makes it.
    pub(super) id: Option<CardId>,
    pub(super) kind: String,
    pub(super) account: String,
    pub(super) status: String,
    pub(super) label: String,
}

/// Where a SIM is a profile.
pub(super) struct KnownProfile {
    /// The card's number.
    pub(super) card: String,
    pub(super) operator_account: String,
}

/// Cards by number, and profiles by ICCID.
#[derive(Default)]
pub(super) struct Known {
    pub(super) cards: HashMap<String, KnownCard>,
    pub(super) profiles: HashMap<String, Vec<KnownProfile>>,
}

impl Known {
    /// Reads what is stored of a batch.
    pub(super) async fn read(tx: &mut impl Tx, batch: &[ImportRow]) -> Result<Self, StoreError> {
        let mut known = Self::default();
        let mut numbers_by_id = HashMap::new();
        for card in read_cards(tx, batch, CARDS_BETWEEN, CARDS).await? {
            numbers_by_id.insert(card.id, card.number.clone());
            known.add(card);
        }
        for card in read_cards(tx, batch, SIMS_BETWEEN, SIMS).await? {
            numbers_by_id.insert(card.id, card.number.clone());
            known.add(card);
        }
        if !numbers_by_id.is_empty() {
            let profiles: Vec<ProfileRow> =
                tx.all(PROFILES, &[(&keys(numbers_by_id.keys())?).into()]).await?;
            for ProfileRow { card, iccid, operator_account } in profiles {
                let Some(card) = numbers_by_id.get(&card).cloned() else { continue };
                known.profiles.entry(iccid).or_default().push(KnownProfile { card, operator_account });
            }
        }
        Ok(known)
    }

    fn add(&mut self, card: CardRow) {
        let CardRow { id, number, kind, account, status, label } = card;
        self.cards.insert(number, KnownCard { id: Some(CardId(id)), kind, account, status, label });
    }
}

/// The numbers that a row could be about.
fn spellings(row: &ImportRow) -> impl Iterator<Item = Cow<'_, str>> {
    let number = (!row.is_own_number()).then_some(&row.number);
    [Some(&row.iccid), number]
        .into_iter()
        .flatten()
        .flat_map(|number| std::iter::once(Cow::Borrowed(number.as_str())).chain(other_spellings(number)))
}

/// The cards that are found by the numbers of a batch: in one range, if that holds few others.
async fn read_cards(
    tx: &mut impl Tx,
    batch: &[ImportRow],
    between: Sql,
    some: Sql,
) -> Result<Vec<CardRow>, StoreError> {
    let all = || batch.iter().flat_map(spellings);
    let (Some(first), Some(last)) = (all().min(), all().max()) else { return Ok(Vec::new()) };
    let most = batch.len() * RANGE_ROWS;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let found: Vec<CardRow> = tx.all(between, &[(&*first).into(), (&*last).into(), limit.into()]).await?;
    if found.len() < most {
        return Ok(found);
    }
    tx.all(some, &[(&keys(all().collect::<BTreeSet<_>>())?).into()]).await
}
