//! Bringing cards in, many at a time.

mod changes;
mod importer;
mod known;
mod model;
mod plan;
mod postgres;
mod sqlite;

pub use changes::CardChange;
pub use importer::Importer;
pub use model::{ImportRow, RowError};
