//! Who may use the console, and their sessions.

use crate::Store;
use crate::audit::audit;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
use crate::row::row;
use simgauge_domain::time::UnixMs;

/// What an admin may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRole {
    /// Look at everything.
    ReadOnly,
    /// Look at everything and act.
    Full,
}

impl AdminRole {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::ReadOnly, Self::Full];

    /// The name in the store and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Full => "full",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// A person who may use the console.
#[derive(Clone, PartialEq, Eq)]
pub struct Admin {
    /// The name to log in with.
    pub name: String,
    /// The password's hash, in PHC form.
    pub password: String,
    /// What they may do.
    pub role: AdminRole,
    /// Whether they may not log in.
    pub disabled: bool,
    /// When they were created.
    pub created_at: UnixMs,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

row! {
    struct AdminRow {
        name: String,
        password: String,
        role: String,
        disabled: i64,
        created_at: i64,
    }
}

impl AdminRow {
    fn admin(self) -> Result<Admin, StoreError> {
        Ok(Admin {
            role: role(&self.role)?,
            name: self.name,
            password: self.password,
            disabled: self.disabled != 0,
            created_at: UnixMs(self.created_at),
        })
    }
}

fn role(name: &str) -> Result<AdminRole, StoreError> {
    AdminRole::parse(name).ok_or_else(|| StoreError::Corrupt(format!("role {name:?} of an admin")))
}

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

impl Store {
    /// Creates an admin; `password` is hashed already.
    ///
    /// # Errors
    /// There is one of that name.
    pub async fn create_admin(
        &self,
        name: &str,
        password: &str,
        role: AdminRole,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let insert =
            Sql::both("INSERT INTO admin (name, password, role, created_at) VALUES ($1, $2, $3, $4)");
        writing!(self, |tx, sql| {
            sqlx::query(sql(insert))
                .bind(name)
                .bind(password)
                .bind(role.as_str())
                .bind(now.0)
                .execute(&mut *tx)
                .await
                .map_err(|error| match StoreError::is_unique(&error) {
                    true => StoreError::Exists(format!("admin {name}")),
                    false => StoreError::Database(error),
                })?;
            audit!(self.actor, tx, sql, "admin.create", name, format!("role={}", role.as_str()));
        });
        Ok(())
    }

    /// Every admin by name.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn admins(&self) -> Result<Vec<Admin>, StoreError> {
        let select = Sql::both("SELECT name, password, role, disabled, created_at FROM admin ORDER BY name");
        let found: Vec<AdminRow> =
            reading!(self, |pool, sql| sqlx::query_as(sql(select)).fetch_all(pool).await?);
        found.into_iter().map(AdminRow::admin).collect()
    }

    /// One admin.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn admin(&self, name: &str) -> Result<Option<Admin>, StoreError> {
        let select =
            Sql::both("SELECT name, password, role, disabled, created_at FROM admin WHERE name = $1");
        let found: Option<AdminRow> =
            reading!(self, |pool, sql| sqlx::query_as(sql(select)).bind(name).fetch_optional(pool).await?);
        found.map(AdminRow::admin).transpose()
    }

    /// Replaces an admin's hashed password and ends their sessions.
    ///
    /// # Errors
    /// No such admin.
    pub async fn set_admin_password(&self, name: &str, password: &str) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE admin SET password = $2 WHERE name = $1");
        let end = Sql::both("DELETE FROM session WHERE admin = $1");
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update)).bind(name).bind(password).execute(&mut *tx).await?;
            found(done.rows_affected(), name)?;
            sqlx::query(sql(end)).bind(name).execute(&mut *tx).await?;
            audit!(self.actor, tx, sql, "admin.password", name, "");
        });
        Ok(())
    }

    /// Lets an admin log in, or not; when not, their sessions end.
    ///
    /// # Errors
    /// No such admin.
    pub async fn set_admin_disabled(&self, name: &str, disabled: bool) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE admin SET disabled = $2 WHERE name = $1");
        let end = Sql::both("DELETE FROM session WHERE admin = $1 AND $2 <> 0");
        writing!(self, |tx, sql| {
            let off = i64::from(disabled);
            let done = sqlx::query(sql(update)).bind(name).bind(off).execute(&mut *tx).await?;
            found(done.rows_affected(), name)?;
            sqlx::query(sql(end)).bind(name).bind(off).execute(&mut *tx).await?;
            audit!(self.actor, tx, sql, if disabled { "admin.disable" } else { "admin.enable" }, name, "");
        });
        Ok(())
    }

    /// Begins a session; `token` is hashed already. Sessions that were last seen before `stale` are forgotten.
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
        writing!(self, |tx, sql| {
            sqlx::query(sql(forget)).bind(stale.0).execute(&mut *tx).await?;
            sqlx::query(sql(insert)).bind(token).bind(admin).bind(now.0).execute(&mut *tx).await?;
        });
        Ok(())
    }

    /// The session of a hashed token, unless its admin is disabled. Whether it is too old is for the caller to say.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, StoreError> {
        let select = Sql::both(
            "SELECT session.admin, admin.role, session.created_at, session.seen_at FROM session \
             JOIN admin ON admin.name = session.admin WHERE session.token = $1 AND admin.disabled = 0",
        );
        let found: Option<SessionRow> =
            reading!(self, |pool, sql| sqlx::query_as(sql(select)).bind(token).fetch_optional(pool).await?);
        found
            .map(|row| {
                Ok(Session {
                    role: role(&row.role)?,
                    admin: row.admin,
                    created_at: UnixMs(row.created_at),
                    seen_at: UnixMs(row.seen_at),
                })
            })
            .transpose()
    }

    /// Notes that somebody was seen in a session.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn touch_session(&self, token: &str, now: UnixMs) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE session SET seen_at = $2 WHERE token = $1");
        writing!(self, |tx, sql| {
            sqlx::query(sql(update)).bind(token).bind(now.0).execute(&mut *tx).await?;
        });
        Ok(())
    }

    /// Ends a session; no error where it has ended.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn end_session(&self, token: &str) -> Result<(), StoreError> {
        let delete = Sql::both("DELETE FROM session WHERE token = $1");
        writing!(self, |tx, sql| {
            sqlx::query(sql(delete)).bind(token).execute(&mut *tx).await?;
        });
        Ok(())
    }
}

fn found(rows: u64, name: &str) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Missing(format!("admin {name}"))) } else { Ok(()) }
}
