//! Readings that are held back: what waits, what people decide, and what a day settles.

mod assumed;
mod decide;
mod list;
mod model;

pub use decide::SettledSuspects;
pub use list::{SuspectFilter, SuspectPlace, SuspectView, WaitingUnitChange};
pub use model::{Decision, SuspectState};
