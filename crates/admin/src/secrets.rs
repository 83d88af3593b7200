//! The key that seals the secrets of apps.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_service::secrets::{Sealer, rotation};

/// What a rotation of the key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRotation {
    /// Apps whose secrets are sealed with the new key.
    pub apps: usize,
    /// Whether it finished a rotation that had begun earlier.
    pub resumed: bool,
}

impl Administration {
    /// Replaces the key: adds a new one, seals every secret with it and drops the old one. Can be repeated
    /// after a failure. `only_node` says that no other process has a copy of the key file; it is needed on
    /// PostgreSQL.
    ///
    /// # Errors
    /// Other processes may need the old key, the keys are in no file, or a secret cannot be opened.
    pub async fn rotate_key(&self, sealer: &Sealer, only_node: bool) -> Result<KeyRotation, AdminError> {
        if self.store.dialect() == "postgres" && !only_node {
            return Err(AdminError::OtherNodes);
        }
        let resumed = !self.add_key(sealer).await?;
        let apps = self.reseal_secrets(sealer).await?;
        self.drop_old_keys(sealer).await?;
        Ok(KeyRotation { apps, resumed })
    }

    /// Puts a new key first into the key file; answers false where a rotation is under way already.
    ///
    /// # Errors
    /// The keys are in no file, or it cannot be written.
    pub async fn add_key(&self, sealer: &Sealer) -> Result<bool, AdminError> {
        rotation::add_key(sealer, &self.store).await.map_err(AdminError::Keys)
    }

    /// Seals every secret with the first key of the file, all or none; answers how many apps there are.
    ///
    /// # Errors
    /// A secret cannot be opened with any key.
    pub async fn reseal_secrets(&self, sealer: &Sealer) -> Result<usize, AdminError> {
        rotation::reseal(sealer, &self.store).await.map_err(AdminError::Keys)
    }

    /// Takes every key but the first out of the file; answers how many.
    ///
    /// # Errors
    /// A secret still needs one of them, or the file cannot be written.
    pub async fn drop_old_keys(&self, sealer: &Sealer) -> Result<usize, AdminError> {
        rotation::drop_old_keys(sealer, &self.store).await.map_err(AdminError::Keys)
    }
}
