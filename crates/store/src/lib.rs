//! The only place with SQL: one [`Store`] over SQLite (embedded) or PostgreSQL (many nodes), chosen by the
//! URL.
//!
//! Times are passed in; nothing here reads a clock. Three tables carry a refresh: `refresh` (appended),
//! `task` (appended, deleted when done) and `card`, whose row names its latest refresh: on PostgreSQL from
//! its acceptance on, on SQLite from the end of its first reading on (see `backend/sqlite/deferred.rs`).

mod accounts;
mod activity;
mod admins;
mod audit;
mod backend;
mod cards;
mod check;
mod copy;
mod error;
mod leases;
mod outbox;
mod packages;
mod probe;
mod readings;
mod refreshes;
mod results;
mod store;
mod suspects;
mod upgrade;

pub use accounts::{Account, App, SealAnew, StoredQuota};
pub use activity::Activity;
pub use admins::{Admin, AdminRole, Session};
pub use audit::AuditEntry;
#[cfg(debug_assertions)]
#[doc(hidden)]
pub use backend::watch_statements;
pub use backend::{ServingLock, check_url, had_database, sqlite_file};
pub use cards::{
    CardChange, CardCursor, CardFilter, CardView, CardWalk, ImportRow, Importer, ProfileView, RowError,
};
pub use check::CheckReport;
pub use copy::CopiedTable;
pub use error::{FileFault, StoreError, database_errors};
pub use leases::{Before, LaneHold, LanePause, LaneRow, Lease, LeaseKind, Wakeup, Wakeups};
pub use outbox::{
    DamagedNotification, DueNotification, NotificationPrefs, NotificationState, NotificationView, Outcome,
    Receiver, Settled,
};
pub use packages::{NewPackage, PackageError, PackageView};
pub use readings::{CardAudit, CardSums, ReadingView};
pub use refreshes::{
    AcceptCall, AcceptOutcome, Accepted, Admission, AdmissionRule, CardRules, DamagedTask, NewWork,
    NotSynced, Postponed, RefreshFilter, RefreshPage, RefreshView, SetAside, Task, TaskKey, Waiting,
    WaitingTask,
};
pub use results::{Ended, Finished, LaneResults};
pub use store::Store;
pub use suspects::{
    Decision, SettledSuspects, SuspectFilter, SuspectPlace, SuspectState, SuspectView, WaitingUnitChange,
};
