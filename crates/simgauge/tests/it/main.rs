//! Stories told over real sockets: a running server, a running operator simulator, a real database.
#![allow(clippy::unwrap_used, missing_docs)]

mod bad_input;
mod contract;
mod cooldown;
mod crash;
mod failure;
mod lanes;
mod notifications;
mod reading;
mod shutdown;
mod support;
mod usage;
