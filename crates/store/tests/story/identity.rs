//! One SIM has one identity, however its number is spelled.

use crate::scene::{T0, accept, accepted, at, call, row, stocked};
use crate::support::Database;
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::identity::AmbiguousNumber;
use simgauge_domain::time::UnixMs;
use simgauge_store::{AcceptCall, AcceptOutcome, ImportRow, RowError, Store, StoreError};
use std::sync::Arc;

/// 18 digits, 19 with their check digit, 20 with a check digit of those.
const CHAIN: [&str; 3] = ["898606100000100001", "8986061000001000015", "89860610000010000159"];

async fn import(store: &Store, rows: &[ImportRow], distinct: bool) -> Vec<Result<(), RowError>> {
    let mut import = store.import().await.unwrap().distinct(distinct);
    let verdicts = import.add(rows).await.unwrap();
    import.commit().await.unwrap();
    verdicts
}

fn neighbour(number: &str, stored: &str) -> Result<(), RowError> {
    Err(RowError::Neighbour { number: number.into(), stored: stored.into() })
}

#[rstest]
#[tokio::test]
async fn one_sim_has_one_cooldown_over_all_spellings(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[values(0, 1, 2)] stored: usize,
) {
    let store = stocked(database).await;
    import(&store, &[row(CHAIN[stored], CHAIN[stored])], false).await;
    let other = if stored == 1 { 2 } else { 1 };
    // In one group, and in the next one.
    let outcomes = accept(
        &store,
        &[call(CHAIN[other], 1, T0), call(CHAIN[stored], 2, T0), call(CHAIN[other], 3, T0)],
        T0,
    )
    .await;
    let id = accepted(&outcomes[0]);
    assert!(outcomes[1..].iter().all(|one| matches!(one, AcceptOutcome::Cooling { .. })), "{outcomes:?}");
    for (n, number) in [(4, CHAIN[stored]), (5, CHAIN[other])] {
        let outcome = accept(&store, &[call(number, n, at(9))], at(9)).await;
        assert!(matches!(outcome[0], AcceptOutcome::Cooling { .. }), "{number}: {outcome:?}");
    }
    // The very request again.
    let same = accept(&store, &[call(CHAIN[other], 1, at(9))], at(9)).await;
    assert!(matches!(&same[0], AcceptOutcome::Same(refresh) if refresh.id == id));
    let card = store.card("acme", CardKind::Sim, CHAIN[other]).await.unwrap().unwrap();
    assert_eq!((card.number.as_str(), card.refresh.unwrap().id), (CHAIN[stored], id));
    // For another account there is no such card under any spelling.
    assert_eq!(store.card("other", CardKind::Sim, CHAIN[other]).await.unwrap(), None);
    let stranger = AcceptCall { account: "other".into(), ..call(CHAIN[other], 6, at(9)) };
    assert_eq!(accept(&store, &[stranger], at(9)).await, [AcceptOutcome::NotFound]);
}

#[rstest]
#[tokio::test]
async fn a_number_of_two_sims_is_refused(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let [_, middle, long] = CHAIN;
    assert_eq!(import(&store, &[row(long, long)], false).await, [Ok(())]);
    assert_eq!(import(&store, &[row(middle, middle)], false).await, [neighbour(middle, long)]);
    assert_eq!(import(&store, &[row(middle, middle)], true).await, [Ok(())]);
    let outcomes = accept(&store, &[call(middle, 1, T0), call(long, 2, T0)], T0).await;
    let ambiguous = AmbiguousNumber { asked: middle.into(), one: middle.into(), other: long.into() };
    assert_eq!(outcomes[0], AcceptOutcome::Ambiguous(Box::new(ambiguous.clone())));
    accepted(&outcomes[1]);
    let exactly = AcceptCall { is_exact: true, ..call(middle, 3, T0) };
    accepted(&accept(&store, &[exactly], T0).await[0]);
    for error in [
        store.card("acme", CardKind::Sim, middle).await.unwrap_err(),
        store.find_card(middle).await.unwrap_err(),
        store.meant_numbers("acme", CardKind::Sim, vec![middle.into()]).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::AmbiguousNumber(found) if *found == ambiguous));
    }
    assert_eq!(store.card("acme", CardKind::Sim, long).await.unwrap().unwrap().number, long);
    // Known as two SIMs, they are imported again without a word.
    assert_eq!(import(&store, &[row(middle, middle), row(long, long)], false).await, [Ok(()), Ok(())]);
}

/// Another account's card neither makes a number ambiguous nor shows.
#[rstest]
#[tokio::test]
async fn accounts_do_not_meet(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let [_, middle, long] = CHAIN;
    let others = ImportRow { account: "other".into(), ..row(middle, middle) };
    assert_eq!(import(&store, &[row(long, long), others], true).await, [Ok(()), Ok(())]);
    let card = store.card("acme", CardKind::Sim, middle).await.unwrap().unwrap();
    assert_eq!(card.number, long);
    let outcomes = accept(&store, &[call(middle, 1, T0)], T0).await;
    accepted(&outcomes[0]);
    assert_eq!(store.meant_numbers("acme", CardKind::Sim, vec![middle.into()]).await.unwrap(), [long]);
}

