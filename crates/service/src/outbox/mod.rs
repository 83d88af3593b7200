//! Notifications: the outbox delivered, signed, at least once, in order per card, by one node at a time.

mod cleanup;
mod deliver;
mod delivery_attempt;
mod delivery_session;
mod message;
mod resolve;
mod retry_schedule;
mod scheduler;

mod settings;
mod settle;

pub use deliver::deliver;
pub use settings::{NotifyConfig, NotifySettings};
