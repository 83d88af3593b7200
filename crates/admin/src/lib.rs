#![doc = include_str!("../README.md")]

mod accounts;
mod administration;
mod admins;
mod apps;
mod audit;
mod cards;
mod error;
mod export;
pub mod human;
pub mod import;
mod lanes;
mod notifications;
pub mod package_fields;
mod packages;
pub mod password;
mod readings;
mod reconcile;
mod refresh;
mod secrets;
#[cfg(test)]
mod tests;

pub use accounts::{AccountOverview, NotifyApp, NotifyChange};
pub use administration::{Actor, Administration};
pub use apps::{IssuedSecret, NewApp};
pub use cards::kind_name;
pub use error::AdminError;
pub use export::ExportedCards;
pub use readings::ReversedPeriod;
pub use reconcile::{
    DamagedCard, Difference, DifferenceKind, ReconcilePage, ReconcileScope, ReconcileTotals, Reconciliation,
};
pub use refresh::RefreshOutcome;
pub use secrets::KeyRotation;
