//! Delivering spans in batches, as OTLP over HTTP. What cannot be delivered is dropped and counted: traces are an aid.

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use prometheus_client::metrics::counter::Counter;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Spans in one request at most.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long a collector has to take a batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a collector that fails is worth a line.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// What the exporter is given.
pub(super) enum Export {
    Span(Box<SpanData>),
    /// Deliver what is there, then say so.
    Flush(oneshot::Sender<()>),
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
        .with_timeout(PATIENCE)
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

/// Delivers until nobody can tell spans any more.
pub(super) async fn export(
    exporter: SpanExporter,
    mut told: mpsc::Receiver<Export>,
    delivered: Counter,
    dropped: Counter,
) {
    let mut complained: Option<Instant> = None;
    while let Some(first) = told.recv().await {
        let (batch, flushed) = gather(first, &mut told).await;
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if batch.is_empty() || exporter.export(batch).await.is_ok() {
            delivered.inc_by(count);
        } else {
            dropped.inc_by(count);
            // Why is not said: it could carry the collector's address, and with it a key.
            if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
                complained = Some(Instant::now());
                tracing::warn!(
                    spans = count,
                    "spans were dropped: the collector at trace.endpoint does not take them"
                );
            }
        }
        if let Some(flushed) = flushed {
            let _ = flushed.send(());
        }
    }
}

/// A batch: full, or as much as came in a while, or what was there when it was to be flushed.
async fn gather(
    first: Export,
    told: &mut mpsc::Receiver<Export>,
) -> (Vec<SpanData>, Option<oneshot::Sender<()>>) {
    let until = tokio::time::Instant::now() + GATHER;
    let mut batch = Vec::new();
    let mut next = Some(first);
    while let Some(export) = next {
        match export {
            Export::Span(span) => batch.push(*span),
            Export::Flush(done) => return (batch, Some(done)),
        }
        if batch.len() >= BATCH {
            break;
        }
        next = tokio::time::timeout_at(until, told.recv()).await.ok().flatten();
    }
    (batch, None)
}
