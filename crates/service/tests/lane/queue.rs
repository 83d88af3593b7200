//! Which reading is next, and when none is.

use crate::support::{ACCOUNT, CARD, LANE, Plan, World};
use simgauge_domain::refresh::RefreshState;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn two_accounts_share_a_lane_evenly() {
    let many = ["8986001000000000011", "8986001000000000029", "8986001000000000037", "8986001000000000045"];
    let few = ["8986002000000000019", "8986002000000000027"];
    let mut world = World::new(Plan::default()).await;
    world.import("a", &many).await;
    world.import("b", &few).await;
    for card in many {
        world.accept("a", card).await;
    }
    for card in few {
        world.accept("b", card).await;
    }
    world.start().await;
    let mut order = Vec::new();
    for _ in 0..6 {
        let call = world.next_call().await;
        order.push(call.iccid.clone());
        call.succeed(1);
    }
    assert_eq!(order, [many[0], few[0], many[1], few[1], many[2], many[3]]);
}

#[tokio::test(start_paused = true)]
async fn a_sim_is_read_no_sooner_than_its_operator_allows() {
    let (mut world, first, call) =
        World::with_call(Plan { min_refresh_seconds: 60, ..Plan::default() }).await;
    call.succeed(1);
    world.ended(ACCOUNT, &first).await;
    world.pass(Duration::from_secs(20)).await;
    let second = world.accept(ACCOUNT, CARD).await;
    world.next_call_after(Duration::from_secs(40)).await.succeed(2);
    assert_eq!(world.ended(ACCOUNT, &second).await.after, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_paused_lane_starts_nothing_and_then_goes_on() {
    let mut world = World::new(Plan { max_concurrent: 2, ..Plan::default() }).await;
    world.import(ACCOUNT, &[CARD]).await;
    world.store.pause_lane(LANE, "ops", "they asked us to", world.now()).await.unwrap();
    world.start().await;
    let id = world.accept(ACCOUNT, CARD).await;
    world.pass(Duration::from_secs(60)).await;
    world.no_call().await;
    assert_eq!(world.health().await, "paused");
    world.store.resume_lane(LANE).await.unwrap();
    // The lane asks the store once a second.
    world.pass(Duration::from_secs(1)).await;
    world.next_call().await.succeed(5);
    assert_eq!(world.ended(ACCOUNT, &id).await.state, RefreshState::Succeeded);
    assert_eq!(world.health().await, "ok");
}
