//! Admins: people who may use the console.

use super::role::AdminRole;
use crate::backend::{Param, Sql, Tx as _, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;

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
            role: AdminRole::from_db(&self.role, &self.name)?,
            name: self.name,
            password: self.password,
            disabled: self.disabled != 0,
            created_at: UnixMs(self.created_at),
        })
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
        let mut tx = self.db.write().await?;
        let values = [name.into(), password.into(), role.as_str().into(), now.into()];
        let created = tx.run(insert, &values).await;
        created.map_err(|error| error.or_exists(format_args!("admin {name}")))?;
        self.commit_audited(tx, "admin.create", name, &format!("role={}", role.as_str())).await
    }

    /// Every admin by name.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn admins(&self) -> Result<Vec<Admin>, StoreError> {
        let select = Sql::both("SELECT name, password, role, disabled, created_at FROM admin ORDER BY name");
        let found: Vec<AdminRow> = self.db.all(select, &[]).await?;
        found.into_iter().map(AdminRow::admin).collect()
    }

    /// One admin.
    ///
    /// # Errors
    /// The database cannot be reached, or the row is damaged.
    pub async fn admin(&self, name: &str) -> Result<Option<Admin>, StoreError> {
        let select =
            Sql::both("SELECT name, password, role, disabled, created_at FROM admin WHERE name = $1");
        let found: Option<AdminRow> = self.db.one(select, &[name.into()]).await?;
        found.map(AdminRow::admin).transpose()
    }

    /// Replaces an admin's hashed password and ends their sessions.
    ///
    /// # Errors
    /// No such admin.
    pub async fn set_admin_password(&self, name: &str, password: &str) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE admin SET password = $2 WHERE name = $1");
        self.change_admin(name, (update, password.into()), true, "admin.password").await
    }

    /// Lets an admin log in, or not; when not, their sessions end.
    ///
    /// # Errors
    /// No such admin.
    pub async fn set_admin_disabled(&self, name: &str, disabled: bool) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE admin SET disabled = $2 WHERE name = $1");
        let action = if disabled { "admin.disable" } else { "admin.enable" };
        self.change_admin(name, (update, disabled.into()), disabled, action).await
    }

    async fn change_admin(
        &self,
        name: &str,
        (update, value): (Sql, Param<'_>),
        end_sessions: bool,
        action: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        if tx.run(update, &[name.into(), value]).await? == 0 {
            return Err(StoreError::Missing(format!("admin {name}")));
        }
        if end_sessions {
            tx.run(Sql::both("DELETE FROM session WHERE admin = $1"), &[name.into()]).await?;
        }
        self.commit_audited(tx, action, name, "").await
    }
}
