//! An operator that misbehaves, and a server that has to stand it.

mod behaviours;
mod exchange;
mod server;
mod trial;

pub use trial::hostile_operator;
