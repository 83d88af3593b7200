//! Whether a reading is believed, before anything is booked.
//!
//! A reading is suspect where booking it would cost money by a guess. It is held back then: nothing is
//! booked, and it waits for an ordinary later reading or for a person. [`judge()`] decides; [`rule`] has the
//! settings, [`lane`] remembers what the profiles of one operator account showed.

pub mod held;
mod judge;
pub mod lane;
pub mod rule;
pub mod unit;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;

pub use judge::{Judged, Seen, Verdict, judge, settle_held};
