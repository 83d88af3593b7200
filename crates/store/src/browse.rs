//! Looking through large tables page by page. Every statement follows an index from a cursor on and stops after so many
//! rows, however large the table is and however rare what somebody looks for.

mod card;
mod refresh;
mod sample;

pub use card::{CardCursor, CardWalk};
pub use refresh::{RefreshFilter, RefreshPage, WaitingTask};

/// After every text that begins with a prefix.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
