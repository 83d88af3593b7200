//! Notifications: the outbox delivered, signed, at least once, in order per card, by one node at a time.

mod attempt;
mod cleanup;
mod deliverer;
mod message;
mod resolve;
mod retry_schedule;
mod scheduler;
mod settings;

pub use deliverer::deliver;
pub use settings::{NotifyConfig, NotifySettings};
