//! What becomes of each row, and what has to be written for them: worked out in memory, for both databases.

use super::known::{Known, KnownCard, KnownProfile};
use super::model::{Accounts, ImportRow, RowError};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::identity::other_spellings;
use simgauge_domain::ids::CardId;
use std::collections::{BTreeMap, BTreeSet};

/// The status of a new card for which none is given.
const NEW_STATUS: &str = "ACTIVATED_NAME";

/// A card to be written.
pub(super) struct PlannedCard<'a> {
    pub(super) kind: &'static str,
    pub(super) account: &'a str,
    pub(super) status: String,
    pub(super) label: String,
    /// Where the card's only profile has its number: the operator account.
    pub(super) operator_account: Option<&'a str>,
    pub(super) is_new: bool,
}

/// Something that an import changed on a card that was known: from what, to what; nothing: there was none.
pub(super) struct PlannedChange {
    pub(super) card: CardId,
    pub(super) field: String,
    pub(super) before: Option<String>,
    pub(super) after: String,
}

/// What is to be written for a batch.
#[derive(Default)]
pub(super) struct Plan<'a> {
    /// One for each row.
    pub(super) verdicts: Vec<Result<(), RowError>>,
    /// By number.
    pub(super) cards: BTreeMap<&'a str, PlannedCard<'a>>,
    /// Operator accounts by card number and ICCID.
    pub(super) profiles: BTreeMap<(&'a str, &'a str), &'a str>,
    /// Numbers of cards that differ from another card's by the check digit only.
    pub(super) neighbours: BTreeSet<String>,
    pub(super) changes: Vec<PlannedChange>,
}

/// Judges the rows of a batch. The first row about a new card decides whose it is, the last one what is known
/// of it. `distinct`: numbers that differ by the check digit only are two SIMs.
pub(super) fn plan<'a>(
    batch: &'a [ImportRow],
    accounts: &Accounts,
    known: &mut Known,
    distinct: bool,
) -> Plan<'a> {
    let mut plan = Plan::default();
    for row in batch {
        let verdict = judge(row, accounts, known).and_then(|()| {
            let neighbours = known.neighbours(row);
            match neighbours.first() {
                Some((number, stored)) if !distinct => {
                    Err(RowError::Neighbour { number: (*number).to_owned(), stored: stored.clone() })
                }
                _ => Ok(neighbours),
            }
        });
        let verdict = verdict.map(|neighbours| {
            for (number, stored) in neighbours {
                if number == row.number && known.cards.contains_key(&stored) {
                    plan.neighbours.extend([number.to_owned(), stored]);
                }
            }
            plan.take(row, known);
        });
        plan.verdicts.push(verdict);
    }
    plan
}

fn judge(row: &ImportRow, accounts: &Accounts, known: &Known) -> Result<(), RowError> {
    if !accounts.contains(&row.account) {
        return Err(RowError::NoAccount(row.account.clone()));
    }
    match known.cards.get(&row.number) {
        Some(card) if card.kind != row.kind.as_str() => return Err(RowError::OtherKind),
        Some(card) if card.account != row.account => {
            return Err(RowError::OtherAccount(card.account.clone()));
        }
        _ => {}
    }
    let others = |account: &str, iccid: &str| RowError::SimOfOtherAccount {
        iccid: iccid.to_owned(),
        account: account.to_owned(),
    };
    for iccid in sims_of(row) {
        if let Some(card) = known.cards.get(iccid).filter(|card| card.account != row.account) {
            return Err(others(&card.account, iccid));
        }
        for profile in known.profiles.get(iccid).into_iter().flatten() {
            if let Some(card) = known.cards.get(&profile.card).filter(|card| card.account != row.account) {
                return Err(others(&card.account, iccid));
            }
            let is_taken = profile.card != row.number && profile.operator_account == row.operator_account;
            if is_taken && *iccid == row.iccid {
                return Err(RowError::SimOfOtherCard { iccid: iccid.clone(), card: profile.card.clone() });
            }
        }
    }
    Ok(())
}

