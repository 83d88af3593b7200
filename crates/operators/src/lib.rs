//! Operator definitions as data, and the engine that runs them.

pub mod catalog;
pub mod check;
mod ctc_des;
pub mod dates;
pub mod definition;
pub mod engine;
mod filters;
mod hash;
pub mod iccid;
mod jq;
mod json;
mod json_names;
mod nearest;
mod skeleton;
mod template;
pub mod units;
mod xml;

pub use catalog::{Catalog, CatalogError, builtin_definitions, builtin_fixtures};
pub use definition::{Definition, DefinitionError, Evidence, Many, Problem, Question};
pub use engine::{
    CallGate, CallKind, Clock, Finding, KnownId, ManyOutcome, ManyReadings, NoGate, Operator,
    OperatorAccount, ProfileReading, ProfileRef, ReadError, SetupError, StepTrace, Timeouts,
};
pub use skeleton::skeleton;
