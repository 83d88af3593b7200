//! Reading the audit, and checking its chain.

use super::actor::{Actor, AuditEntry, record};
use crate::backend::{Sql, Transaction};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::audit::{ChainError, ChainPosition, ChainVerifier};
use simgauge_domain::time::UnixMs;
use std::sync::Arc;

/// Entries in one statement.
const PAGE: i64 = 1000;
/// Entries that a look at the end of the chain goes through.
const END: i64 = 100;
/// In one statement, so that head and entries are of one moment.
const BEYOND_HEAD: Sql = Sql::both(
    "SELECT min(seq) FROM (SELECT min(seq) AS seq FROM audit \
     WHERE seq > (SELECT seq FROM audit_head) \
     UNION ALL SELECT min(seq) FROM audit WHERE seq < 1) AS beyond",
);
const HEAD: Sql = Sql::both("SELECT seq, hash FROM audit_head");

impl Store {
    /// The same store for one person or program: changes made through it are audited under this name.
    #[must_use]
    pub fn acting_as(&self, name: &str, clock: Arc<dyn Fn() -> UnixMs + Send + Sync>) -> Self {
        Self { actor: Some(Actor::new(name, clock)), ..self.clone() }
    }

    /// Writes an entry about an action outside the store; nothing where no actor is known.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn note(&self, action: &str, subject: &str, detail: &str) -> Result<(), StoreError> {
        self.commit_audited(self.db.write().await?, action, subject, detail).await
    }

    /// Commits a transaction, with an entry about it where an actor is known.
    pub(crate) async fn commit_audited(
        &self,
        mut tx: Transaction,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        record(self.actor.as_ref(), &mut tx, action, subject, detail).await?;
        tx.commit().await
    }

    /// The entries after one, oldest first.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn audit_after(&self, seq: i64, limit: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let select = Sql::both("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2");
        self.db.all(select, &[seq.into(), limit.into()]).await
    }

    /// The newest entries, newest first.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn audit_newest(&self, limit: i64) -> Result<Vec<AuditEntry>, StoreError> {
        self.db.all(Sql::both("SELECT * FROM audit ORDER BY seq DESC LIMIT $1"), &[limit.into()]).await
    }

    /// Checks the whole chain, past an anchor where one was kept. Answers where it ends, or what is wrong
    /// with it. Entries that are written meanwhile do no harm.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn verify_audit(
        &self,
        anchor: Option<ChainPosition>,
    ) -> Result<Result<ChainPosition, ChainError>, StoreError> {
        let head = self.audit_head().await?;
        if let Some(inserted) = self.db.one::<Option<i64>>(BEYOND_HEAD, &[]).await?.flatten() {
            return Ok(Err(ChainError::Inserted(inserted)));
        }
        let mut walk = ChainVerifier::new(anchor);
        loop {
            let page = self.audit_after(walk.position().seq, PAGE).await?;
            let page: Vec<_> = page.into_iter().take_while(|entry| entry.seq <= head.seq).collect();
            if page.is_empty() {
                return Ok(walk.finish(&head));
            }
            for entry in &page {
                if let Err(broken) = walk.check_next(&entry.entry(), &entry.hash) {
                    return Ok(Err(broken));
                }
            }
        }
    }

    /// Follows the end of the chain only: whether the newest entries lead to its head.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn verify_audit_end(&self) -> Result<Result<ChainPosition, ChainError>, StoreError> {
        let head = self.audit_head().await?;
        if let Some(inserted) = self.db.one::<Option<i64>>(BEYOND_HEAD, &[]).await?.flatten() {
            return Ok(Err(ChainError::Inserted(inserted)));
        }
        let first = (head.seq - END).max(0);
        let entries = self.audit_after((first - 1).max(0), END + 1).await?;
        let mut entries = entries.into_iter().take_while(|entry| entry.seq <= head.seq);
        let mut walk = ChainVerifier::new(None);
        if first > 0 {
            match entries.next().filter(|entry| entry.seq == first) {
                Some(entry) => {
                    walk = ChainVerifier::after(ChainPosition { seq: first, hash: entry.hash });
                }
                None => return Ok(Err(ChainError::Missing(first))),
            }
        }
        for entry in entries {
            if let Err(broken) = walk.check_next(&entry.entry(), &entry.hash) {
                return Ok(Err(broken));
            }
        }
        Ok(walk.finish(&head))
    }

    async fn audit_head(&self) -> Result<ChainPosition, StoreError> {
        let head = self.db.one::<(i64, String)>(HEAD, &[]).await?;
        let (seq, hash) = head.ok_or_else(|| StoreError::Corrupt("audit_head has no row".to_owned()))?;
        Ok(ChainPosition { seq, hash })
    }
}
