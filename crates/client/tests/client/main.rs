//! The client against real sockets.
#![allow(clippy::unwrap_used)]

mod answers;
mod notification;
mod retries;
mod support;
