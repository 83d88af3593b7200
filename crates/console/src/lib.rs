#![doc = include_str!("../README.md")]

mod action;
mod chart;
mod export;
mod fields;
mod live;
mod page;
mod pages;
mod router;
mod session;
mod state;
mod text;
mod throttle;
mod view;

pub use router::router;
pub use state::{ConsoleConfig, ConsoleState, OperatorFacts};
