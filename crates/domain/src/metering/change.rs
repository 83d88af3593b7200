//! Changes to a card's packages by people. Bytes only move between a package and overage, by entries like
//! those of a reading, so that the sum of all bookings stays the same.

use crate::metering::booking::{Entry, Ledger, Package, Target, push, signed};

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The card already has a package with this code.
    Exists,
    /// The card has no package with this code.
    Unknown,
    /// The package would end before it begins.
    Empty,
}

impl Ledger {
    /// Adds a package with nothing booked on it. Earlier overage stays overage.
    ///
    /// # Errors
    /// [`ChangeError::Exists`]; [`ChangeError::Empty`] where it ends before it begins.
    pub fn add_package(&mut self, package: Package) -> Result<(), ChangeError> {
        if self.packages.iter().any(|known| known.code == package.code) {
            return Err(ChangeError::Exists);
        }
        if package.valid_from.zip(package.valid_to).is_some_and(|(from, to)| to <= from) {
            return Err(ChangeError::Empty);
        }
        self.packages.push(Package { booked: 0, ..package });
        Ok(())
    }

    /// Changes a package's total. A larger total is a top-up; earlier overage stays overage. Where more than
    /// the new total is booked, the surplus becomes overage. Returns the entries to append.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn set_total(&mut self, code: &str, total: Option<u64>) -> Result<Vec<Entry>, ChangeError> {
        let package = self.find(code)?;
        package.total = total;
        let surplus = total.map_or(0, |total| package.booked.saturating_sub(total));
        package.booked -= surplus;
        self.overage = self.overage.saturating_add(surplus);
        Ok(moved(code, -signed(surplus)))
    }

    /// Moves overage onto a package, as far as the package has bytes left. Its validity does not matter,
    /// since a person asked for it. Returns the entries to append.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn cover_overage(&mut self, code: &str) -> Result<Vec<Entry>, ChangeError> {
        // The most that one entry can hold.
        let overage = self.overage.min(i64::MAX.unsigned_abs());
        let package = self.find(code)?;
        let bytes = package.remaining().map_or(overage, |left| left.min(overage));
        package.booked = package.booked.saturating_add(bytes);
        self.overage -= bytes;
        Ok(moved(code, signed(bytes)))
    }

    /// Removes a package that was entered by mistake. What was booked on it becomes overage. Returns the
    /// entries to append.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn remove_package(&mut self, code: &str) -> Result<Vec<Entry>, ChangeError> {
        let entries = self.set_total(code, Some(0))?;
        self.packages.retain(|package| package.code != code);
        Ok(entries)
    }

    fn find(&mut self, code: &str) -> Result<&mut Package, ChangeError> {
        self.packages.iter_mut().find(|package| package.code == code).ok_or(ChangeError::Unknown)
    }
}

/// The entries for bytes that move from overage onto a package; negative bytes move the other way.
fn moved(code: &str, bytes: i64) -> Vec<Entry> {
    let mut entries = Vec::new();
    push(&mut entries, Target::Package(code.to_owned()), bytes);
    push(&mut entries, Target::Overage, -bytes);
    entries
}
