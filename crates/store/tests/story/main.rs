//! The contract of the store, told as stories that every database has to live through.
#![allow(clippy::unwrap_used)]

mod accept;
mod accounts;
mod cards;
mod connections;
mod identity;
mod leases;
mod packages;
mod results;
mod scene;
mod schema;
#[path = "../support/mod.rs"]
mod support;
mod suspects;
