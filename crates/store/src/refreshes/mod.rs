//! Refreshes: accepting them, their tasks, and looking at them.

pub(crate) mod accept;
pub(crate) mod browse;
pub(crate) mod deferred;
pub(crate) mod rows;
pub(crate) mod tasks;
pub(crate) mod view;

pub use accept::{
    AcceptCall, AcceptOutcome, Accepted, Admission, AdmissionRule, CardRules, NewWork, NotSynced,
};
pub use browse::{RefreshFilter, RefreshPage, WaitingTask};
pub use tasks::{DamagedTask, Postponed, SetAside, Task, TaskKey, Waiting};
pub use view::RefreshView;
