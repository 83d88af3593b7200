#![doc = include_str!("../README.md")]

pub mod activity;
pub mod answers;
pub mod apps;
pub mod checkpoint;
pub mod clock;
pub mod intake;
pub mod lanes;
pub mod outbox;
pub mod reading;
pub mod retention;
pub mod secrets;
pub mod services;
pub mod telemetry;
pub mod waiters;
