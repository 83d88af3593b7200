//! What became of single refreshes, for a collector of traces.

mod exporter;
mod ids;
mod span;
mod traces;

pub(crate) use span::Span;
pub use traces::Traces;
