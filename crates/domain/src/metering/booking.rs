//! Metered packages: the platform's own, booked from the differences of a card's profiles.
//!
//! Overage from before a package was added or topped up stays overage: the customer bought bytes for the
//! future, and a booking that was shown must not move by itself. A person can move it, with
//! [`Ledger::cover_overage`].

use crate::time::UnixMs;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A package of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name, unique within its card.
    pub code: String,
    /// Its size in bytes; `None` means unlimited.
    pub total: Option<u64>,
    /// Its first instant; `None` means that it has always been valid.
    pub valid_from: Option<UnixMs>,
    /// The first instant after it; `None` means that it never expires.
    pub valid_to: Option<UnixMs>,
    /// Bytes booked so far.
    pub booked: u64,
}

impl Package {
    /// Whether it is valid at this time.
    #[must_use]
    pub fn is_valid(&self, at: UnixMs) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_to.is_none_or(|to| at < to)
    }

    /// Bytes left; `None` where it is unlimited.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.total.map(|total| total.saturating_sub(self.booked))
    }

    /// The order in which packages are used up: by expiry, then by start, then by code.
    #[must_use]
    pub fn before(&self, other: &Self) -> Ordering {
        let expiry = |package: &Self| package.valid_to.map_or((true, UnixMs(0)), |to| (false, to));
        expiry(self)
            .cmp(&expiry(other))
            .then_with(|| self.valid_from.cmp(&other.valid_from))
            .then_with(|| self.code.cmp(&other.code))
    }
}

/// A card's packages, and its usage beyond them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The packages, expired ones included. No two have the same code.
    pub packages: Vec<Package>,
    /// Bytes used beyond all packages.
    pub overage: u64,
}

/// Where bytes are booked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The package with this code.
    Package(String),
    /// No package.
    Overage,
}

/// One line of a card's bookings. It is never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where the bytes are booked.
    pub target: Target,
    /// Bytes; negative where they are taken back. Never zero.
    pub bytes: i64,
}

/// The most bytes that the books of one card hold, booked and overage together: what a signed number can.
/// This is the one place where a sum of bytes is bounded. What would go beyond is refused and changes
/// nothing, so that the books always are the sum of the differences.
pub const BOOKS_MOST: u64 = i64::MAX.unsigned_abs();

/// A difference that would bring a card's books over [`BOOKS_MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BooksFull {
    /// The bytes that were to be booked.
    pub bytes: u64,
}

/// The result of a booking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// The entries to append, in booking order.
    pub entries: Vec<Entry>,
    /// Bytes of a correction beyond everything that was ever booked on the card. Zero unless the card's
    /// bookings began later than its readings. The sum of the entries is the difference plus this.
    pub unbooked: u64,
}

impl Ledger {
    /// Books the difference of a reading whose usage is of the time `at` ([`super::delta::moment`]).
    ///
    /// A positive difference goes on the packages that are valid at that time, in the order of
    /// [`Package::before`]; the rest is overage. A negative one is taken back from the overage first, then
    /// from the packages in the opposite order. Expired packages are included, since a correction concerns
    /// the past.
    ///
    /// # Errors
    /// The books cannot hold so many bytes; they are as before.
    pub fn book(&mut self, delta: i64, at: UnixMs) -> Result<Booked, BooksFull> {
        let mut booked = Booked::default();
        let bytes = delta.unsigned_abs();
        if delta < 0 {
            booked.unbooked = self.take_back(bytes, &mut booked.entries);
        } else {
            let sum = u128::from(bytes) + self.wide_sum();
            if sum > u128::from(BOOKS_MOST) {
                return Err(BooksFull { bytes });
            }
            self.add(bytes, at, &mut booked.entries);
        }
        Ok(booked)
    }

    /// Booked bytes plus overage. Books that were only changed here never hold more than [`BOOKS_MOST`].
    #[must_use]
    pub fn sum(&self) -> u64 {
        u64::try_from(self.wide_sum()).unwrap_or(u64::MAX)
    }

    fn wide_sum(&self) -> u128 {
        self.packages.iter().fold(self.overage.into(), |sum, package| sum + u128::from(package.booked))
    }

    fn add(&mut self, mut left: u64, at: UnixMs, entries: &mut Vec<Entry>) {
        for package in self.in_order().into_iter().filter(|package| package.is_valid(at)) {
            let bytes = package.remaining().map_or(left, |remaining| remaining.min(left));
            left -= bytes;
            package.booked = package.booked.saturating_add(bytes);
            push(entries, Target::Package(package.code.clone()), signed(bytes));
        }
        self.overage = self.overage.saturating_add(left);
        push(entries, Target::Overage, signed(left));
    }

    fn take_back(&mut self, mut left: u64, entries: &mut Vec<Entry>) -> u64 {
        let bytes = self.overage.min(left);
        left -= bytes;
        self.overage -= bytes;
        push(entries, Target::Overage, -signed(bytes));
        for package in self.in_order().into_iter().rev() {
            let bytes = package.booked.min(left);
            left -= bytes;
            package.booked -= bytes;
            push(entries, Target::Package(package.code.clone()), -signed(bytes));
        }
        left
    }

    fn in_order(&mut self) -> Vec<&mut Package> {
        let mut packages: Vec<&mut Package> = self.packages.iter_mut().collect();
        packages.sort_by(|one, other| one.before(other));
        packages
    }
}

pub(super) fn push(entries: &mut Vec<Entry>, target: Target, bytes: i64) {
    if bytes != 0 {
        entries.push(Entry { target, bytes });
    }
}

/// Bytes of one entry. They are never more than the books hold, so they fit.
pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
