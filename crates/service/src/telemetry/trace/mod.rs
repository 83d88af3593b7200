//! Traces: what became of one refresh, from the call through the lane to the operator and the notification, whichever nodes
//! did it.
//!
//! Nothing has to be stored for that: a refresh's id has the 128 bits of a trace's, and the id of the trace's first span is
//! made of it, too. Spans are told once they ended, off the path of calls; where traces are off, that is one look at an
//! `Option`.

mod exporter;
mod span;

pub(crate) use span::Span;

use crate::telemetry::settings::TraceConfig;
use anyhow::Context as _;
use exporter::Export;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::SpanData;
use prometheus_client::metrics::counter::Counter;
use simgauge_domain::id::RefreshId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Spans that wait to be delivered; further ones are dropped rather than memory used without bound.
const QUEUE: usize = 16_384;

/// Where spans are told. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Told>>);

struct Told {
    queue: mpsc::Sender<Export>,
    share: f64,
    dropped: Counter,
}

impl Traces {
    /// As configured; the spans that are delivered and dropped are counted.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub(super) fn new(config: &TraceConfig, delivered: Counter, dropped: Counter) -> anyhow::Result<Self> {
        if config.endpoint.is_empty() {
            return Ok(Self::default());
        }
        let (queue, spans) = mpsc::channel(QUEUE);
        let exporter = exporter::build(&config.endpoint).context("trace.endpoint")?;
        tokio::spawn(exporter::export(exporter, spans, delivered, dropped.clone()));
        Ok(Self(Some(Arc::new(Told { queue, share: config.share, dropped }))))
    }

    /// Whether any are told: for whoever has to look up a refresh first.
    #[must_use]
    pub fn are_told(&self) -> bool {
        self.0.is_some()
    }

    /// The trace of a refresh; nothing where traces are off or this one is not in the share that is told.
    #[must_use]
    pub(crate) fn of(&self, refresh: &RefreshId) -> Option<RefreshTrace<'_>> {
        let told = self.0.as_deref()?;
        is_in(refresh, told.share).then(|| RefreshTrace { told, root: root_of(refresh) })
    }

    /// Delivers what is waiting, at most for this long.
    pub async fn flush(&self, patience: Duration) {
        let Some(told) = &self.0 else { return };
        let (done, flushed) = oneshot::channel();
        let all = async {
            if told.queue.send(Export::Flush(done)).await.is_ok() {
                let _ = flushed.await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("some spans could not be delivered before the end");
        }
    }
}

/// The trace of one refresh.
pub(crate) struct RefreshTrace<'a> {
    told: &'a Told,
    root: SpanContext,
}

impl RefreshTrace<'_> {
    /// Tells the first span, which all others are below.
    pub fn root(&self, span: Span) {
        self.send(span.into_data(self.root.clone(), SpanId::INVALID));
    }

    /// Tells a span below the first; answers its id, for those below it.
    pub fn child(&self, span: Span) -> SpanId {
        self.below(self.root.span_id(), span)
    }

    /// Tells a span below another.
    pub fn below(&self, parent: SpanId, span: Span) -> SpanId {
        let id = SpanId::from(rand::random::<u64>().max(1));
        self.send(span.into_data(context(self.root.trace_id(), id), parent));
        id
    }

    fn send(&self, span: SpanData) {
        if self.told.queue.try_send(Export::Span(Box::new(span))).is_err() {
            self.told.dropped.inc();
        }
    }
}

/// The first span of a refresh's trace.
fn root_of(refresh: &RefreshId) -> SpanContext {
    let time = u128::from(u64::try_from(refresh.made_at().0).unwrap_or(0));
    let distinct = refresh.distinct();
    // The lower half differs from refresh to refresh; zero, which no span may have, is one in 2^64.
    let span = u64::try_from(distinct & u128::from(u64::MAX)).unwrap_or(1).max(1);
    context(TraceId::from((time << 80) | distinct), SpanId::from(span))
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE)
}

/// Whether a refresh is in a share of all; the same on every node.
fn is_in(refresh: &RefreshId, share: f64) -> bool {
    // Ids of one process count up: the multiplication (by 2^64 / golden ratio) spreads neighbours evenly.
    let low = u64::try_from(refresh.distinct() & u128::from(u64::MAX)).unwrap_or(0);
    let spread = low.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
    #[allow(clippy::cast_precision_loss)] // 53 bits.
    let position = spread as f64 / (1_u64 << 53) as f64;
    position < share
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_domain::time::UnixMs;

    #[test]
    fn a_trace_has_the_bits_of_its_refresh() {
        let refresh = RefreshId::new(UnixMs(0x0123_4567_89ab), 0xcdef_0011_2233_4455_6677);
        let root = root_of(&refresh);
        assert_eq!(root.trace_id().to_string(), "0123456789abcdef0011223344556677");
        assert_eq!(root.span_id().to_string(), "0011223344556677");
        assert!(root.is_valid() && root.is_sampled());
    }

    #[test]
    fn a_share_is_a_share_also_of_ids_that_count_up() {
        let start = 0x1234_5678_9abc_0000_u128;
        let ids: Vec<RefreshId> = (0..10_000).map(|n| RefreshId::new(UnixMs(1), start + n)).collect();
        let count = |share| ids.iter().filter(|id| is_in(id, share)).count();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((950..1050).contains(&count(0.1)), "{}", count(0.1));
    }
}
