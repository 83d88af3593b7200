//! Operator definitions as data, the engine that runs them, and the operator simulator.

pub mod catalog;
pub mod check;
pub mod dates;
pub mod definition;
pub mod engine;
pub mod iccid;
mod jq;
mod json;
pub mod simulator;
mod template;
pub mod units;

pub use catalog::{Catalog, CatalogError, builtin_definitions, builtin_fixtures};
pub use definition::{Definition, DefinitionError, Problem};
pub use engine::{
    CallGate, CallKind, Clock, NoGate, Operator, OperatorAccount, ProfileRef, ReadError, SetupError,
    StepTrace, Timeouts,
};
