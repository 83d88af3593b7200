//! What callers are told of their wait, and that nothing waits for ever.

use crate::support::{ACCOUNT, CARD, OTHER_LANE, Plan, World};
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::retry::RetryRule;
use std::time::Duration;

const SECOND: &str = "8986001234567890131";
const DAY: Duration = Duration::from_secs(86_400);

/// A 19-digit ICCID of an operator's; the lane compares them as texts.
fn iccid(n: usize) -> String {
    format!("89860012345678{n:05}")
}

#[tokio::test(start_paused = true)]
async fn with_an_operator_down_nobody_is_promised_a_time_and_nothing_waits_for_ever() {
    let step = Duration::from_secs(5);
    let longest = Duration::from_secs(900) + 2 * step;
    let breaker = BreakerRule {
        failures: 3,
        first_pause: Duration::from_secs(5),
        longest_pause: Duration::from_secs(60),
    };
    let mut world = World::new(Plan { breaker, other_lane: true, ..Plan::default() }).await;
    let cards: Vec<String> = (0..51).map(iccid).collect();
    let others: Vec<String> = (1000..1030).map(iccid).collect();
    world.import(ACCOUNT, &cards.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let of_other_lane: Vec<&str> = others.iter().map(String::as_str).collect();
    world.import_to(OTHER_LANE, ACCOUNT, &of_other_lane).await;
    world.start().await;
    // The first one finds out; until then nobody can know.
    let mut waiting = vec![world.accept(ACCOUNT, &cards[0]).await];
    for attempt in 1..=3 {
        world.next_call().await.fail(503);
        world.put_off(ACCOUNT, &cards[0], attempt).await;
        if attempt < 3 {
            world.said_to_be("degraded").await;
            assert_eq!(world.wait_of(ACCOUNT).0, None);
        }
        world.pass(step).await;
    }
    world.said_to_be("down").await;
    for card in &cards[1..] {
        assert_eq!(world.wait_of(ACCOUNT), (None, "down"));
        assert!(world.admits(ACCOUNT));
        waiting.push(world.accept(ACCOUNT, card).await);
    }
    for round in 0..240 {
        world.pass(step).await;
        for call in world.calls().await {
            call.fail(503);
        }
        assert_eq!(world.wait_of(ACCOUNT), (None, "down"));
        if round % 8 == 0 {
            // Another operator's lane reads at once.
            let id = world.accept(ACCOUNT, &others[round / 8]).await;
            let at = world.now();
            world.other_lane_call().await.succeed(7);
            assert_eq!(world.ended(ACCOUNT, &id).await.state, RefreshState::Succeeded);
            assert_eq!(world.now(), at);
        }
        // What is due by now ends without further time, once the call under way is answered.
        for id in &waiting {
            if world.now().since(id.made_at()) < longest {
                break;
            }
            while !world.refresh(ACCOUNT, id).await.state.is_ended() {
                world.calls().await.into_iter().for_each(|call| call.fail(503));
            }
        }
    }
    for id in &waiting {
        let refresh = world.refresh(ACCOUNT, id).await;
        let waited = refresh.finished_at.expect("it ended").since(refresh.accepted_at);
        assert!(waited <= longest, "{waited:?}");
        let kind = refresh.failure.expect("it failed").kind;
        assert!(matches!(kind, FailureKind::OperatorDown | FailureKind::Temporary), "{kind}");
    }
    assert!(world.waiting(ACCOUNT).await.is_empty());
    // Nobody waits, so that the next one is taken: it is the probe.
    assert!(world.admits(ACCOUNT));
}

#[tokio::test(start_paused = true)]
async fn a_paused_lane_promises_nothing_and_what_waits_ends() {
    let mut world = World::new(Plan::default()).await;
    world.import(ACCOUNT, &[CARD, SECOND]).await;
    world.start().await;
    world.store.pause_lane(crate::support::LANE, "ops", "", world.now()).await.unwrap();
    world.pass(Duration::from_secs(2)).await;
    world.said_to_be("paused").await;
    assert_eq!(world.wait_of(ACCOUNT), (None, "paused"));
    let first = world.accept(ACCOUNT, CARD).await;
    world.pass(Duration::from_secs(600)).await;
    let second = world.accept(ACCOUNT, SECOND).await;
    world.pass(Duration::from_secs(298)).await;
    assert_eq!(world.refresh(ACCOUNT, &first).await.state, RefreshState::Queued);
    world.pass(Duration::from_secs(4)).await;
    let ended = world.ended(ACCOUNT, &first).await;
    assert_eq!(ended.failure.map(|failure| failure.kind), Some(FailureKind::OperatorPaused));
    assert_eq!(world.refresh(ACCOUNT, &second).await.state, RefreshState::Queued);
    assert!(!world.admits(ACCOUNT), "paused for longer than a refresh may wait");
    world.store.resume_lane(crate::support::LANE).await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    let call = world.next_call().await;
    assert_eq!(call.iccid, SECOND, "what ended is not asked for any more");
    call.succeed(7);
    assert_eq!(world.ended(ACCOUNT, &second).await.state, RefreshState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_honoured_over_a_restart_and_told() {
    let plan = Plan { begin_within: Some(2 * DAY), ..Plan::default() };
    let (mut world, first, call) = World::with_call(plan).await;
    world.import_to(crate::support::LANE, ACCOUNT, &[SECOND]).await;
    call.fail_until(429, 3_600);
    let ended = world.ended(ACCOUNT, &first).await;
    assert_eq!(ended.failure.map(|failure| failure.kind), Some(FailureKind::RateLimited));
    world.said_to_be("limited").await;
    assert!(!world.admits(ACCOUNT), "an hour is longer than a refresh may wait");
    assert_eq!(world.wait_of(ACCOUNT), (Some(3_601), "limited"));
    let second = world.accept(ACCOUNT, SECOND).await;
    assert_eq!(world.health().await, "limited");
    world.pass(Duration::from_secs(585)).await;
    world.restart().await;
    world.pass(Duration::from_secs(2_000)).await;
    world.no_call().await;
    world.said_to_be("limited").await;
    assert_eq!(world.wait_of(ACCOUNT), (Some(1_001), "limited"));
    world.next_call_after(Duration::from_millis(1_000_001)).await.succeed(7);
    assert_eq!(world.ended(ACCOUNT, &second).await.state, RefreshState::Succeeded);
    world.said_to_be("ok").await;
    assert_eq!(world.wait_of(ACCOUNT), (Some(1), "ok"));
}

#[tokio::test(start_paused = true)]
async fn a_person_has_an_operator_tried_again() {
    let plan = Plan { begin_within: Some(2 * DAY), ..Plan::default() };
    let (mut world, _, call) = World::with_call(plan).await;
    world.import_to(crate::support::LANE, ACCOUNT, &[SECOND]).await;
    // Longer than an instant of the clock can tell.
    call.fail_until(429, u64::MAX);
    world.said_to_be("limited").await;
    let second = world.accept(ACCOUNT, SECOND).await;
    world.pass(DAY / 24).await;
    world.no_call().await;
    world.store.retry_lane(crate::support::LANE, world.now()).await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    world.next_call().await.succeed(7);
    assert_eq!(world.ended(ACCOUNT, &second).await.state, RefreshState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_cut_only_to_what_the_definition_cites() {
    let retry = RetryRule { deadline: DAY, ..Plan::default().retry };
    let plan = Plan { retry_after_max_seconds: Some(60), retry, ..Plan::default() };
    let (mut world, id, call) = World::with_call(plan).await;
    call.fail_until(503, 5_000);
    world.put_off(ACCOUNT, CARD, 1).await;
    world.next_call_after(Duration::from_millis(60_001)).await.succeed(7);
    assert_eq!(world.ended(ACCOUNT, &id).await.state, RefreshState::Succeeded);
}
