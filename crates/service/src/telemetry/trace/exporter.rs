//! Delivering spans in batches, as OTLP over HTTP. What cannot be delivered is dropped and counted: traces
//! are an aid.

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use prometheus_client::metrics::counter::Counter;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Spans in one request at most.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long a collector has to take a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a collector that fails is worth a line.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// What the exporter is given.
pub(super) enum Export {
    Span(Box<SpanData>),
    /// Deliver what came before, then end.
    Close,
}

/// An exporter towards a collector: its URL, or that of its host, which then gets the usual path.
pub(super) fn build(endpoint: &str) -> anyhow::Result<SpanExporter> {
    let mut url = url::Url::parse(endpoint)?;
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    // Already installed by somebody else is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    Ok(exporter(url.as_str(), client)?)
}

fn exporter(url: &str, client: reqwest::Client) -> Result<SpanExporter, ExporterBuildError> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(EXPORT_TIMEOUT)
        .with_endpoint(url)
        .build()?;
    let resource = Resource::builder_empty()
        .with_service_name("simgauge")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("process.pid", i64::from(std::process::id())),
        ])
        .build();
    exporter.set_resource(&resource);
    Ok(exporter)
}

/// Delivers until it is closed.
pub(super) async fn export(
    exporter: SpanExporter,
    mut queue: mpsc::Receiver<Export>,
    delivered: Counter,
    dropped: Counter,
) {
    let mut warned_at: Option<Instant> = None;
    while let Some(first) = queue.recv().await {
        let (batch, closed) = gather(first, &mut queue).await;
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if batch.is_empty() || exporter.export(batch).await.is_ok() {
            delivered.inc_by(count);
        } else {
            dropped.inc_by(count);
            // Why is not said: it could carry the collector's address, and with it a key.
            if warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
                warned_at = Some(Instant::now());
                tracing::warn!(
                    spans = count,
                    "spans were dropped: the collector at trace.endpoint does not take them"
                );
            }
        }
        if closed {
            return;
        }
    }
}

/// A batch: full, or as much as came in a while, or what came before the queue was closed; and whether it
/// was.
async fn gather(first: Export, queue: &mut mpsc::Receiver<Export>) -> (Vec<SpanData>, bool) {
    let until = tokio::time::Instant::now() + GATHER;
    let mut batch = Vec::new();
    let mut next = Some(first);
    while let Some(export) = next {
        match export {
            Export::Span(span) => batch.push(*span),
            Export::Close => return (batch, true),
        }
        if batch.len() >= BATCH {
            break;
        }
        next = tokio::time::timeout_at(until, queue.recv()).await.ok().flatten();
    }
    (batch, false)
}
