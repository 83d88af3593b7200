//! Imports of CSV files.

mod card_row;
mod card_rows;
mod cards;
mod cells;
mod error;
mod lines;
mod packages;
mod refused;
mod tally;

pub use card_row::Warnings;
pub use card_rows::{CHUNK_ROWS, dry_run};
pub use cards::{CardImport, CardImportSummary, Mode};
pub use cells::{COLUMNS, guard_formula};
pub use error::ImportError;
pub use refused::{ErrorsFile, ErrorsTarget};
pub use tally::{ImportOptions, ImportSummary, Progress};
