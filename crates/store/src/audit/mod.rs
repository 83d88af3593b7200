//! Who did what: an entry in the transaction of the action, chained to the one before.

pub(crate) mod actor;
mod log;

pub use actor::AuditEntry;
