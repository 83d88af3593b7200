//! The operators' APIs as one HTTP server, with usage that grows, enforced limits and faults on demand.
//!
//! Operator `X` is served below `http://HOST:PORT/X`, followed by the paths of its documentation. The path of
//! its documented base URL may be left out. `/X@TAG` is an independent copy with its own limits, faults,
//! counts and SIMs. The user (client id, app id) is `sim-user` and the password (secret, key) is `sim-secret`
//! everywhere, but `sim-secre` where China Telecom wants a key of nine characters.
//!
//! Every SIM exists, unless its ICCID starts with [`UNKNOWN_PREFIX`].

mod config;
mod control;
mod credentials;
mod des_chain;
mod exchange;
mod faults;
mod format;
mod instance;
mod ledger;
mod limits;
mod listing;
mod mac;
mod operation;
mod operator;
mod operators;
mod output;
mod server;
mod shared;
mod sims;
mod simulator;
mod state;
mod stats;
mod sync;
mod tokens;
mod wire;
mod xml;

pub use config::{Clock, SimulatorConfig};
pub use faults::{Fault, FaultSpan};
pub use ledger::ViolationNote;
pub use sims::UNKNOWN_PREFIX;
pub use simulator::Simulator;
pub use stats::Stats;
