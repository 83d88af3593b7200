//! Sessions of admins in the console.

use super::role::AdminRole;
use crate::backend::{Sql, Tx as _, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;

/// A session of an admin who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub admin: String,
    /// What they may do.
    pub role: AdminRole,
    /// When they logged in.
    pub created_at: UnixMs,
    /// When they were last seen, give or take a minute.
    pub seen_at: UnixMs,
}

row! {
    struct SessionRow {
        admin: String,
        role: String,
        created_at: i64,
        seen_at: i64,
    }
}

impl SessionRow {
    fn session(self) -> Result<Session, StoreError> {
        Ok(Session {
            role: AdminRole::from_db(&self.role, &self.admin)?,
            admin: self.admin,
            created_at: UnixMs(self.created_at),
            seen_at: UnixMs(self.seen_at),
        })
    }
}

impl Store {
    /// Begins a session; `token` is hashed already. Sessions that were last seen before `stale` are
    /// forgotten.
    ///
    /// # Errors
    /// No such admin, or the database cannot be reached.
    pub async fn begin_session(
        &self,
        token: &str,
        admin: &str,
        now: UnixMs,
        stale: UnixMs,
    ) -> Result<(), StoreError> {
        let forget = Sql::both("DELETE FROM session WHERE seen_at < $1");
        let insert =
            Sql::both("INSERT INTO session (token, admin, created_at, seen_at) VALUES ($1, $2, $3, $3)");
        let mut tx = self.db.write().await?;
        tx.run(forget, &[stale.into()]).await?;
        tx.run(insert, &[token.into(), admin.into(), now.into()]).await?;
        tx.commit().await
    }

    /// The session of a hashed token, unless its admin is disabled. Whether it is too old is for the caller
    /// to say.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, StoreError> {
        let select = Sql::both(
            "SELECT session.admin, admin.role, session.created_at, session.seen_at FROM session \
             JOIN admin ON admin.name = session.admin WHERE session.token = $1 AND admin.disabled = 0",
        );
        let found: Option<SessionRow> = self.db.one(select, &[token.into()]).await?;
        found.map(SessionRow::session).transpose()
    }

    /// Notes that somebody was seen in a session.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn touch_session(&self, token: &str, now: UnixMs) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE session SET seen_at = $2 WHERE token = $1");
        self.db.run(update, &[token.into(), now.into()]).await?;
        Ok(())
    }

    /// Ends a session; no error where it has ended.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn end_session(&self, token: &str) -> Result<(), StoreError> {
        let delete = Sql::both("DELETE FROM session WHERE token = $1");
        self.db.run(delete, &[token.into()]).await?;
        Ok(())
    }
}
