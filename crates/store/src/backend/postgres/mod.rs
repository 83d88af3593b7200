//! PostgreSQL, or a service that speaks it: a store that many nodes share.

pub(crate) mod database;
pub(crate) mod statement;
pub(crate) mod url;
