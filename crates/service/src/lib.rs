#![doc = include_str!("../README.md")]

pub mod activity;
pub mod answers;
pub mod apps;
pub mod checkpoint;
pub mod clock;
pub mod guard;
pub mod intake;
mod interval;
pub mod lanes;
pub mod lease;
pub mod live_metrics;
pub mod outbox;
pub mod reading;
pub mod retention;
pub mod secrets;
pub mod services;
pub mod telemetry;
mod thread;
pub mod waiters;
