//! Who did what: an entry in the transaction of the deed, chained to the one before.

use crate::Store;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
use crate::row::row;
use simgauge_domain::audit::{Anchor, Broken, Entry, Walk};
use simgauge_domain::time::UnixMs;
use std::sync::Arc;

/// Entries in one statement.
const PAGE: i64 = 1000;

/// Who does something, and the clock that says when.
#[derive(Clone)]
pub(crate) struct Actor {
    name: Arc<str>,
    clock: Arc<dyn Fn() -> UnixMs + Send + Sync>,
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        /// What.
        pub action: String,
        /// To what.
        pub subject: String,
        /// What else there is to say.
        pub detail: String,
        /// Its hash and that of all before it, as hex.
        pub hash: String,
    }
}

impl AuditEntry {
    fn entry(&self) -> Entry<'_> {
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
    /// The entry after the one that stands at the head.
    pub(crate) fn entry(
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

    /// What [`audit!`] does, for transactions on SQLite's own thread.
    pub(crate) fn write(
        &self,
        tx: &rusqlite::Connection,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let head = tx.query_row(HEAD.sqlite, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let new = self.entry(head, action, subject, detail);
        let AuditEntry { seq, at, actor, action, subject, detail, hash } = &new;
        tx.execute(INSERT.sqlite, rusqlite::params![seq, at, actor, action, subject, detail, hash])?;
        tx.execute(MOVE_HEAD.sqlite, rusqlite::params![seq, hash])?;
        Ok(())
    }
}

/// The head is locked, so that entries are written one after the other.
pub(crate) const HEAD: Sql = Sql {
    sqlite: "SELECT seq, hash FROM audit_head",
    postgres: "SELECT seq, hash FROM audit_head FOR UPDATE",
};
pub(crate) const INSERT: Sql = Sql::both(
    "INSERT INTO audit (seq, at, actor, action, subject, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
);
pub(crate) const MOVE_HEAD: Sql = Sql::both("UPDATE audit_head SET seq = $1, hash = $2");

/// Writes an entry in the transaction of the deed, where somebody is known to act. It comes last: from then on the head is locked.
macro_rules! audit {
    ($actor:expr, $tx:expr, $sql:ident, $action:expr, $subject:expr, $detail:expr) => {
        if let Some(actor) = &$actor {
            let head: (i64, String) = sqlx::query_as($sql($crate::audit::HEAD)).fetch_one(&mut *$tx).await?;
            let entry = actor.entry(head, $action, $subject, &$detail);
            sqlx::query($sql($crate::audit::INSERT))
                .bind(entry.seq)
                .bind(entry.at)
                .bind(&entry.actor)
                .bind(&entry.action)
                .bind(&entry.subject)
                .bind(&entry.detail)
                .bind(&entry.hash)
                .execute(&mut *$tx)
                .await?;
            sqlx::query($sql($crate::audit::MOVE_HEAD))
                .bind(entry.seq)
                .bind(&entry.hash)
                .execute(&mut *$tx)
                .await?;
        }
    };
}
pub(crate) use audit;

impl Store {
    /// The same store in somebody's hands: what is changed through it is audited under this name.
    #[must_use]
    pub fn acting_as(&self, name: &str, clock: Arc<dyn Fn() -> UnixMs + Send + Sync>) -> Self {
        Self { db: self.db.clone(), actor: Some(Actor { name: name.into(), clock }) }
    }

    /// Writes an entry about something that was done elsewhere than in the store; nothing where nobody is known to act.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn note(&self, action: &str, subject: &str, detail: &str) -> Result<(), StoreError> {
        writing!(self, |tx, sql| {
            audit!(self.actor, tx, sql, action, subject, detail);
        });
        Ok(())
    }

    /// The entries after one, oldest first.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn audit_after(&self, seq: i64, limit: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let select = Sql::both("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2");
        reading!(self, |pool, sql| {
            Ok(sqlx::query_as(sql(select)).bind(seq).bind(limit).fetch_all(pool).await?)
        })
    }

    /// The newest entries, newest first.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn audit_newest(&self, limit: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let select = Sql::both("SELECT * FROM audit ORDER BY seq DESC LIMIT $1");
        reading!(self, |pool, sql| Ok(sqlx::query_as(sql(select)).bind(limit).fetch_all(pool).await?))
    }

    /// Walks the whole chain, past an anchor where one was kept; answers where it ends, or what is wrong with it. Entries that are
    /// written meanwhile do no harm.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn verify_audit(&self, anchor: Option<Anchor>) -> Result<Result<Anchor, Broken>, StoreError> {
        let head = Sql::both("SELECT seq, hash FROM audit_head");
        // In one statement, so that head and entries are of one moment.
        let beyond =
            Sql::both("SELECT min(seq) FROM audit WHERE seq > (SELECT seq FROM audit_head) OR seq < 1");
        let (seq, hash): (i64, String) =
            reading!(self, |pool, sql| sqlx::query_as(sql(head)).fetch_one(pool).await?);
        let head = Anchor { seq, hash };
        let inserted: Option<i64> =
            reading!(self, |pool, sql| sqlx::query_scalar(sql(beyond)).fetch_one(pool).await?);
        if let Some(inserted) = inserted {
            return Ok(Err(Broken::Inserted(inserted)));
        }
        let mut walk = Walk::begin(anchor);
        loop {
            let page = self.audit_after(walk.at().seq, PAGE).await?;
            let page: Vec<_> = page.into_iter().take_while(|entry| entry.seq <= head.seq).collect();
            if page.is_empty() {
                return Ok(walk.end(&head));
            }
            for entry in &page {
                if let Err(broken) = walk.follow(&entry.entry(), &entry.hash) {
                    return Ok(Err(broken));
                }
            }
        }
    }
}
