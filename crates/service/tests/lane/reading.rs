//! What becomes of one reading.

use crate::parts::ended;
use crate::support::{ACCOUNT, CARD, Plan, START, World};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::retry::RetryRule;
use std::time::Duration;

const OTHER: &str = "8986001234567890131";

#[tokio::test(start_paused = true)]
async fn a_success_is_stored_and_those_who_wait_are_told() {
    let (world, id, call) = World::with_call(Plan::default()).await;
    assert_eq!(call.iccid, CARD);
    let (waiters, store) = (world.waiters.clone(), world.store.clone());
    let waiting =
        tokio::spawn(async move { waiters.wait(&store, ACCOUNT, &id, Duration::from_secs(60)).await });
    call.succeed(1_000);
    // No time passes: the wait ends because it is woken.
    let refresh = ended(waiting).await.unwrap().unwrap();
    assert_eq!(
        (refresh.state, refresh.after, refresh.finished_at),
        (RefreshState::Succeeded, Some(1_000), Some(START))
    );
    let card = world.store.card(ACCOUNT, CardKind::Sim, CARD).await.unwrap().unwrap();
    assert_eq!((card.profiles[0].used, card.profiles[0].synced_at), (Some(1_000), Some(START)));
    assert!(world.waiting(ACCOUNT).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_temporary_failure_is_tried_again_until_the_deadline() {
    let retry = RetryRule {
        first_pause: Duration::from_secs(2),
        longest_pause: Duration::from_secs(8),
        deadline: Duration::from_secs(20),
    };
    let (mut world, id, call) = World::with_call(Plan { retry, ..Plan::default() }).await;
    call.fail(503);
    let first = world.put_off(ACCOUNT, CARD, 1).await;
    let pause = first.not_before.since(START);
    assert!(Duration::from_secs(1) <= pause && pause <= Duration::from_secs(2), "{pause:?}");
    let mut attempts = 1;
    let mut task = first;
    loop {
        assert_eq!(task.first_attempt_at, Some(START));
        let call = world.next_call_after(task.not_before.since(world.now())).await;
        call.fail(503);
        attempts += 1;
        if world.now().since(START) >= Duration::from_secs(18) {
            break;
        }
        task = world.put_off(ACCOUNT, CARD, attempts).await;
    }
    assert!(world.now().since(START) <= Duration::from_secs(20));
    // Pauses are 1 to 2, 2 to 4, then 4 to 8 seconds: after 0, 2, 6, 14, 20 s, or after 0, 1, 3, 7, 11, 15,
    // 19 s.
    assert!((5..=7).contains(&attempts), "{attempts} attempts");
    let refresh = world.ended(ACCOUNT, &id).await;
    assert_eq!(refresh.state, RefreshState::Failed);
    assert_eq!(refresh.failure.unwrap().kind, FailureKind::Temporary);
    world.pass(Duration::from_secs(60)).await;
    world.no_call().await;
}

#[tokio::test(start_paused = true)]
async fn a_final_failure_is_not_tried_again() {
    let (mut world, id, call) = World::with_call(Plan::default()).await;
    call.fail(404);
    let refresh = world.ended(ACCOUNT, &id).await;
    assert_eq!((refresh.state, refresh.finished_at), (RefreshState::Failed, Some(START)));
    assert_eq!(refresh.failure.unwrap().kind, FailureKind::NotFound);
    world.pass(Duration::from_secs(120)).await;
    world.no_call().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_before_the_operators_retry_after() {
    let (mut world, limited, call) = World::with_call(Plan::default()).await;
    world.import("other", &[OTHER]).await;
    call.fail_until(429, 90);
    let task = world.put_off(ACCOUNT, CARD, 1).await;
    assert_eq!(task.not_before, START.after(Duration::from_secs(90)));
    // The credential is limited, so another SIM has to wait as well.
    let other = world.accept("other", OTHER).await;
    world.pass(Duration::from_millis(89_999)).await;
    world.no_call().await;
    world.pass(Duration::from_millis(2)).await;
    for _ in 0..2 {
        let call = world.next_call().await;
        let used = if call.iccid == CARD { 1 } else { 2 };
        call.succeed(used);
    }
    assert_eq!(world.ended(ACCOUNT, &limited).await.after, Some(1));
    assert_eq!(world.ended("other", &other).await.after, Some(2));
}
