//! Answers that must not be believed, and must not hurt.

use crate::support::{Asked, ICCID, SIMPLE, Stub, account, clock, ok, operator, parse, profile, status};
use axum::body::{Body, Bytes};
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http::Response;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::Reading;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{CallGate, CallKind, NoGate, Operator, OperatorAccount, ReadError, Timeouts};
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

async fn read(stub: &Stub) -> Result<Reading, ReadError> {
    operator(&parse(SIMPLE), &stub.url).read(&profile(ICCID), &NoGate).await
}

async fn read_answer(text: &str) -> Result<Reading, ReadError> {
    read(&Stub::saying(text).await).await
}

fn used(number: &str) -> String {
    format!(r#"{{"iccid":"{ICCID}","used":{number}}}"#)
}

#[tokio::test]
async fn a_good_answer_is_read() {
    assert_eq!(read_answer(&used("5")).await.unwrap().used, 5);
    assert_eq!(read_answer(&used("1152921504606846976")).await.unwrap().used, 1 << 60);
    assert_eq!(read_answer(&used("\"12\"")).await.unwrap().used, 12);
}

/// Readers keep one of two values under one name. Which of them the operator means nobody knows.
#[tokio::test]
async fn a_name_that_stands_twice_is_a_bad_answer_that_names_it() {
    let twice = |name: &str| format!(r#"{{"iccid":"{ICCID}","used":5,"x":{{"{name}":1,"{name}":1}}}}"#);
    for (answer, named) in [
        (format!(r#"{{"iccid":"{ICCID}","used":5,"used":6}}"#), "`used`"),
        (format!(r#"{{"iccid":"{ICCID}","used":5,"\u0075sed":6}}"#), "`used`"),
        (twice("plan.data"), "`plan.data`"),
        // What looks like more than a name is not quoted.
        (twice("a secret"), "a name"),
        (twice(&"n".repeat(41)), "a name"),
    ] {
        let error = read_answer(&answer).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::BadAnswer, "{answer}");
        assert!(error.detail.contains(&format!("has {named} twice")), "{answer}: {error}");
        assert!(!error.detail.contains("secret"), "{error}");
    }
    let once = format!(r#"{{"iccid":"{ICCID}","used":5,"x":{{"used":6}},"y":[{{"a":1}},{{"a":1}}]}}"#);
    assert_eq!(read_answer(&once).await.unwrap().used, 5);
}

#[tokio::test]
async fn nonsense_is_a_bad_answer_and_quotes_nothing() {
    for text in [
        "<html><body>secret-page</body></html>",
        "",
        "   ",
        "{",
        "[]",
        "null",
        "secret-page",
        &used("-1"),
        // More than any SIM can use, and what other systems mean by "unlimited".
        &used("1152921504606846977"),
        &used("9223372036854775807"),
        &used("9223372036854775808"),
        &used("1e300"),
        &used("NaN"),
        &used("\"NaN\""),
        &used("\"Infinity\""),
        &used("\"\""),
        &used("\" \""),
        &used("\"5 apples\""),
        &used("null"),
        &used("true"),
        &used("[5]"),
        &used("{\"bytes\":5}"),
        r#"{"iccid":"8988308650100524999","usage":5}"#,
        r#"{"iccid":"8988308650100524998","used":5}"#,
        r#"{"iccid":null,"used":5}"#,
        r#"{"used":5}"#,
        &format!(r#"{{"iccid":"{ICCID}","used":{}}}"#, "[".repeat(100_000)),
    ] {
        let error = read_answer(text).await.expect_err(text);
        assert_eq!(error.kind, FailureKind::BadAnswer, "{text}: {error}");
        assert!(!error.detail.contains("secret-page") && !error.detail.contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn an_error_inside_a_200_is_an_error() {
    let toml = SIMPLE.replace("name = \"usage\"", "name = \"usage\"\nsuccess = '.code == null'");
    let stub = Stub::saying(r#"{"code":"E-77","iccid":"8988308650100524999","used":5}"#).await;
    let error = operator(&parse(&toml), &stub.url).read(&profile(ICCID), &NoGate).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BadAnswer);
    assert!(error.detail.ends_with("(operator code E-77)"), "{error}");
}

#[tokio::test]
async fn a_code_that_is_no_code_is_not_quoted() {
    let stub = Stub::new(|_| status(400, r#"{"code":"<script>alert(1)</script>"}"#)).await;
    let error = read(&stub).await.unwrap_err();
    assert_eq!((error.kind, error.http_status), (FailureKind::BadRequest, Some(400)));
    assert!(!error.detail.contains("script"), "{error}");
}

#[tokio::test]
async fn statuses_without_a_rule_have_their_plain_meaning() {
    for (code, text, kind) in [
        (401, "", FailureKind::Auth),
        (403, "{}", FailureKind::Auth),
        (404, "", FailureKind::NotFound),
        (404, "{}", FailureKind::NotFound),
        (404, "<html>", FailureKind::BadAnswer),
        (429, "", FailureKind::RateLimited),
        (422, "", FailureKind::BadRequest),
        (500, "", FailureKind::Temporary),
        (503, "{}", FailureKind::Temporary),
        (302, "", FailureKind::BadAnswer),
        (204, "", FailureKind::BadAnswer),
    ] {
        let stub = Stub::new(move |_| status(code, text)).await;
        let error = read(&stub).await.expect_err(text);
        assert_eq!((error.kind, error.http_status), (kind, Some(code)), "{code} {text}");
    }
}

#[tokio::test]
async fn an_answer_of_50_mb_is_cut_at_the_cap() {
    let stub = Stub::new(|_| {
        let chunk = Bytes::from(vec![b' '; 1 << 20]);
        let chunks = futures::stream::iter((0..50).map(move |_| Ok::<_, Infallible>(chunk.clone())));
        Response::new(Body::from_stream(chunks))
    })
    .await;
    let error = read(&stub).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BadAnswer);
    assert!(error.detail.contains("larger than 1048576 bytes"), "{error}");
}

/// One byte a second, for ever.
fn trickle() -> Response<Body> {
    let bytes = futures::stream::unfold(0_u8, |turn| async move {
        if turn > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), 1))
    });
    Response::new(Body::from_stream(bytes.boxed()))
}

fn impatient(base_url: &str, toml: &str, step: u64, total: u64) -> Operator {
    let definition = parse(toml);
    let timeouts = Timeouts {
        step: Duration::from_millis(step),
        total: Duration::from_millis(total),
        ..Timeouts::default()
    };
    let account = OperatorAccount { timeouts, ..account(&definition, base_url) };
    Operator::new(Arc::clone(&definition), account, clock()).unwrap()
}

#[tokio::test]
async fn a_trickling_answer_hits_the_step_limit() {
    let stub = Stub::new(|_| trickle()).await;
    let began = Instant::now();
    let error = impatient(&stub.url, SIMPLE, 300, 5_000).read(&profile(ICCID), &NoGate).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Temporary, "{error}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn slow_steps_together_hit_the_total_limit() {
    let step = |name| format!("[[steps]]\nname = \"{name}\"\nrequest = {{ path = \"/{name}\" }}\n");
    let toml = SIMPLE.replace("[answer]\n", &format!("{}{}[answer]\n", step("two"), step("three")));
    let stub = Stub::new(|asked: &Asked| if asked.path == "/three" { ok(&used("5")) } else { late() }).await;
    let error = impatient(&stub.url, &toml, 5_000, 300).read(&profile(ICCID), &NoGate).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Temporary, "{error}");
    assert!(stub.asked().iter().all(|asked| asked.path != "/three"), "the time was up before the third step");
}

fn late() -> Response<Body> {
    let late = futures::stream::once(async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok::<_, Infallible>(Bytes::from_static(b"{}"))
    });
    Response::new(Body::from_stream(late.boxed()))
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused_and_credentials_stay_here() {
    let elsewhere = Stub::saying(used("5")).await;
    let target = elsewhere.url.clone();
    let stub = Stub::new(move |_| {
        Response::builder().status(307).header("location", target.as_str()).body(Body::empty()).unwrap()
    })
    .await;
    let error = read(&stub).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BadAnswer);
    assert!(error.detail.contains("redirect"), "{error}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn nobody_there_is_temporary_and_names_no_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = operator(&parse(SIMPLE), &url).read(&profile(ICCID), &NoGate).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Temporary);
    assert!(!error.detail.contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_month_that_ends_while_asked_is_asked_again() {
    let toml = SIMPLE.replace("\"billing_cycle\"", "\"calendar_month\"");
    let definition = parse(&toml);
    let stub = Stub::saying(used("5")).await;
    // 2026-05-31T23:59:59.990Z, and 5 ms later at every look.
    let now = AtomicI64::new(1_780_271_999_990);
    let clock = Arc::new(move || UnixMs(now.fetch_add(5, Ordering::SeqCst)));
    let operator = Operator::new(Arc::clone(&definition), account(&definition, &stub.url), clock).unwrap();
    let error = operator.read(&profile(ICCID), &NoGate).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Temporary, "{error}");
    assert_eq!(operator.read(&profile(ICCID), &NoGate).await.unwrap().period.key, "2026-06");
}

#[tokio::test]
async fn iso_8859_1_is_read() {
    let body = format!("{{\"name\":\"caf\u{e9}\",\"iccid\":\"{ICCID}\",\"used\":5}}");
    let latin: Vec<u8> = body.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let stub = Stub::new(move |_| Response::new(Body::from(latin.clone()))).await;
    assert_eq!(read(&stub).await.unwrap().used, 5);
}

#[tokio::test]
async fn an_iccid_cannot_leave_its_place_in_the_path() {
    let stub = Stub::saying(used("5")).await;
    let operator = operator(&parse(SIMPLE), &stub.url);
    for (iccid, path) in [
        ("89/../admin?x=1#y", Some("/sims/89%2F..%2Fadmin%3Fx%3D1%23y")),
        ("898600D6991330004146", Some("/sims/898600D6991330004146")),
        ("..", None),
        ("", None),
    ] {
        let before = stub.asked().len();
        let _ = operator.read(&profile(iccid), &NoGate).await;
        let asked = stub.asked();
        assert_eq!(asked.get(before).map(|asked| asked.path.as_str()), path, "{iccid}");
    }
}

/// Notes when the permit was given back.
#[derive(Default)]
struct Watched(Arc<Mutex<Option<Instant>>>);

struct Permit(Arc<Mutex<Option<Instant>>>);

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(Instant::now());
    }
}

impl CallGate for Watched {
    fn admit<'a>(&'a self, _: CallKind, _: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        futures::future::ready(Box::new(Permit(Arc::clone(&self.0))) as Box<dyn Send>).boxed()
    }
}

/// Otherwise an operator that allows one call at a time would sometimes see two.
#[tokio::test]
async fn a_call_that_was_given_up_counts_until_the_operator_can_have_noticed() {
    let silent =
        |_: &Asked| Response::new(Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>()));
    let huge = |_: &Asked| ok(&"x".repeat(5_000));
    let definition = parse(SIMPLE);
    for (stub, given_up_after) in [(Stub::new(silent).await, 1_000), (Stub::new(huge).await, 0)] {
        let timeouts =
            Timeouts { step: Duration::from_millis(1_000), answer_cap: 1_000, ..Timeouts::default() };
        let account = OperatorAccount { timeouts, ..account(&definition, &stub.url) };
        let operator = Operator::new(Arc::clone(&definition), account, clock()).unwrap();
        let (gate, began) = (Watched::default(), Instant::now());
        operator.read(&profile(ICCID), &gate).await.unwrap_err();
        let held = gate.0.lock().unwrap().expect("leave was given back") - began;
        assert!(held >= Duration::from_millis(given_up_after + 500), "{held:?}");
    }
}
