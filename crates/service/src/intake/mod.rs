//! From a call that passed the gate to a durable refresh, and back to whoever waits for its end.

mod accept;
mod cadence;
mod card_memory;
mod cooldown_cache;
mod inflight;
mod sync;

pub use accept::{Accepter, NotAccepted};
pub use cadence::{CadenceCall, CadenceWatch, SteadyBeat, Verdict};
pub use cooldown_cache::Known;