/// The ICCIDs of a row: of its profile, and where it is a physical card with another number, that.
fn sims_of(row: &ImportRow) -> impl Iterator<Item = &String> {
    let number = (row.kind == CardKind::Sim && !row.is_own_number()).then_some(&row.number);
    std::iter::once(&row.iccid).chain(number)
}

impl Known {
    /// SIMs of a row that are new, each with one that is known under the same number but for the check digit.
    /// A card may name its own SIM in both ways.
    fn neighbours<'r>(&self, row: &'r ImportRow) -> Vec<(&'r str, String)> {
        let mut neighbours = Vec::new();
        for sim in sims_of(row) {
            let of_card = |profile: &KnownProfile| profile.card == row.number;
            let is_known = match *sim == row.number {
                true => self.cards.contains_key(sim),
                false => self.profiles.get(sim).into_iter().flatten().any(of_card),
            };
            if is_known {
                continue;
            }
            for spelling in other_spellings(sim) {
                let is_card = *spelling != row.number && self.cards.contains_key(&*spelling);
                let mut profiles = self.profiles.get(&*spelling).into_iter().flatten();
                if is_card || profiles.any(|profile| !of_card(profile)) {
                    neighbours.push((sim.as_str(), spelling.into_owned()));
                }
            }
        }
        neighbours
    }
}

impl<'a> Plan<'a> {
    /// Writes down what a row adds or changes.
    fn take(&mut self, row: &'a ImportRow, known: &mut Known) {
        let is_new = !known.cards.contains_key(&row.number);
        let card = known.cards.entry(row.number.clone()).or_insert_with(|| KnownCard {
            id: None,
            kind: row.kind.as_str().to_owned(),
            account: row.account.clone(),
            status: NEW_STATUS.to_owned(),
            label: String::new(),
        });
        let mut is_changed = is_new;
        let changes = &mut self.changes;
        let mut note = |field: String, before: Option<String>, after: &str| {
            is_changed = true;
            if let Some(card) = card.id {
                changes.push(PlannedChange { card, field, before, after: after.to_owned() });
            }
        };
        for (name, was, given) in
            [("status", &mut card.status, &row.status), ("label", &mut card.label, &row.label)]
        {
            if !given.is_empty() && was != given {
                note(name.to_owned(), Some(was.clone()), given);
                was.clone_from(given);
            }
        }
        let profiles = known.profiles.entry(row.iccid.clone()).or_default();
        match profiles.iter_mut().find(|profile| profile.card == row.number) {
            Some(profile) if profile.operator_account == row.operator_account => {}
            Some(profile) => {
                let before = std::mem::replace(&mut profile.operator_account, row.operator_account.clone());
                note(format!("profile {}", row.iccid), Some(before), &row.operator_account);
            }
            None => {
                note(format!("profile {}", row.iccid), None, &row.operator_account);
                let (card, operator_account) = (row.number.clone(), row.operator_account.clone());
                profiles.push(KnownProfile { card, operator_account });
            }
        }
        if is_changed {
            self.write(row, card, is_new);
        }
    }

    fn write(&mut self, row: &'a ImportRow, card: &KnownCard, is_new: bool) {
        let before = self.cards.get(row.number.as_str());
        let is_one_of_many = before.is_some_and(|card| card.operator_account.is_none());
        let planned = PlannedCard {
            kind: row.kind.as_str(),
            account: &row.account,
            status: card.status.clone(),
            label: card.label.clone(),
            operator_account: (row.is_own_number() && !is_one_of_many)
                .then_some(row.operator_account.as_str()),
            is_new: is_new || before.is_some_and(|card| card.is_new),
        };
        self.cards.insert(&row.number, planned);
        self.profiles.insert((&row.number, &row.iccid), &row.operator_account);
    }
}
