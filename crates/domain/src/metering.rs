//! From readings to bytes on packages: pure functions that the store's transaction calls.
//!
//! A reading's cumulative figure becomes a signed difference ([`delta`], which asks [`transition`] whether the count began anew);
//! the difference is booked on the card's packages ([`booking`], [`change`]), or the operator's own bundles are the
//! packages ([`mirror`]). [`card`] sums the profiles of a card, [`daily`] the days, [`stale`] tells old figures.
//!
//! Always: the sum of what is booked and of the overage is the sum of the differences.

pub mod booking;
pub mod card;
pub mod change;
pub mod daily;
pub mod delta;
pub mod mirror;
pub mod stale;
pub mod transition;

#[cfg(test)]
mod properties;
