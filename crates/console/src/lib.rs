#![doc = include_str!("../README.md")]

mod action;
mod assets;
mod chart;
mod config;
mod cookie;
mod data_age;
mod error;
mod export;
mod fields;
mod headers;
mod import_jobs;
mod lanes;
mod list;
mod live;
mod page;
mod pages;
mod request;
mod router;
mod session;
mod state;
mod surround;
mod text;
mod throttle;
mod view;
mod visitor;

pub use config::ConsoleConfig;
pub use router::router;
pub use state::{ConsoleState, OperatorFacts};
