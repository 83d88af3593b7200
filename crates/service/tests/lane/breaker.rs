//! An operator that keeps failing is left alone, and asked again.

use crate::support::{ACCOUNT, Plan, World};
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::refresh::RefreshState;
use std::time::Duration;

const CARDS: [&str; 2] = ["8986001234567890123", "8986001234567890131"];

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_pauses_probes_and_closes() {
    let breaker = BreakerRule {
        failures: 2,
        first_pause: Duration::from_secs(30),
        longest_pause: Duration::from_secs(300),
    };
    let mut world = World::new(Plan { breaker, max_concurrent: 2, ..Plan::default() }).await;
    world.import(ACCOUNT, &CARDS).await;
    let mut refreshes = Vec::new();
    for card in CARDS {
        refreshes.push(world.accept(ACCOUNT, card).await);
    }
    world.start().await;
    world.next_call().await.fail(503);
    world.next_call().await.fail(503);
    for card in CARDS {
        world.put_off(ACCOUNT, card, 1).await;
    }
    // Two failures in a row: open for 30 s, although both readings may be tried again after 2 s.
    assert_eq!(world.health().await, "open");
    let probe = world.next_call_after(Duration::from_secs(15)).await;
    let card = probe.iccid.clone();
    probe.fail(503);
    world.put_off(ACCOUNT, &card, 2).await;
    // The probe failed: open for twice as long.
    assert_eq!(world.health().await, "open");
    let probe = world.next_call_after(Duration::from_secs(45)).await;
    assert_eq!(world.health().await, "probing");
    // One call finds out; the other reading waits, although two may run at once.
    world.no_call().await;
    probe.succeed(7);
    // Closed: the other follows without a pause.
    world.next_call().await.succeed(7);
    for id in &refreshes {
        assert_eq!(world.ended(ACCOUNT, id).await.state, RefreshState::Succeeded);
    }
    assert_eq!(world.health().await, "ok");
}
