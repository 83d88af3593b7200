//! The refresh button of a SIM platform: the program as a library, so that tests can start it whole.

pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod logging;
pub mod operators;
