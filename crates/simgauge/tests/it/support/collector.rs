//! A collector of traces: a real OTLP/HTTP receiver.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub struct Collector {
    pub url: String,
    received: watch::Receiver<Vec<ResourceSpans>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = watch::channel(Vec::new());
        let router = Router::new().route("/v1/traces", post(take)).with_state(sender);
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, received }
    }

    /// Waits until a trace has spans of all these names; answers all of its spans.
    pub async fn trace(&self, id: u128, names: &[&str]) -> Vec<Span> {
        let mut received = self.received.clone();
        let complete = |all: &Vec<ResourceSpans>| {
            let spans = of_trace(all, id);
            names.iter().all(|name| spans.iter().any(|span| span.name == *name))
        };
        let arrived = tokio::time::timeout(Duration::from_secs(20), received.wait_for(complete)).await;
        if arrived.is_err() {
            panic!("not all of {names:?} came: {:#?}", self.received.borrow());
        }
        of_trace(&self.received.borrow(), id)
    }

    pub fn received(&self) -> Vec<ResourceSpans> {
        self.received.borrow().clone()
    }
}

async fn take(
    State(received): State<watch::Sender<Vec<ResourceSpans>>>,
    headers: HeaderMap,
    body: Bytes,
) -> ([(header::HeaderName, &'static str); 1], Vec<u8>) {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    received.send_modify(|all| all.extend(request.resource_spans));
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    ([(header::CONTENT_TYPE, "application/x-protobuf")], answer)
}

fn of_trace(all: &[ResourceSpans], id: u128) -> Vec<Span> {
    let spans = all.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
    spans.filter(|span| span.trace_id == id.to_be_bytes()).cloned().collect()
}
