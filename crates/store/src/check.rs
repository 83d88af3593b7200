//! Looking for damage in a store.

use crate::backend::counts::COUNTS;
use crate::backend::{Database, Tx as _, is_current};
use crate::error::StoreError;
use crate::store::Store;
use std::time::Duration;

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Damage, one sentence each.
    pub findings: Vec<String>,
    /// What is not as this program makes it: the store was not migrated, or changed by hand.
    pub schema: Vec<String>,
    /// Rows of each table, as far as they were counted.
    pub rows: Vec<(String, i64)>,
    /// What was not looked at to its end, since time was up.
    pub unfinished: Vec<&'static str>,
}

impl Store {
    /// Looks for damage while the store is used: schema, numbers of rows and, on SQLite, the pages of the
    /// file; `is_full`: also whether indexes agree with their tables and rows refer to rows that exist.
    /// `limit` ends it early on SQLite.
    ///
    /// # Errors
    /// The database cannot be reached or read at all.
    pub async fn check(&self, is_full: bool, limit: Option<Duration>) -> Result<CheckReport, StoreError> {
        match &self.db {
            Database::Sqlite(database) => {
                let report = database.check(is_full, limit)?;
                Ok(CheckReport {
                    findings: report.findings,
                    schema: report.schema,
                    rows: report.rows,
                    unfinished: report.unfinished,
                })
            }
            Database::Postgres(_) => {
                let mut report = CheckReport::default();
                if !is_current(&self.db).await? {
                    report.schema.push("the schema is not the one of this program".to_owned());
                    return Ok(report);
                }
                report.rows = self.db.read_whole().await?.all(COUNTS, &[]).await?;
                Ok(report)
            }
        }
    }
}
