//! More calls than can be made durable.

use crate::support::{ICCID, OPERATOR, TestServer, server, sqlite_store};
use serde_json::{Value, json};
use simgauge_http::OverloadDelay;
use simgauge_simulator::{Fault, FaultSpan};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long the operator takes.
const SLOW: Duration = Duration::from_secs(3);

/// Keeps everybody from writing to the store as long as two calls have not been turned away.
struct Standstill<'a> {
    server: &'a TestServer,
    turned_away: Mutex<(rusqlite::Connection, usize)>,
}

impl<'a> Standstill<'a> {
    async fn begin(server: &'a TestServer) -> Self {
        let connection = sqlite_store(&server.config.store.url);
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self { server, turned_away: Mutex::new((connection, 0)) }
    }

    /// Whether it was accepted.
    async fn call(&self, number: &str) -> bool {
        let began = Instant::now();
        let answer = self.server.refresh_sim(number).await;
        if answer.code() == "200" {
            return true;
        }
        let took = began.elapsed();
        answer.expect("503");
        assert_eq!(answer.status, 503);
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(answer.data()["retryAfterSeconds"], 1);
        assert!(took >= OverloadDelay::MEAN / 2, "who is refused waits for the overload delay: {took:?}");
        let mut turned_away = self.turned_away.lock().await;
        turned_away.1 += 1;
        if turned_away.1 == 2 {
            turned_away.0.execute_batch("ROLLBACK").unwrap();
        }
        false
    }
}

// Whoever waits for the store does so on a thread: the test itself must have others.
#[tokio::test(flavor = "multi_thread")]
async fn who_would_wait_too_long_is_turned_away_and_uses_no_cooldown() {
    let server = server().configure(|config| config.refresh.accept_queue = 1).start().await;
    let numbers = server.add_cards(3).await;
    let standstill = Standstill::begin(&server).await;
    let (first, second, third) = tokio::join!(
        standstill.call(&numbers[0]),
        standstill.call(&numbers[1]),
        standstill.call(&numbers[2])
    );
    let accepted = [first, second, third];
    assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1);
    for (number, accepted) in numbers.iter().zip(accepted) {
        if !accepted {
            assert_eq!(server.card(number).await.expect("200")["nextRefreshAt"], Value::Null);
            server.refresh_sim(number).await.expect("200");
        }
    }
}

#[tokio::test]
async fn held_answers_leave_places_for_other_calls() {
    let server = server().configure(|config| config.server.max_in_flight = 4).start().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Delay(SLOW), FaultSpan::Forever);
    // An account may hold one of four.
    let body = server.signed(json!({ "iccid": ICCID, "wait": 8 })).to_string();
    let began = Instant::now();
    let first = server.post("/api/v3/card/refreshUsage", body.clone());
    let second = server.post("/api/v3/card/refreshUsage", body.clone());
    tokio::pin!(first, second);
    let (at_once, is_first) = tokio::select! {
        answer = &mut first => (answer, true),
        answer = &mut second => (answer, false),
    };
    assert!(began.elapsed() < SLOW, "one of them is not held");
    let state = at_once.expect("200")["state"].clone();
    assert!(state == "queued" || state == "running", "{state}");
    server.card(ICCID).await.expect("200");
    let held = if is_first { second.await } else { first.await };
    assert_eq!(held.expect("200")["state"], "succeeded");
    // The place is free again.
    assert_eq!(server.post("/api/v3/card/refreshUsage", body).await.expect("200")["state"], "succeeded");
}
