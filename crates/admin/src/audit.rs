//! The audit: who did what, and whether it still is as it was written.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::audit::{ChainError, ChainPosition};
use simgauge_store::{AuditEntry, CardChange};

/// Entries that are read at once.
const PAGE: i64 = 1_000;

impl Administration {
    /// The newest `limit` entries, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn newest_audit_entries(&self, limit: u32) -> Result<Vec<AuditEntry>, AdminError> {
        Ok(self.store.audit_newest(limit.into()).await?)
    }

    /// The entries after number `seq`, oldest first, at most 1,000; none: there are no more.
    ///
    /// # Errors
    /// The store failed.
    pub async fn audit_entries_after(&self, seq: i64) -> Result<Vec<AuditEntry>, AdminError> {
        Ok(self.store.audit_after(seq, PAGE).await?)
    }

    /// What the import of an entry changed on cards that were known before.
    ///
    /// # Errors
    /// The store failed.
    pub async fn import_changes(&self, entry: i64) -> Result<Vec<CardChange>, AdminError> {
        let mut changes: Vec<CardChange> = Vec::new();
        loop {
            let page = self.store.import_changes(entry, changes.last(), PAGE).await?;
            if page.is_empty() {
                return Ok(changes);
            }
            changes.extend(page);
        }
    }

    /// Checks the whole chain of entries, past an anchor where one was kept. Answers where the chain ends, or
    /// what is wrong.
    ///
    /// # Errors
    /// The store failed.
    pub async fn verify_audit(
        &self,
        anchor: Option<ChainPosition>,
    ) -> Result<Result<ChainPosition, ChainError>, AdminError> {
        Ok(self.store.verify_audit(anchor).await?)
    }

    /// Checks the newest entries of the chain only.
    ///
    /// # Errors
    /// The store failed.
    pub async fn verify_audit_end(&self) -> Result<Result<ChainPosition, ChainError>, AdminError> {
        Ok(self.store.verify_audit_end().await?)
    }
}
