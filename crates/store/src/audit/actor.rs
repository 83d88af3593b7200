//! Actors, and writing their audit entries.

use crate::backend::{Sql, Tx, row};
use crate::error::StoreError;
use simgauge_domain::audit::Entry;
use simgauge_domain::time::UnixMs;
use std::fmt;
use std::sync::Arc;

/// Who does something, and the clock that says when.
#[derive(Clone)]
pub(crate) struct Actor {
    name: Arc<str>,
    clock: Arc<dyn Fn() -> UnixMs + Send + Sync>,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

row! {
    /// An entry as it is stored.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuditEntry {
        /// From 1, without gaps.
        pub seq: i64,
        /// When, in Unix milliseconds.
        pub at: i64,
        /// Who.
        pub actor: String,
        /// What they did.
        pub action: String,
        /// What they did it to.
        pub subject: String,
        /// What else there is to say.
        pub detail: String,
        /// SHA-256 of this entry and all before it, as hex.
        pub hash: String,
    }
}

impl AuditEntry {
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            seq: self.seq,
            at: UnixMs(self.at),
            actor: &self.actor,
            action: &self.action,
            subject: &self.subject,
            detail: &self.detail,
        }
    }
}

impl Actor {
    pub(super) fn new(name: &str, clock: Arc<dyn Fn() -> UnixMs + Send + Sync>) -> Self {
        Self { name: name.into(), clock }
    }

    /// The entry after the last one, whose number and hash are given.
    fn next_entry(
        &self,
        (seq, hash): (i64, String),
        action: &str,
        subject: &str,
        detail: &str,
    ) -> AuditEntry {
        let mut entry = AuditEntry {
            seq: seq + 1,
            at: (self.clock)().0,
            actor: self.name.to_string(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            hash: String::new(),
        };
        entry.hash = entry.entry().hash(&hash);
        entry
    }
}

/// Locks the last entry's number and hash, so that entries are written one after the other.
const LOCK_HEAD: Sql = Sql {
    sqlite: "SELECT seq, hash FROM audit_head",
    postgres: "SELECT seq, hash FROM audit_head FOR UPDATE",
};
const INSERT: Sql = Sql::both(
    "INSERT INTO audit (seq, at, actor, action, subject, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
);
const MOVE_HEAD: Sql = Sql::both("UPDATE audit_head SET seq = $1, hash = $2");

/// Writes an entry in the transaction of the action, where an actor is known, and answers its number. It
/// comes last in the transaction, because the head stays locked from then on.
pub(crate) async fn record(
    actor: Option<&Actor>,
    tx: &mut impl Tx,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<Option<i64>, StoreError> {
    let Some(actor) = actor else { return Ok(None) };
    let Some(head) = tx.one(LOCK_HEAD, &[]).await? else {
        return Err(StoreError::Corrupt("audit_head has no row".to_owned()));
    };
    let entry = actor.next_entry(head, action, subject, detail);
    let values = [
        entry.seq.into(),
        entry.at.into(),
        (&entry.actor).into(),
        action.into(),
        subject.into(),
        detail.into(),
        (&entry.hash).into(),
    ];
    tx.run(INSERT, &values).await?;
    tx.run(MOVE_HEAD, &[entry.seq.into(), (&entry.hash).into()]).await?;
    Ok(Some(entry.seq))
}
