//! What accounts were notified of about cards. The first edition named profiles by ICCID there, this one does
//! by id.

use crate::backend::{Database, Sql, bulk, keys, rows, to_json};
use crate::error::StoreError;
use crate::results::notify::Notified;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Cards in one statement.
const PAGE: i64 = 1_000;

const STATES: Sql = Sql::both(
    "SELECT number, said FROM card WHERE said IS NOT NULL AND number > $1 ORDER BY number LIMIT $2",
);
const PROFILES: Sql = bulk!(
    "SELECT card.number, profile.iccid, profile.id FROM ",
    [k text],
    " AS wanted JOIN card ON card.number = wanted.k JOIN profile ON profile.card = card.id"
);
const UPDATE: Sql = bulk!(
    "UPDATE card SET notified_state = c.notified_state FROM ",
    [number text, notified_state text],
    " AS c WHERE card.number = c.number"
);

/// The ids of profiles by card's number and ICCID.
type ProfileIds = HashMap<(String, String), i64>;

#[derive(Serialize)]
struct NewState<'a> {
    number: &'a str,
    notified_state: String,
}

/// Brings all of it over. Comes after the profiles, and always starts from what the source has, so that it
/// can be repeated.
pub(super) async fn copy(source: &Database, target: &Database) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let page: Vec<(String, String)> = source.all(STATES, &[(&after).into(), PAGE.into()]).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        last.clone_into(&mut after);
        let numbers = keys(page.iter().map(|(number, _)| number))?;
        let profiles: Vec<(String, String, i64)> = target.all(PROFILES, &[(&numbers).into()]).await?;
        let ids = profiles.into_iter().map(|(number, iccid, id)| ((number, iccid), id)).collect();
        let states: Vec<NewState<'_>> = page
            .iter()
            .map(|(number, state)| Ok(NewState { number, notified_state: renamed(number, state, &ids)? }))
            .collect::<Result<_, StoreError>>()?;
        target.run(UPDATE, &[(&rows(&states)?).into()]).await?;
    }
}

/// The state of a card with ids in the places of ICCIDs: `profile ICCID`, `bundle ICCID CODE RUN`; `package
/// CODE` stays.
fn renamed(number: &str, state: &str, ids: &ProfileIds) -> Result<String, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(format!("said of card {number}: {what}"));
    let mut notified: Notified = serde_json::from_str(state).map_err(|error| corrupt(&error.to_string()))?;
    let mut thresholds = BTreeMap::new();
    for (key, state) in notified.thresholds {
        thresholds.insert(renamed_key(number, &key, ids).ok_or_else(|| corrupt(&key))?, state);
    }
    notified.thresholds = thresholds;
    to_json(&notified)
}

fn renamed_key(number: &str, key: &str, ids: &ProfileIds) -> Option<String> {
    let (kind, rest) = key.split_once(' ')?;
    if kind == "package" {
        return Some(key.to_owned());
    }
    let (iccid, more) = rest.split_once(' ').map_or((rest, None), |(iccid, more)| (iccid, Some(more)));
    let id = ids.get(&(number.to_owned(), iccid.to_owned()))?;
    match (kind, more) {
        ("profile", None) => Some(format!("profile {id}")),
        ("bundle", Some(more)) => Some(format!("bundle {id} {more}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_iccids_change() {
        let ids = HashMap::from([(("8901".to_owned(), "8902".to_owned()), 7)]);
        let state =
            r#"{"thresholds":{"bundle 8902 a b 2":{"f":[80]},"package 8902":{},"profile 8902":{"p":"0 "}}}"#;
        let expected =
            r#"{"thresholds":{"bundle 7 a b 2":{"f":[80]},"package 8902":{},"profile 7":{"p":"0 "}}}"#;
        assert_eq!(renamed("8901", state, &ids).expect("known"), expected);
        for damaged in [r#"{"thresholds":{"profile 8903":{}}}"#, r#"{"thresholds":{"odd":{}}}"#, "{"] {
            let error = renamed("8901", damaged, &ids).expect_err("damaged").to_string();
            assert!(error.contains("said of card 8901"), "{error}");
        }
    }
}
