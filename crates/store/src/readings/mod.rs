//! What was read of cards: readings, totals by day, pruning, and sums for reconciling.

mod daily;
mod history;
mod prune;
mod rows;
mod sums;

pub use history::ReadingView;
pub use sums::CardSums;
