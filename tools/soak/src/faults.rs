//! The schedule of faults. It is fixed, so that every run meets the same faults.

use super::receiver::{Mode, Receiver};
use super::world::{World, fault};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const STEP: Duration = Duration::from_secs(10);
/// How long a fault of an operator lasts. Two or three operators are faulty at once.
const FAULT_SECONDS: u64 = 25;
/// Steps of a round. The last [`QUIET_STEPS`] of them set no fault, so that everything recovers.
const ROUND_STEPS: usize = 18;
const QUIET_STEPS: usize = 4;

/// The faults of operators, as the simulator accepts them.
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

/// The modes of the receiver, for three steps each.
const RECEIVER: [Mode; 6] =
    [Mode::Take, Mode::Refuse, Mode::Take, Mode::Hang, Mode::Take, Mode::Late(Duration::from_millis(500))];

/// Switches faults on and off until the task is aborted.
pub(super) async fn keep_switching(world: Arc<World>, receiver: Receiver) {
    let mut steps = tokio::time::interval(STEP);
    let faults = operator_faults();
    let mut number = 0;
    for step in 0.. {
        steps.tick().await;
        receiver.set(RECEIVER[step / 3 % RECEIVER.len()]);
        if step % ROUND_STEPS >= ROUND_STEPS - QUIET_STEPS {
            continue;
        }
        // The number of operators is no multiple of the number of faults, so in time every operator has every
        // fault.
        let operator = &world.operators[number % world.operators.len()];
        let order = fault(operator, &faults[number % faults.len()], FAULT_SECONDS);
        number += 1;
        if let Err(error) = world.set_fault(&order) {
            eprintln!("soak: a fault could not be set: {error:#}");
        }
    }
}
