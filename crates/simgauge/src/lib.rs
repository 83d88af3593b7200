//! The refresh button of a SIM platform: the program as a library, so that tests can start it whole.

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod demo;
pub mod human;
pub mod import;
pub mod lanes;
pub mod logging;
pub mod notify;
pub mod pulse;
pub mod reason;
pub mod refresh;
pub mod retention;
pub mod secrets;
pub mod server;
pub mod telemetry;
pub mod upkeep;
