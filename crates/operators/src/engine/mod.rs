//! Runs a definition against a real operator.

mod account;
mod allowance;
mod answer;
mod answer_check;
mod capture;
mod connection;
mod derived;
mod error;
mod gate;
mod http;
mod lock_out;
mod login;
mod login_attempt;
mod many;
mod operator;
mod profile;
mod reading;
mod render;
mod request;
mod run;
mod setup;
mod sign;
mod steps;
mod trace;

pub use account::{OperatorAccount, SetupError, Timeouts};
pub use connection::Clock;
pub use error::ReadError;
pub use gate::{CallGate, CallKind, NoGate};
pub use many::{ManyOutcome, ManyReadings};
pub use operator::Operator;
pub use profile::ProfileRef;
pub use trace::StepTrace;
