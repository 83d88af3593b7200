//! Pace by what the operator says is left.

use crate::operator::Call;
use crate::support::{ACCOUNT, CARD, LANE, Plan, World};
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use std::time::Duration;

const OTHER: &str = "8986001234567890131";
const THIRD: &str = "8986001234567890149";
const DAY: Duration = Duration::from_secs(86_400);

/// No call comes within `pause` from `at` on. Then one does.
async fn call_after_pause(world: &mut World, at: UnixMs, pause: Duration) -> Call {
    let last = at.after(pause - Duration::from_millis(1));
    world.pass(last.since(world.now())).await;
    world.no_call().await;
    world.pass(Duration::from_millis(2)).await;
    world.next_call().await
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_until_there_are_new_calls() {
    let (mut world, first, call) = World::with_call(Plan::default()).await;
    world.import("other", &[OTHER, THIRD]).await;
    // Calls are left: the next one goes out at once.
    call.succeed_with(1, 90);
    assert_eq!(world.ended(ACCOUNT, &first).await.after, Some(7));
    let second = world.accept("other", OTHER).await;
    let at = world.now();
    world.next_call().await.succeed_with(0, 90);
    assert_eq!(world.ended("other", &second).await.state, RefreshState::Succeeded);
    world.said_to_be("limited").await;
    let third = world.accept("other", THIRD).await;
    call_after_pause(&mut world, at, Duration::from_secs(90)).await.succeed_with(5, 1);
    assert_eq!(world.ended("other", &third).await.state, RefreshState::Succeeded);
    world.said_to_be("ok").await;
}

#[tokio::test(start_paused = true)]
async fn a_few_seconds_are_waited_without_a_word() {
    let (mut world, first, call) = World::with_call(Plan::default()).await;
    world.import("other", &[OTHER]).await;
    let at = world.now();
    call.succeed_with(0, 5);
    world.ended(ACCOUNT, &first).await;
    let second = world.accept("other", OTHER).await;
    assert!(world.admits(ACCOUNT));
    call_after_pause(&mut world, at, Duration::from_secs(5)).await.succeed(7);
    assert_eq!(world.health().await, "ok");
    assert_eq!(world.ended("other", &second).await.state, RefreshState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn it_holds_over_a_restart_until_a_person_has_the_operator_tried() {
    let plan = Plan { begin_within: Some(2 * DAY), ..Plan::default() };
    let (mut world, first, call) = World::with_call(plan).await;
    world.import("other", &[OTHER]).await;
    call.succeed_with(0, 86_400);
    world.ended(ACCOUNT, &first).await;
    world.said_to_be("limited").await;
    let second = world.accept("other", OTHER).await;
    world.pass(Duration::from_secs(2)).await;
    world.restart().await;
    world.pass(Duration::from_secs(3_600)).await;
    world.no_call().await;
    world.store.retry_lane(LANE, world.now()).await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    world.next_call().await.succeed_with(0, 86_400);
    assert_eq!(world.ended("other", &second).await.state, RefreshState::Succeeded);
    // In the same process, too.
    let third = world.accept(ACCOUNT, CARD).await;
    world.pass(Duration::from_secs(3_600)).await;
    world.no_call().await;
    world.store.retry_lane(LANE, world.now()).await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    world.next_call().await.succeed(7);
    assert_eq!(world.ended(ACCOUNT, &third).await.state, RefreshState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_rest_is_cut_to_what_the_definition_cites() {
    let plan = Plan { retry_after_max_seconds: Some(60), ..Plan::default() };
    let (mut world, first, call) = World::with_call(plan).await;
    world.import("other", &[OTHER]).await;
    let at = world.now();
    call.succeed_with(0, u64::MAX);
    world.ended(ACCOUNT, &first).await;
    let second = world.accept("other", OTHER).await;
    call_after_pause(&mut world, at, Duration::from_secs(60)).await.succeed(7);
    assert_eq!(world.ended("other", &second).await.state, RefreshState::Succeeded);
}
