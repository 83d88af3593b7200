//! Admins: the people who may use the console.

use crate::administration::Administration;
use crate::error::AdminError;
use crate::password;
use secrecy::SecretString;
use simgauge_domain::names;
use simgauge_store::{Admin, AdminRole};

impl Administration {
    /// Whether an admin of that name exists; to be asked before somebody has to type a password.
    ///
    /// # Errors
    /// The store failed.
    pub async fn has_admin(&self, name: &str) -> Result<bool, AdminError> {
        Ok(self.store.admin(name).await?.is_some())
    }

    /// Creates an admin. Hashing the password takes tens of milliseconds of processor.
    ///
    /// # Errors
    /// The name cannot be one or is taken, or the password is too short or too long.
    pub async fn create_admin(
        &self,
        name: &str,
        password: &SecretString,
        role: AdminRole,
    ) -> Result<(), AdminError> {
        names::name(name).map_err(|why| AdminError::Invalid { field: "name", why })?;
        Ok(self.store.create_admin(name, &password::hash(password)?, role, self.now()).await?)
    }

    /// Replaces an admin's password and ends their sessions.
    ///
    /// # Errors
    /// The admin does not exist, or the password is too short or too long.
    pub async fn set_admin_password(&self, name: &str, password: &SecretString) -> Result<(), AdminError> {
        Ok(self.store.set_admin_password(name, &password::hash(password)?).await?)
    }

    /// Ends an admin's sessions and lets them log in no more, or lets them log in again.
    ///
    /// # Errors
    /// The admin does not exist.
    pub async fn set_admin_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminError> {
        Ok(self.store.set_admin_disabled(name, disabled).await?)
    }

    /// Every admin by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn admins(&self) -> Result<Vec<Admin>, AdminError> {
        Ok(self.store.admins().await?)
    }

    /// Ends a session of the console, by the hash of its token; it may have ended already.
    ///
    /// # Errors
    /// The store failed.
    pub async fn end_session(&self, token_hash: &str) -> Result<(), AdminError> {
        Ok(self.store.end_session(token_hash).await?)
    }
}
