//! A card's latest refresh: the card's row names it from its acceptance on (PostgreSQL) or from its first
//! reading on (SQLite). Nobody who asks the store sees the difference.
#![allow(clippy::unwrap_used)]

mod support;

use rstest::rstest;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, CardRules, Finished, ImportRow, LeaseKind, Store,
};
use std::time::Duration;
use support::{Database, TestStore};

const CARD: &str = "8901";
const LANE: &str = "lane";

fn at(seconds: i64) -> UnixMs {
    UnixMs(1_800_000_000_000 + seconds * 1000)
}

fn row(iccid: &str) -> ImportRow {
    ImportRow {
        number: CARD.into(),
        kind: CardKind::Sim,
        account: "acme".into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: LANE.into(),
    }
}

async fn import(store: &Store, rows: &[ImportRow]) {
    let mut import = store.import().await.unwrap();
    assert!(import.add(rows).await.unwrap().iter().all(Result::is_ok));
    import.commit().await.unwrap();
}

async fn stocked(database: Database) -> TestStore {
    let store = TestStore::new(database).await;
    store.create_account("acme", "zh", at(0)).await.unwrap();
    import(&store, &[row(CARD)]).await;
    store
}

/// Calls for the card, at most once in 300 s; answers the refresh, if it was accepted, with how many tasks it
/// made.
async fn refresh(store: &Store, seconds: i64) -> Option<(RefreshId, usize)> {
    let id = RefreshId::new(at(seconds), 1);
    let call = AcceptCall {
        account: "acme".into(),
        appkey: "k".into(),
        kind: CardKind::Sim,
        number: CARD.into(),
        sign: format!("{seconds:040X}"),
        is_exact: false,
        sign_was_used: false,
        id,
    };
    let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
    let rules = CardRules { sim: rule, cloud_esim: rule };
    match store.accept(&[call], &rules, &|_, _| Admission::Taken, at(seconds)).await.unwrap().remove(0) {
        AcceptOutcome::Accepted { refresh, tasks } => Some((refresh.id, tasks.len())),
        AcceptOutcome::Cooling { .. } => None,
        other => panic!("{other:?}"),
    }
}

/// What is shown of the card: its newest refresh, when it was accepted, and all of them.
async fn shown(store: &Store) -> (Option<(RefreshId, RefreshState)>, Option<UnixMs>, Vec<RefreshId>) {
    let card = store.card("acme", CardKind::Sim, CARD).await.unwrap().unwrap();
    let history = store.refreshes_of_card(card.id, None, 10).await.unwrap();
    (
        card.refresh.map(|refresh| (refresh.id, refresh.state)),
        card.accepted_at,
        history.into_iter().map(|refresh| refresh.id).collect(),
    )
}

/// Ends the oldest task of the lane without a reading.
async fn fail_oldest(store: &TestStore, seconds: i64) {
    let lease = store
        .lease(LeaseKind::Lane, LANE, "node", at(seconds), at(seconds + 10), true)
        .await
        .unwrap()
        .unwrap()
        .0;
    let task = store.tasks_after(LANE, "acme", None, 1).await.unwrap().remove(0).unwrap();
    let finished = Finished {
        task: task.key,
        card: task.card,
        began_at: at(seconds),
        ended_at: at(seconds),
        outcome: Err(Failure { kind: FailureKind::NotFound, detail: String::new() }),
        operator_id: None,
    };
    store.finish(&lease, &[finished]).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn is_shown_and_counts_from_its_acceptance_on(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut store = stocked(database).await;
    let (first, _) = refresh(&store, 0).await.unwrap();
    let queued = (Some((first, RefreshState::Queued)), Some(at(0)), vec![first]);
    assert_eq!(shown(&store).await, queued);
    // By another process, and after a restart.
    assert_eq!(shown(&store.opened_again().await).await, queued);
    store.reopen().await;
    assert_eq!(shown(&store).await, queued);
    assert_eq!(refresh(&store, 299).await, None);
    fail_oldest(&store, 299).await;
    store.reopen().await;
    assert_eq!(shown(&store).await, (Some((first, RefreshState::Failed)), Some(at(0)), vec![first]));
    assert_eq!(refresh(&store, 299).await, None);
    let (second, _) = refresh(&store, 300).await.unwrap();
    assert_eq!(
        shown(&store).await,
        (Some((second, RefreshState::Queued)), Some(at(300)), vec![second, first])
    );
}

#[rstest]
#[tokio::test]
async fn one_that_waits_for_an_earlier_ones_task_ends_with_it(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut store = stocked(database).await;
    let (first, own) = refresh(&store, 0).await.unwrap();
    let (second, joined) = refresh(&store, 300).await.unwrap();
    assert_eq!((own, joined), (1, 0));
    store.reopen().await;
    assert_eq!(refresh(&store, 599).await, None);
    fail_oldest(&store, 600).await;
    let ended = Some((second, RefreshState::Failed));
    assert_eq!(shown(&store).await, (ended, Some(at(300)), vec![second, first]));
    assert_eq!(store.refresh("acme", &first).await.unwrap().unwrap().state, RefreshState::Failed);
}

#[rstest]
#[case::at_once("8901 8902")]
#[case::other_first("8902 8901")]
#[case::later("8901, 8902")]
#[case::and_itself_again("8901, 8902, 8901")]
#[tokio::test]
async fn every_profile_of_a_card_is_read(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[case] imports: &str,
) {
    let store = TestStore::new(database).await;
    store.create_account("acme", "zh", at(0)).await.unwrap();
    for iccids in imports.split(',') {
        import(&store, &iccids.split_whitespace().map(row).collect::<Vec<_>>()).await;
    }
    assert_eq!(refresh(&store, 0).await.unwrap().1, 2);
}
