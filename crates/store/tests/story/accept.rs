//! Accepting refreshes.

use crate::scene::{LANE, T0, accept, accepted, at, call, row, rules, stocked, tasks};
use crate::support::Database;
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::waiting::{LaneBehind, OperatorCondition};
use simgauge_store::{AcceptCall, AcceptOutcome, Admission, ImportRow, Wakeup};
use std::time::Duration;

#[rstest]
#[tokio::test]
async fn accepting_is_decided_in_order_and_durable(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut store = stocked(database).await;
    let calls = [call("8901", 1, T0), call("8901", 2, T0), call("8901", 1, T0), call("8903", 3, T0)];
    let outcomes = accept(&store, &calls, T0).await;
    let id = accepted(&outcomes[0]);
    assert_eq!(outcomes[1], AcceptOutcome::Cooling { accepted_at: T0, next_at: at(300) });
    assert!(matches!(&outcomes[2], AcceptOutcome::Same(same) if same.id == id));
    assert_eq!(outcomes[3], AcceptOutcome::NotFound);
    let foreign = AcceptCall { account: "other".into(), ..call("8902", 4, T0) };
    let twisted = AcceptCall { kind: CardKind::CloudEsim, ..call("8902", 5, T0) };
    assert_eq!(
        accept(&store, &[foreign, twisted], T0).await,
        [AcceptOutcome::NotFound, AcceptOutcome::NotFound]
    );

    store.reopen().await;
    let later = accept(&store, &[call("8901", 6, at(299)), call("8901", 1, at(299))], at(299)).await;
    assert_eq!(later[0], AcceptOutcome::Cooling { accepted_at: T0, next_at: at(300) });
    assert!(
        matches!(&later[1], AcceptOutcome::Same(same) if same.id == id && same.state == RefreshState::Queued)
    );
    let view = store.refresh("acme", &id).await.unwrap().unwrap();
    assert_eq!((view.state, view.number.as_str(), view.appkey.as_str()), (RefreshState::Queued, "8901", "k"));
    assert_eq!(store.refresh("other", &id).await.unwrap(), None);

    let again = accept(&store, &[call("8901", 6, at(300))], at(300)).await;
    let second = accepted(&again[0]);
    assert!(
        matches!(&again[0], AcceptOutcome::Accepted { tasks, .. } if tasks.is_empty()),
        "the first reading is still waiting, so the second refresh joins it"
    );
    let same = accept(&store, &[call("8901", 1, at(301))], at(301)).await;
    assert!(matches!(&same[0], AcceptOutcome::Same(same) if same.id == id), "also behind a newer refresh");
    assert_ne!(second, id);
    assert_eq!(tasks(&store).await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_lane_that_does_not_take_it_stores_nothing(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let behind = LaneBehind { estimated_seconds: Some(1000), operator: OperatorCondition::OK };
    for (answer, behind) in
        [(Admission::TooFarBehind(behind), Some(Box::new(behind))), (Admission::Unknown, None)]
    {
        let outcomes = store.accept(&[call("8901", 1, T0)], &rules(), &move |_, _| answer, T0).await.unwrap();
        assert_eq!(outcomes, [AcceptOutcome::Refused { lane: LANE.into(), behind }]);
    }
    accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
}

#[rstest]
#[tokio::test]
async fn accounts_with_waiting_work_are_found_without_reading_their_queues(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let mut import = store.import().await.unwrap();
    let others: Vec<ImportRow> = (0..20)
        .map(|n| ImportRow { account: "other".into(), ..row(&format!("77{n:02}"), &format!("77{n:02}")) })
        .collect();
    import.add(&others).await.unwrap();
    import.commit().await.unwrap();
    let calls: Vec<AcceptCall> = (0..20)
        .map(|n| AcceptCall { account: "other".into(), ..call(&format!("77{n:02}"), n, T0) })
        .collect();
    accept(&store, &calls, T0).await;
    accept(&store, &[call("8901", 100, T0)], T0).await;
    assert_eq!(store.waiting_accounts(LANE).await.unwrap(), ["acme", "other"]);
    assert_eq!(store.count_waiting(LANE, "other", 7).await.unwrap().count, 7);
    let first = store.tasks_after(LANE, "other", None, 15).await.unwrap();
    let first: Vec<_> = first.into_iter().map(Result::unwrap).collect();
    let rest = store.tasks_after(LANE, "other", Some(&first[14].key), 15).await.unwrap();
    let rest: Vec<_> = rest.into_iter().map(Result::unwrap).collect();
    assert_eq!((first.len(), rest.len()), (15, 5));
    assert!(first[14].key.refresh < rest[0].key.refresh);
}

#[rstest]
#[tokio::test]
async fn accepted_work_is_told_to_other_nodes(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let wakeups = store.wakeups().await.unwrap();
    accept(&store, &[call("8901", 1, T0), call("8902", 2, T0), call("8903", 3, T0)], T0).await;
    match (database, wakeups) {
        (Database::Sqlite, None) => assert_eq!(store.server_time().await.unwrap(), None),
        (Database::Postgres, Some(mut wakeups)) => {
            let news = tokio::time::timeout(Duration::from_secs(5), wakeups.next()).await.unwrap().unwrap();
            assert_eq!(news, Wakeup::Work { lane: LANE.into(), account: "acme".into() });
            let now = store.server_time().await.unwrap().unwrap();
            assert!(now.seconds() > 1_700_000_000);
        }
        (database, _) => panic!("{database:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn an_acceptance_in_the_future_counts_as_one_of_now_once(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    const DAY: i64 = 86_400;
    let store = stocked(database).await;
    let ahead = accepted(&accept(&store, &[call("8901", 1, at(DAY))], at(DAY)).await[0]);
    let now = at(10);
    let group = [call("8901", 2, now), call("8901", 1, now)];
    let outcomes = accept(&store, &group, now).await;
    assert_eq!(outcomes[0], AcceptOutcome::Cooling { accepted_at: now, next_at: at(310) });
    assert!(matches!(&outcomes[1], AcceptOutcome::Same(same) if same.id == ahead && same.accepted_at == now));
    let view = store.refresh("acme", &ahead).await.unwrap().unwrap();
    assert_eq!(view.accepted_at, now, "written down");
    let outcomes = accept(&store, &[call("8901", 3, at(309))], at(309)).await;
    assert_eq!(outcomes[0], AcceptOutcome::Cooling { accepted_at: now, next_at: at(310) });
    // As the service makes it: ids grow although the clock was put back.
    let mut next = call("8901", 4, at(DAY));
    next.id = RefreshId::new(at(DAY + 1), 4);
    accepted(&accept(&store, &[next], at(310)).await[0]);
    let outcomes = accept(&store, &[call("8901", 5, at(320))], at(320)).await;
    assert_eq!(outcomes[0], AcceptOutcome::Cooling { accepted_at: at(310), next_at: at(610) });
    assert_eq!(store.highest_refresh_id().await.unwrap(), Some(RefreshId::new(at(DAY + 1), 4)));
}

#[rstest]
#[tokio::test]
async fn a_sign_that_another_call_used_is_good_for_a_repetition_only(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let used = |number: &str, n| AcceptCall { sign_was_used: true, ..call(number, n, T0) };
    assert_eq!(accept(&store, &[used("8901", 1)], T0).await, [AcceptOutcome::SignUsed]);
    let id = accepted(&accept(&store, &[call("8901", 2, T0)], T0).await[0]);
    let outcomes = accept(&store, &[used("8901", 1), used("8901", 2)], T0).await;
    assert_eq!(outcomes[0], AcceptOutcome::SignUsed, "not told that the card cools either");
    assert!(matches!(&outcomes[1], AcceptOutcome::Same(same) if same.id == id));
}
