//! The operator simulator over real sockets, asked in raw HTTP.
#![allow(clippy::unwrap_used)]

mod cisco;
mod faults;
mod support;
