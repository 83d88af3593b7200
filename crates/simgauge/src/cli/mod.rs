//! The command line, one command per file. Each has its arguments and a `run` that does it, prints, and
//! answers the exit code: 0 for done, 1 for refused or failed, 3 where a call to a server was told to wait
//! (429). Wrong usage (2) is found by the argument parser.

pub mod account;
pub mod actor;
pub mod admin;
pub mod app;
pub mod audit;
pub mod backup;
pub mod card;
pub mod check;
pub mod command;
pub mod completions;
pub mod connection;
pub mod demo;
pub mod health;
mod import_file;
pub mod input;
pub mod man;
pub mod migrate;
pub mod notification;
mod on_store;
pub mod openapi;
pub mod operator;
pub mod output;
pub mod package;
pub mod reading;
pub mod refresh;
pub mod secrets;
pub mod serve;
pub mod sign;
pub mod simulate;
#[cfg(test)]
mod test_store;
pub mod usage;
pub mod verify;

pub use output::Output;
