//! Traces: one of each refresh, whatever happened in between.

use crate::support::collector::Collector;
use crate::support::receiver::Receiver;
use crate::support::{ICCID, LANE, OPERATOR, SECRET, TestServer, server};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use simgauge::config::Config;
use simgauge_domain::id::RefreshId;
use simgauge_simulator::{Fault, FaultSpan};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);

/// The trace of a refresh: the bits of its id.
fn trace_id(refresh: &str) -> u128 {
    let id = RefreshId::parse(refresh).unwrap();
    (u128::try_from(id.made_at().0).unwrap() << 80) | id.distinct()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "{name} stands twice in {spans:#?}");
    first
}

fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

fn traced(collector: &Collector) -> impl Fn(&mut Config) + Send + Sync + use<> {
    let endpoint = collector.url.clone();
    move |config| {
        config.trace.endpoint.clone_from(&endpoint);
        config.notify.allow_private = true;
        config.notify.allow_http = true;
        config.notify.poll_seconds = 0.05;
        config.refresh.sim_cooldown_seconds = 0;
        config.refresh.first_pause_seconds = 0.1;
        config.refresh.longest_pause_seconds = 0.2;
    }
}

#[tokio::test]
async fn from_the_call_through_the_lane_to_the_operator_and_the_notification() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let server = server().configure(traced(&collector)).start().await;
    let mut settings = server.store().notification_prefs("acme").await.unwrap();
    settings.url = Some(receiver.url());
    server.store().set_notification_prefs(&settings).await.unwrap();
    let before = u64::try_from(server.clock.now().0).unwrap() * 1_000_000;
    let id = server.refresh_sim(ICCID).await.refresh_id();
    let names =
        ["accept refresh", "commit", "wait for turn", "read", "call operator", "write down", "notify"];
    let spans = collector.trace(trace_id(&id), &names).await;
    assert_eq!(spans.len(), names.len(), "{spans:#?}");

    let root = named(&spans, "accept refresh");
    assert!(root.parent_span_id.is_empty() && root.kind == 2, "a server's span, and the first: {root:?}");
    assert_eq!(
        (attribute(root, "simgauge.refresh"), attribute(root, "simgauge.card")),
        (id, ICCID.to_owned())
    );
    for name in ["commit", "wait for turn", "read", "write down", "notify"] {
        assert_eq!(named(&spans, name).parent_span_id, root.span_id, "{name}");
    }
    let read = named(&spans, "read");
    assert_eq!(attribute(read, "simgauge.lane"), LANE);
    assert_eq!(attribute(read, "simgauge.outcome"), "succeeded");
    let call = named(&spans, "call operator");
    assert_eq!((&call.parent_span_id, call.kind), (&read.span_id, 3), "a client's span, below the reading");
    for span in &spans {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano && span.end_time_unix_nano >= before);
    }
    let all = format!("{:?}", collector.received());
    assert!(all.contains("service.name") && !all.contains(SECRET) && !all.contains("sim-secret"));
    assert!(!all.contains("t0ken"), "nor the address that was notified");
}

#[tokio::test]
async fn a_trace_goes_on_after_a_restart_with_its_failures() {
    let collector = Collector::start().await;
    let mut server = server().configure(traced(&collector)).start().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Status(500), FaultSpan::Forever);
    let id = server.refresh_sim(ICCID).await.refresh_id();
    let spans = collector.trace(trace_id(&id), &["read"]).await;
    let failed = spans.iter().find(|span| span.name == "read").unwrap();
    assert_eq!(attribute(failed, "simgauge.outcome"), "temporary");
    assert_eq!(failed.status.as_ref().unwrap().code, 2, "an error");
    server.stop().await;
    server.simulator.clear_faults();
    server.start().await;
    server.ended(&id, TIMEOUT).await;
    let spans = collector.trace(trace_id(&id), &["write down"]).await;
    let root = named(&spans, "accept refresh");
    let reads: Vec<&Span> = spans.iter().filter(|span| span.name == "read").collect();
    assert!(reads.len() >= 2 && reads.iter().all(|read| read.parent_span_id == root.span_id), "{spans:#?}");
    assert!(reads.iter().any(|read| attribute(read, "simgauge.outcome") == "succeeded"));
    named(&spans, "wait for turn");
}

/// A refresh that joined the reading of another says so.
#[tokio::test]
async fn a_joined_refresh_is_linked_to_the_one_that_was_read_for() {
    let collector = Collector::start().await;
    let configure = traced(&collector);
    let one_at_a_time = move |config: &mut Config| {
        configure(config);
        config.operator_accounts[0].limits.as_mut().unwrap().max_concurrent = 1;
    };
    let server = server().configure(one_at_a_time).start().await;
    let busy = server.add_cards(1).await.remove(0);
    server.simulator.set_fault(
        OPERATOR,
        Some(&busy),
        Fault::Delay(Duration::from_secs(1)),
        FaultSpan::Count(1),
    );
    let blocking = server.refresh_sim(&busy).await.refresh_id();
    running(&server, &blocking).await;
    let first = server.refresh_sim(ICCID).await.refresh_id();
    let second = server.refresh_sim(ICCID).await.refresh_id();
    let spans = collector.trace(trace_id(&second), &["write down"]).await;
    let links = &named(&spans, "write down").links;
    assert_eq!(links.len(), 1, "{spans:#?}");
    assert_eq!(links[0].trace_id, trace_id(&first).to_be_bytes());
    assert!(!spans.iter().any(|span| span.name == "read"), "it was read for the first");
    let spans = collector.trace(trace_id(&first), &["read", "write down"]).await;
    assert!(named(&spans, "write down").links.is_empty());
}

async fn running(server: &TestServer, id: &str) {
    for _ in 0..400 {
        if server.refresh(id).await.expect("200")["state"] == "running" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{id} does not run");
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let away = |config: &mut Config| config.trace.endpoint = "http://127.0.0.1:1".into();
    let mut server = server().configure(away).start().await;
    let body = server.signed(json!({ "iccid": ICCID, "wait": 8 })).to_string();
    let answer = server.post("/api/v3/card/refreshUsage", body).await;
    assert_eq!(answer.expect("200")["state"], "succeeded");
    let dropped = "simgauge_spans_total{outcome=\"dropped\"} ";
    for _ in 0..400 {
        if !server.metrics().contains(&format!("{dropped}0\n")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!server.metrics().contains(&format!("{dropped}0\n")), "{}", server.metrics());
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_traced_where_the_share_is_zero() {
    let collector = Collector::start().await;
    let configure = traced(&collector);
    let none = move |config: &mut Config| {
        configure(config);
        config.trace.share = 0.0;
    };
    let mut server = server().configure(none).start().await;
    let id = server.refresh_sim(ICCID).await.refresh_id();
    server.ended(&id, TIMEOUT).await;
    server.stop().await;
    assert!(collector.received().is_empty());
}
