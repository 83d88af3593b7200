//! Notifications: what waits, what was delivered, and what is to be delivered again.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_store::{NotificationState, NotificationView};

impl Administration {
    /// At most `limit` notifications, newest first; of one account and in one state where these are given.
    ///
    /// # Errors
    /// The account does not exist.
    pub async fn notifications(
        &self,
        account: Option<&str>,
        state: Option<NotificationState>,
        limit: i64,
    ) -> Result<Vec<NotificationView>, AdminError> {
        self.require_account(account).await?;
        Ok(self.store.notifications(account, state, limit).await?)
    }

    /// Delivers a notification again, in its old place among those of its card. One that waits is tried at
    /// once.
    ///
    /// # Errors
    /// The notification does not exist.
    pub async fn replay_notification(&self, id: &str) -> Result<(), AdminError> {
        Ok(self.store.replay_notification(id, self.now()).await?)
    }

    /// Delivers every notification again that was given up, or those of one account; answers how many.
    ///
    /// # Errors
    /// The account does not exist; or the store failed, and what was done until then stays done.
    pub async fn replay_dead_notifications(&self, account: Option<&str>) -> Result<u64, AdminError> {
        self.require_account(account).await?;
        Ok(self.store.replay_dead(account, self.now()).await?)
    }
}
