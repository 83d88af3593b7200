//! A span that ended, and how it is written for OTLP.

use super::ids::root_of;
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A span that ended.
pub(crate) struct Span {
    name: &'static str,
    kind: SpanKind,
    start: SystemTime,
    end: SystemTime,
    attributes: Vec<KeyValue>,
    status: Status,
    links: SpanLinks,
}

impl Span {
    /// One that ended at `end` and had taken `took`.
    pub fn ended(name: &'static str, end: UnixMs, took: Duration) -> Self {
        let end = UNIX_EPOCH + Duration::from_millis(end.0.max(0).unsigned_abs());
        Self {
            name,
            kind: SpanKind::Internal,
            start: end.checked_sub(took).unwrap_or(UNIX_EPOCH),
            end,
            attributes: Vec::new(),
            status: Status::Unset,
            links: SpanLinks::default(),
        }
    }

    /// Answering somebody who called.
    pub fn server(self) -> Self {
        Self { kind: SpanKind::Server, ..self }
    }

    /// Calling somebody.
    pub fn client(self) -> Self {
        Self { kind: SpanKind::Client, ..self }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(name, value));
        self
    }

    /// It failed; the text is one that may leave the process.
    pub fn failed(self, why: Option<String>) -> Self {
        Self { status: why.map_or(Status::Unset, Status::error), ..self }
    }

    /// Links it to another refresh.
    pub fn linked(mut self, refresh: &RefreshId) -> Self {
        self.links.links.push(Link::with_context(root_of(refresh)));
        self
    }

    pub(super) fn into_data(self, context: SpanContext, parent: SpanId) -> SpanData {
        SpanData {
            span_context: context,
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: self.kind,
            name: self.name.into(),
            start_time: self.start,
            end_time: self.end,
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: self.links,
            status: self.status,
            instrumentation_scope: InstrumentationScope::builder("simgauge")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}
