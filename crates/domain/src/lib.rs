#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod accept;
pub mod audit;
pub mod breaker;
pub mod cadence;
pub mod card_kind;
pub mod failure;
pub mod fairness;
pub mod guard;
pub mod id;
pub mod ids;
pub mod lane_status;
pub mod limits;
pub mod metering;
pub mod names;
pub mod origin;
pub mod pace;
pub mod period;
pub mod public_address;
pub mod reading;
pub mod refresh;
pub mod retry;
pub mod target_policy;
pub mod threshold;
pub mod time;
pub mod waiting;
