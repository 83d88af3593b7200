//! Log-ins: cached, one at a time, renewed early and once, never in a loop.

use crate::support::{Asked, ICCID, NOW, SIMPLE, Stub, account, ok, operator, parse, profile, status};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::Reading;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{CallGate, CallKind, NoGate, Operator, ReadError};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn with_login() -> String {
    SIMPLE.replace(
        "[auth]\nheaders = { X-Key = \"{{ secret.key }}\" }",
        r#"
[auth.login]
request = { method = "POST", path = "/login", json = '{"key": {{ secret.key }}}' }
capture = { token = { body = ".token" } }
ttl = { seconds = 600, from = ".expires_in" }
send = { headers = { X-Token = "{{ login.token }}" } }
"#,
    )
}

fn usage() -> axum::response::Response {
    ok(&format!(r#"{{"iccid":"{ICCID}","used":5}}"#))
}

/// An operator that answers every log-in with this text, and every other call with usage.
async fn logging_in(answer: &'static str) -> Stub {
    Stub::new(move |asked| if asked.path == "/login" { ok(answer) } else { usage() }).await
}

/// An operator account with a clock that stays where it is put.
fn with_clock(stub: &Stub) -> (Operator, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let definition = parse(&with_login());
    let account = account(&definition, &stub.url);
    let clock = Arc::new(move || UnixMs(clock.load(Ordering::SeqCst)));
    (Operator::new(definition, account, clock).unwrap(), now)
}

/// Twenty readings at once.
async fn twenty(operator: &Operator) -> Vec<Result<Reading, ReadError>> {
    let asking = profile(ICCID);
    join_all((0..20).map(|_| operator.read(&asking, &NoGate))).await
}

fn token_of(asked: &Asked) -> &str {
    asked.headers.get("x-token").map(|token| token.to_str().unwrap()).unwrap_or_default()
}

fn logins(stub: &Stub) -> usize {
    stub.asked().iter().filter(|asked| asked.path == "/login").count()
}

#[tokio::test]
async fn many_readings_at_once_share_one_log_in() {
    let stub = logging_in(r#"{"token":"t1"}"#).await;
    let operator = operator(&parse(&with_login()), &stub.url);
    let outcomes = twenty(&operator).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!((logins(&stub), stub.asked().len()), (1, 21));
}

#[tokio::test]
async fn a_log_in_is_renewed_before_it_runs_out() {
    let stub = logging_in(r#"{"token":"t1","expires_in":"3600"}"#).await;
    let (operator, now) = with_clock(&stub);
    for (seconds, wanted) in [(0, 1), (3_500, 1), (3_541, 2), (3_600, 2)] {
        now.store(NOW + seconds * 1_000, Ordering::SeqCst);
        operator.read(&profile(ICCID), &NoGate).await.unwrap();
        assert_eq!(logins(&stub), wanted, "after {seconds} s");
    }
}

#[tokio::test]
async fn many_readings_whose_token_is_gone_share_one_new_log_in() {
    let serial = AtomicUsize::new(0);
    let stub = Stub::new(move |asked| match asked.path.as_str() {
        "/login" => ok(&format!(r#"{{"token":"t{}"}}"#, serial.fetch_add(1, Ordering::SeqCst))),
        _ if token_of(asked) == "t0" => status(401, ""),
        _ => usage(),
    })
    .await;
    let operator = operator(&parse(&with_login()), &stub.url);
    let outcomes = twenty(&operator).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(logins(&stub), 2);
}

#[tokio::test]
async fn a_token_that_is_never_accepted_leads_to_two_log_ins_and_no_more() {
    let stub = Stub::new(|asked| match asked.path.as_str() {
        "/login" => ok(r#"{"token":"t"}"#),
        _ => status(401, ""),
    })
    .await;
    let operator = operator(&parse(&with_login()), &stub.url);
    let error = operator.read(&profile(ICCID), &NoGate).await.unwrap_err();
    assert_eq!((error.kind, logins(&stub)), (FailureKind::TokenExpired, 2));
}

#[tokio::test]
async fn a_refused_log_in_is_not_tried_again_for_a_while() {
    let stub = Stub::new(|_| status(400, r#"{"code":"bad-key"}"#)).await;
    let (operator, now) = with_clock(&stub);
    for outcome in twenty(&operator).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, FailureKind::Auth, "{error}");
    }
    assert_eq!(logins(&stub), 1, "an operator that locks accounts sees one attempt, not twenty");
    now.store(NOW + 61_000, Ordering::SeqCst);
    operator.read(&profile(ICCID), &NoGate).await.unwrap_err();
    assert_eq!(logins(&stub), 2, "after a minute it is worth another attempt");
}

#[tokio::test]
async fn a_log_in_that_fails_for_another_reason_may_be_tried_again_at_once() {
    let stub = Stub::new(|_| status(503, "")).await;
    let operator = operator(&parse(&with_login()), &stub.url);
    for _ in 0..2 {
        let error = operator.read(&profile(ICCID), &NoGate).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Temporary);
    }
    assert_eq!(logins(&stub), 2);
}

/// Notes who was admitted, and how many at once.
#[derive(Default)]
struct Counting {
    admitted: Mutex<Vec<(CallKind, String)>>,
    inside: Arc<AtomicUsize>,
    most: AtomicUsize,
}

struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl CallGate for Counting {
    fn admit<'a>(&'a self, kind: CallKind, iccid: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        self.admitted.lock().unwrap().push((kind, iccid.to_owned()));
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let permit: Box<dyn Send> = Box::new(Permit(Arc::clone(&self.inside)));
        futures::future::ready(permit).boxed()
    }
}

#[tokio::test]
async fn every_call_asks_the_gate_and_none_asks_inside_another() {
    let stub = logging_in(r#"{"token":"t"}"#).await;
    let operator = operator(&parse(&with_login()), &stub.url);
    let gate = Counting::default();
    operator.read(&profile(ICCID), &gate).await.unwrap();
    operator.read(&profile(ICCID), &gate).await.unwrap();
    let (login, step) = ((CallKind::Login, ICCID.to_owned()), (CallKind::Step, ICCID.to_owned()));
    assert_eq!(*gate.admitted.lock().unwrap(), [login, step.clone(), step]);
    assert_eq!((gate.most.load(Ordering::SeqCst), gate.inside.load(Ordering::SeqCst)), (1, 0));
}

/// A token that cannot be sent is not kept: the next reading logs in anew.
#[tokio::test]
async fn a_token_that_cannot_be_sent_is_not_kept() {
    let bad =
        [r#"{"token":"t\r\nX-Admin: 1"}"#.to_owned(), format!(r#"{{"token":"{}"}}"#, "t".repeat(40_000))];
    for answer in bad {
        let logins = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&logins);
        let stub = Stub::new(move |asked| match asked.path.as_str() {
            "/login" if counted.fetch_add(1, Ordering::Relaxed) == 0 => ok(&answer),
            "/login" => ok(r#"{"token":"good"}"#),
            _ => usage(),
        })
        .await;
        let operator = operator(&parse(&with_login()), &stub.url);
        let error = operator.read(&profile(ICCID), &NoGate).await.expect_err("it cannot be sent");
        assert_eq!(error.kind, FailureKind::BadAnswer);
        assert!(error.detail.contains("`token`") && !error.detail.contains("Admin"), "{}", error.detail);
        assert_eq!(operator.read(&profile(ICCID), &NoGate).await.expect("read").used, 5);
        assert_eq!(logins.load(Ordering::Relaxed), 2);
    }
}
