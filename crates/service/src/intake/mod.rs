//! From a call that passed the gate to a durable refresh, and back to whoever waits for its end.

mod accept;
mod accepted;
mod cadence;
mod card_memory;
mod cooldown_cache;
mod group;
mod inflight;
mod sync;
mod write_health;

pub use accept::{AcceptSettings, Accepter};
pub use cadence::{CadenceCall, CadenceWatch, SteadyBeat, Verdict};
pub use cooldown_cache::Known;
pub use group::NotAccepted;
pub use write_health::WriteOutcome;
