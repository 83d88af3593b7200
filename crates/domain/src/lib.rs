//! Pure rules of simgauge: no I/O, no clock, no randomness. Time and chance are passed in.

pub mod accept;
pub mod audit;
pub mod breaker;
pub mod cadence;
pub mod card_kind;
pub mod failure;
pub mod fairness;
pub mod id;
pub mod ids;
pub mod limits;
pub mod metering;
pub mod names;
pub mod pace;
pub mod period;
pub mod reading;
pub mod refresh;
pub mod retry;
pub mod threshold;
pub mod time;
