//! The command line: one command per file. Each has its arguments and a `run` that prints and says how it went: 0 is
//! done, 1 refused or failed; wrong usage (2) is what the argument parser finds.

pub mod account;
pub mod actor;
pub mod admin;
pub mod app;
pub mod audit;
pub mod backup;
pub mod card;
pub mod command;
pub mod completions;
pub mod connection;
pub mod demo;
pub mod health;
pub mod input;
pub mod man;
pub mod migrate;
pub mod notification;
pub mod openapi;
pub mod operator;
pub mod output;
pub mod package;
pub mod refresh;
pub mod secrets;
pub mod serve;
pub mod sign;
pub mod simulate;
pub mod usage;
pub mod verify;

pub use output::Output;
pub use simgauge_admin::human;
