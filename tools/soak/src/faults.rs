//! What goes wrong when: a fixed schedule, so that every run meets the same.

use super::receiver::{Mode, Receiver};
use super::world::{World, fault};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A step of the schedule.
const STEP: Duration = Duration::from_secs(10);
/// How long an operator goes wrong, in seconds: two or three of them do at once.
const LENGTH: u64 = 25;
/// In each round of so many steps, the last ones bring nothing new: everybody gets well.
const ROUND: usize = 18;
const WELL: usize = 4;

/// What operators do, as the simulator takes it.
fn operator_faults() -> [Value; 13] {
    [
        json!({ "fault": "delay", "millis": 3_000 }),
        json!({ "fault": "status", "status": 500 }),
        json!({ "fault": "rate_limited", "retryAfterSeconds": 5 }),
        json!({ "fault": "nonsense" }),
        json!({ "fault": "hang_up" }),
        json!({ "fault": "auth_expired" }),
        json!({ "fault": "empty_body" }),
        json!({ "fault": "hang" }),
        json!({ "fault": "wrong_card" }),
        json!({ "fault": "missing_used" }),
        json!({ "fault": "trickle" }),
        json!({ "fault": "redirect", "location": "http://127.0.0.1:9/" }),
        json!({ "fault": "huge" }),
    ]
}

/// What the receiver does, in turn, for three steps each.
const RECEIVER: [Mode; 6] =
    [Mode::Take, Mode::Refuse, Mode::Take, Mode::Hang, Mode::Take, Mode::Late(Duration::from_millis(500))];

/// Switches faults on and off until it is dropped.
pub(super) async fn keep_switching(world: Arc<World>, receiver: Receiver) {
    let mut steps = tokio::time::interval(STEP);
    let faults = operator_faults();
    let mut number = 0;
    for step in 0.. {
        steps.tick().await;
        receiver.set(RECEIVER[step / 3 % RECEIVER.len()]);
        if step % ROUND >= ROUND - WELL {
            continue;
        }
        // As many operators as there are, which is no multiple of the faults: in time, everything happens to everybody.
        let operator = &world.operators[number % world.operators.len()];
        let order = fault(operator, &faults[number % faults.len()], LENGTH);
        number += 1;
        if let Err(error) = world.set_fault(&order) {
            eprintln!("soak: a fault could not be set: {error:#}");
        }
    }
}
