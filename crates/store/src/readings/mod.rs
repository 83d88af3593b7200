//! What was read of cards: readings, totals by day, pruning, and sums for reconciling.

mod daily;
pub(crate) mod day_cache;
mod figures;
mod history;
mod prune;
mod rows;
mod sums;

pub use figures::CardFigures;
pub use history::ReadingView;
pub use sums::CardSums;
