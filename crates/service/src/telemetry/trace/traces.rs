//! Traces: what became of one refresh, from the call through the lane to the operator and the notification,
//! whichever nodes did it.
//!
//! Nothing is stored for that. A refresh's id has the 128 bits of a trace's, and the id of the trace's first
//! span is made of it, too. Spans are queued once they ended, off the path of calls. Where traces are off,
//! that is one look at an `Option`.

use super::exporter::{self, Export};
use super::ids::{context, is_in, root_of};
use super::span::Span;
use crate::telemetry::settings::TraceConfig;
use anyhow::Context as _;
use opentelemetry::trace::{SpanContext, SpanId};
use opentelemetry_sdk::trace::SpanData;
use prometheus_client::metrics::counter::Counter;
use simgauge_domain::id::RefreshId;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Spans that wait to be delivered; further ones are dropped rather than memory used without bound.
const QUEUE: usize = 16_384;

/// Where spans go. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Tracing>>);

struct Tracing {
    queue: mpsc::Sender<Export>,
    share: f64,
    dropped: Counter,
    exporter: Mutex<Option<JoinHandle<()>>>,
}

impl Traces {
    /// As configured. Starts the task that delivers spans; those that are delivered and dropped are counted.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub fn new(config: &TraceConfig, delivered: Counter, dropped: Counter) -> anyhow::Result<Self> {
        if config.endpoint.is_empty() {
            return Ok(Self::default());
        }
        let (queue, spans) = mpsc::channel(QUEUE);
        let exporter = exporter::build(&config.endpoint).context("trace.endpoint")?;
        let exporting = tokio::spawn(exporter::export(exporter, spans, delivered, dropped.clone()));
        let exporter = Mutex::new(Some(exporting));
        Ok(Self(Some(Arc::new(Tracing { queue, share: config.share, dropped, exporter }))))
    }

    /// Whether there are any: for whoever has to look up a refresh first.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// The trace of a refresh; nothing where traces are off or this one is not in the share that is traced.
    #[must_use]
    pub(crate) fn of(&self, refresh: &RefreshId) -> Option<RefreshTrace<'_>> {
        let tracing = self.0.as_deref()?;
        is_in(refresh, tracing.share).then(|| RefreshTrace { tracing, root: root_of(refresh) })
    }

    /// Delivers what waits and ends the task that does, at most for this long. Later spans are dropped.
    pub async fn close(&self, at_most: Duration) {
        let Some(tracing) = &self.0 else { return };
        let exporter = tracing.exporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut exporter) = exporter else { return };
        let delivered = async {
            // Where the task is gone, joining it says why.
            let _ = tracing.queue.send(Export::Close).await;
            (&mut exporter).await
        };
        match tokio::time::timeout(at_most, delivered).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "delivering spans broke"),
            Err(_) => {
                exporter.abort();
                let _ = exporter.await;
                tracing::warn!("some spans could not be delivered before the end");
            }
        }
    }
}

/// The trace of one refresh.
pub(crate) struct RefreshTrace<'a> {
    tracing: &'a Tracing,
    root: SpanContext,
}

impl RefreshTrace<'_> {
    /// The first span, which all others are below.
    pub fn root(&self, span: Span) {
        self.send(span.into_data(self.root.clone(), SpanId::INVALID));
    }

    /// A span below the first; answers its id, for those below it.
    pub fn child(&self, span: Span) -> SpanId {
        self.below(self.root.span_id(), span)
    }

    /// A span below another.
    pub fn below(&self, parent: SpanId, span: Span) -> SpanId {
        let id = SpanId::from(rand::random::<u64>().max(1));
        self.send(span.into_data(context(self.root.trace_id(), id), parent));
        id
    }

    fn send(&self, span: SpanData) {
        if self.tracing.queue.try_send(Export::Span(Box::new(span))).is_err() {
            self.tracing.dropped.inc();
        }
    }
}
