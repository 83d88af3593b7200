//! From a call that passed the gate to a durable refresh, and back to whoever waits for its end.

mod accept;
mod beats;
mod card_memory;
mod cooldown_cache;
pub(crate) mod read;
mod room;
mod sync;
mod waiters;

pub use accept::{Accepter, NotAccepted};
pub use beats::{BeatCall, Beats, Verdict};
pub use cooldown_cache::Known;
pub use waiters::Waiters;
