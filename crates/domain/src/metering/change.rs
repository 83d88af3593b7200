//! Changes to a card's packages by people. Each keeps the sum of the books: bytes only move between a package and overage,
//! by entries like those of a reading.

use crate::metering::booking::{Entry, Ledger, Package, Target, push, signed};

/// Why packages stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The card has a package of that code.
    Exists,
    /// The card has no package of that code.
    Unknown,
    /// It would never be valid.
    Empty,
}

impl Ledger {
    /// Adds a package, with nothing booked on it. Earlier overage stays overage.
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

    /// Changes a package's total. More is a top-up, and earlier overage stays overage; where more than the new total is
    /// booked, the surplus becomes overage.
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

    /// Moves overage onto a package as far as it has room, when somebody asks for it; its validity does not matter then.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn cover_overage(&mut self, code: &str) -> Result<Vec<Entry>, ChangeError> {
        // What one entry can hold.
        let overage = self.overage.min(i64::MAX.unsigned_abs());
        let package = self.find(code)?;
        let bytes = package.remaining().map_or(overage, |room| room.min(overage));
        package.booked = package.booked.saturating_add(bytes);
        self.overage -= bytes;
        Ok(moved(code, signed(bytes)))
    }

    /// Removes a package that was entered by mistake: what was booked on it becomes overage. One that merely expired stays.
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

/// The entries of bytes that move onto a package from overage; the other way where negative.
fn moved(code: &str, bytes: i64) -> Vec<Entry> {
    let mut entries = Vec::new();
    push(&mut entries, Target::Package(code.to_owned()), bytes);
    push(&mut entries, Target::Overage, -bytes);
    entries
}
