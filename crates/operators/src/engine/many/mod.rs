//! Many SIMs in one call: the calls, and which of their elements is about which SIM.

mod asked;
mod batch;
mod elements;
mod outcome;
mod pages;

pub(super) use batch::read;
pub use outcome::{ManyOutcome, ManyReadings};
