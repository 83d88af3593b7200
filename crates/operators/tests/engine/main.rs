//! The definition engine over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixtures;
mod simulated;
mod support;
