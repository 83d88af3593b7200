//! What was read of cards: readings, totals by day, pruning, and sums for reconciling.

mod audit;
mod daily;
pub(crate) mod day_cache;
mod history;
mod prune;
mod rows;
mod sums;

pub use audit::CardAudit;
pub use history::ReadingView;
pub use sums::CardSums;
