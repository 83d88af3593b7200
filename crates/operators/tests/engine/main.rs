//! The definition engine over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_answers;
mod chained;
mod definitions;
mod faults;
mod fixtures;
mod logins;
mod logs;
mod many;
mod many_pages;
mod many_simulated;
mod masks;
mod official_examples;
mod operator_id;
mod saved;
mod setup;
mod simulated;
mod support;
mod xml;
