//! The outbox of notifications. A notification is written in the transaction of its event, and
//! delivered afterwards by one node at a time.
//!
//! Only the oldest waiting notification of a card has a `next_at`; it holds the others back. Everything that
//! changes which one that is happens under the card's lock: the end of a refresh has it anyway, delivery and
//! replays take it.

pub(crate) mod body;
mod delivery;
pub(crate) mod ended;
mod manage;
mod order;
pub(crate) mod prefs;
mod settle;
mod view;

pub use delivery::{DamagedNotification, DueNotification, Receiver};
pub use prefs::NotificationPrefs;
pub use settle::{Outcome, Settled};
pub use view::{NotificationState, NotificationView};
