//! Bringing cards in, many at a time.

mod importer;
mod model;
mod postgres;
mod sqlite;

pub use importer::Importer;
pub use model::{ImportRow, RowError};
