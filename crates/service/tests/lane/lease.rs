//! One holder at a time, and what becomes of readings when that ends.

use crate::support::{ACCOUNT, CARD, LANE, Plan, World};
use simgauge_domain::refresh::RefreshState;
use simgauge_store::LeaseKind;
use std::time::Duration;

const OTHER: &str = "8986001234567890131";

/// Another node takes the lane over, as after this one was frozen for too long.
async fn seize(world: &World) {
    let until = world.now().after(Duration::from_secs(3600));
    world.store.lease(LeaseKind::Lane, LANE, "other", world.now(), until, true).await.unwrap().unwrap();
}

async fn nothing_was_written(world: &World, id: &simgauge_domain::id::RefreshId) {
    let refresh = world.refresh(ACCOUNT, id).await;
    assert_eq!((refresh.state, refresh.after), (RefreshState::Queued, None));
    let waiting = world.waiting(ACCOUNT).await;
    assert_eq!((waiting.len(), waiting[0].attempts), (1, 0), "the new holder reads it");
    let lane = world.lane().await;
    assert_eq!(lane.holder, "other");
    assert!(lane.lease_until > world.now().0, "it was not given back for somebody else");
}

#[tokio::test(start_paused = true)]
async fn a_reading_whose_answer_comes_after_the_lease_was_lost_is_not_written() {
    let (world, id, call) = World::with_call(Plan::default()).await;
    seize(&world).await;
    call.succeed(1_000);
    // No time passes: it is the write that finds out.
    world.lane_left().await;
    nothing_was_written(&world, &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_with_nothing_to_do_finds_out_with_its_heartbeat() {
    let mut world = World::new(Plan::default()).await;
    world.import(ACCOUNT, &[CARD]).await;
    world.start().await;
    seize(&world).await;
    world.jump(Duration::from_secs(15)).await;
    world.lane_left().await;
    world.accept(ACCOUNT, CARD).await;
    world.no_call().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_when_the_lease_is_found_lost_is_dropped() {
    let (mut world, id, call) = World::with_call(Plan::default()).await;
    seize(&world).await;
    world.jump(Duration::from_secs(15)).await;
    world.lane_left().await;
    call.succeed(1_000);
    world.no_call().await;
    let refresh = world.refresh(ACCOUNT, &id).await;
    assert!(!matches!(refresh.state, RefreshState::Succeeded | RefreshState::Failed));
    assert_eq!(world.lane().await.holder, "other");
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_and_writes_what_runs_and_starts_nothing() {
    let mut world = World::new(Plan::default()).await;
    world.import(ACCOUNT, &[CARD, OTHER]).await;
    let running = world.accept(ACCOUNT, CARD).await;
    let waiting = world.accept(ACCOUNT, OTHER).await;
    world.start().await;
    let call = world.next_call().await;
    assert_eq!(call.iccid, CARD);
    world.stop();
    call.succeed(1_000);
    world.join().await;
    let refresh = world.refresh(ACCOUNT, &running).await;
    assert_eq!((refresh.state, refresh.after), (RefreshState::Succeeded, Some(1_000)));
    assert_eq!(world.refresh(ACCOUNT, &waiting).await.state, RefreshState::Queued);
    assert_eq!(world.lane().await.lease_until, 0, "the lease is given back");
    world.no_call().await;
}
