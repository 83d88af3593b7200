//! The only place with SQL: one [`Store`] over SQLite (embedded) or PostgreSQL (many nodes), chosen by the URL.
//!
//! Times are passed in; nothing here reads a clock. Three tables carry a refresh: `refresh` (appended), `task` (appended,
//! deleted when done) and `card`, whose row names its latest refresh: on PostgreSQL from its acceptance on, on SQLite from
//! the end of its first reading on (see `backend/sqlite/deferred.rs`).

mod accounts;
mod activity;
mod admins;
mod audit;
mod backend;
mod cards;
mod copy;
mod error;
mod leases;
mod outbox;
mod packages;
mod readings;
mod refreshes;
mod results;
mod store;
mod upgrade;

pub use backend::sqlite_file;
pub use error::{StoreError, database_errors};
pub use store::Store;