#[rstest]
#[tokio::test]
async fn a_sim_is_one_accounts_and_one_profile_of_an_operator_account(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let [short, middle, long] = CHAIN;
    let esim = "89049032123451234512345678901235";
    let of_other = |row: ImportRow| ImportRow { account: "other".into(), ..row };
    let theirs =
        |iccid: &str| Err(RowError::SimOfOtherAccount { iccid: iccid.into(), account: "acme".into() });
    let verdicts = import(
        &store,
        &[
            row(middle, middle),
            of_other(row(esim, middle)),
            row(esim, middle),
            of_other(row("8911", "8911")),
            of_other(row("8913", "8912")),
            row(esim, long),
            row(esim, short),
        ],
        false,
    )
    .await;
    assert_eq!(verdicts[0], Ok(()));
    assert_eq!(verdicts[1], theirs(middle), "another account's card as an eSIM's profile");
    let taken = RowError::SimOfOtherCard { iccid: middle.into(), card: middle.into() };
    assert_eq!(verdicts[2], Err(taken), "one profile for a SIM and operator account");
    assert_eq!(verdicts[3], theirs("8911"), "another account's profile as a card");
    assert_eq!(verdicts[4], theirs("8912"), "and as another card's profile");
    assert_eq!(verdicts[5..], [neighbour(long, middle), neighbour(short, middle)]);
    // At another operator account it may be read as well, and a card's own SIM may be spelled in another way.
    let second = ImportRow { operator_account: "second".into(), ..row(esim, middle) };
    let respelled = row("8988308650100524999", "89883086501005249997");
    assert_eq!(import(&store, &[second, respelled], false).await, [Ok(()), Ok(())]);
}

/// A range that holds more than is asked for is not read whole.
#[rstest]
#[tokio::test]
async fn neighbours_are_found_among_many(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let number = |n: usize| format!("89860610000010{n:05}");
    let many: Vec<ImportRow> = (0..400).map(|n| row(&number(n), &number(n))).collect();
    import(&store, &many, false).await;
    let [_, middle, long] = CHAIN;
    assert_eq!(middle, number(15));
    let rows = [row("89860610000009", "89860610000009"), row(long, long), row("8987", "8987")];
    assert_eq!(import(&store, &rows, false).await, [Ok(()), neighbour(long, middle), Ok(())]);
}

#[rstest]
#[tokio::test]
async fn what_a_row_leaves_out_stays_and_what_it_changes_is_listed(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let store = store.acting_as("cli:alice", Arc::new(|| UnixMs(T0.0)));
    let labelled =
        ImportRow { label: "truck 7".into(), status: "RETIRED_NAME".into(), ..row("8901", "8901") };
    let blank = ImportRow { status: String::new(), ..row("8901", "8901") };
    let new = ImportRow { status: String::new(), ..row("8903", "8903") };
    import(&store, &[labelled], false).await;
    import(&store, &[blank.clone(), new], false).await;
    let card = |number: &'static str| {
        let store = store.clone();
        async move { store.card_of_any(number).await.unwrap().unwrap() }
    };
    let kept = card("8901").await;
    assert_eq!((kept.status.as_str(), kept.label.as_str()), ("RETIRED_NAME", "truck 7"));
    assert_eq!(card("8903").await.status, "ACTIVATED_NAME");
    let moved = ImportRow { operator_account: "second".into(), ..blank.clone() };
    import(&store, &[moved, ImportRow { iccid: "8999".into(), ..blank }], false).await;

    let entries = store.audit_after(0, 10).await.unwrap();
    let details: Vec<&str> = entries.iter().map(|entry| entry.detail.as_str()).collect();
    let id = card("8903").await.id;
    assert_eq!(details[0], "rows=1 new=0 changes=2");
    assert_eq!(details[1], format!("rows=2 new=1 ids={id}-{id} changes=0"));
    assert_eq!(details[2], "rows=2 new=0 changes=2");
    let listed = |entry: i64| {
        let store = store.clone();
        async move {
            let changes = store.import_changes(entry, None, 10).await.unwrap();
            let change = |change: simgauge_store::CardChange| {
                assert_eq!(change.number, "8901");
                (change.field, change.before.unwrap_or_default(), change.after)
            };
            changes.into_iter().map(change).collect::<Vec<_>>()
        }
    };
    let change = |field: &str, before: &str, after: &str| (field.into(), before.into(), after.into());
    assert_eq!(
        listed(1).await,
        [change("label", "", "truck 7"), change("status", "ACTIVATED_NAME", "RETIRED_NAME")]
    );
    assert_eq!(listed(2).await, []);
    assert_eq!(
        listed(3).await,
        [change("profile 8901", "main", "second"), change("profile 8999", "", "main")]
    );
    let after = store.import_changes(1, None, 1).await.unwrap();
    assert_eq!(store.import_changes(1, after.last(), 10).await.unwrap().len(), 1);
}
