//! Accepting refreshes.

mod decide;
mod model;
mod postgres;
mod sqlite;
mod store;
pub(crate) mod tasks;

pub use model::{
    AcceptCall, AcceptOutcome, Accepted, Admission, AdmissionRule, CardRules, NewWork, NotSynced,
};
