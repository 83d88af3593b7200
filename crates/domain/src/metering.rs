//! From readings to bytes on packages: pure functions that the store calls within its transaction.
//!
//! The cumulative usage of a reading becomes a signed difference ([`delta`]; [`transition`] decides whether
//! the operator's count began anew). The difference is booked on the card's packages ([`booking`],
//! [`change`]), or the operator's own bundles are the packages ([`mirror`]). [`card`] sums over the profiles
//! of a card, [`daily`] over days. [`stale`] recognises old data. [`rejoin`] takes back a new count that was
//! only assumed.
//!
//! Invariant: booked bytes plus overage are the sum of the differences.

pub mod booking;
pub mod card;
pub mod change;
pub mod daily;
pub mod delta;
pub mod mirror;
pub mod rejoin;
pub mod stale;
pub mod transition;

#[cfg(test)]
mod properties;
