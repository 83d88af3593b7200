//! Stories told over real sockets: a running server, a running operator simulator, a real database.
#![allow(clippy::unwrap_used, missing_docs)]

mod audit;
mod bad_input;
mod beats;
mod command_line;
mod connections;
mod console;
mod contract;
mod cooldown;
mod crash;
mod demo;
mod docs;
mod documentation;
mod gate;
mod key_rotation;
mod metrics;
mod notifications;
mod paced;
mod reading;
mod scenarios;
mod shutdown;
mod supply_chain;
mod support;
mod tls;
mod traces;
mod usage;
