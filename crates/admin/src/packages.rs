//! Packages: the data plans that the platform sells on cards.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_store::{CardView, NewPackage};

/// Cards are named by exactly their numbers.
impl Administration {
    /// Adds a package to a card. What was used before stays where it is booked. Answers the card as it is
    /// now.
    ///
    /// # Errors
    /// The card does not exist, has a package of that code, or the package would end before it begins.
    pub async fn add_package(&self, new: &NewPackage) -> Result<CardView, AdminError> {
        self.store.add_package(new, self.now()).await?;
        self.exact_card(&new.card).await
    }

    /// Changes a package's total; none: unlimited. More is a top-up; of less, what is booked beyond it
    /// becomes overage. Answers the card as it is now.
    ///
    /// # Errors
    /// The card does not exist, or has no such package.
    pub async fn set_package_total(
        &self,
        card: &str,
        code: &str,
        total: Option<u64>,
    ) -> Result<CardView, AdminError> {
        self.store.set_package_total(card, code, total, self.now()).await?;
        self.exact_card(card).await
    }

    /// Moves a card's overage onto a package, as far as it has room. Answers the card as it is now.
    ///
    /// # Errors
    /// The card does not exist, or has no such package.
    pub async fn cover_overage(&self, card: &str, code: &str) -> Result<CardView, AdminError> {
        self.store.cover_overage(card, code, self.now()).await?;
        self.exact_card(card).await
    }

    /// Removes a package that was entered by mistake; what was booked on it becomes overage. Answers the card
    /// as it is now.
    ///
    /// # Errors
    /// The card does not exist, or has no such package.
    pub async fn remove_package(&self, card: &str, code: &str) -> Result<CardView, AdminError> {
        self.store.remove_package(card, code, self.now()).await?;
        self.exact_card(card).await
    }
}
