//! Accounts: the customers of the platform, their quotas and where they are notified.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::alert::NotifyStyle;
use simgauge_domain::names;
use simgauge_domain::target_policy::{TargetPolicy, check};
use simgauge_domain::threshold::Percentages;
use simgauge_protocol::Language;
use simgauge_store::{Account, App, NotificationPrefs, StoredQuota};
use std::collections::HashMap;

/// An account with what was set for it.
#[derive(Clone, Debug)]
pub struct AccountOverview {
    pub account: Account,
    pub notify: Option<NotificationPrefs>,
}

/// A change of where an account is notified, and of what. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct NotifyChange {
    /// The address; `Some(None)` turns notifications off.
    pub url: Option<Option<String>>,
    pub app: Option<NotifyApp>,
    pub thresholds: Option<Percentages>,
    /// Hours without newer data after which an account is notified; 0: never.
    pub stale_hours: Option<u32>,
    pub style: Option<NotifyStyle>,
}

/// The app whose secret signs notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyApp {
    /// The oldest enabled app of the account.
    Oldest,
    Appkey(String),
}

/// # Errors
/// It is a limit that lets no call in.
pub(crate) fn check_quota(quota: Option<StoredQuota>) -> Result<(), AdminError> {
    match quota {
        Some(StoredQuota { per_second: 1.., burst: 0 }) => {
            Err(AdminError::Invalid { field: "burst", why: "must be at least 1".to_owned() })
        }
        _ => Ok(()),
    }
}

impl Administration {
    /// Creates an account. `language` is that of messages to it.
    ///
    /// # Errors
    /// The name cannot be one, or an account has it.
    pub async fn create_account(&self, name: &str, language: Language) -> Result<(), AdminError> {
        names::name(name).map_err(|why| AdminError::Invalid { field: "name", why })?;
        Ok(self.store.create_account(name, language.as_str(), self.now()).await?)
    }

    /// Every account by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn accounts(&self) -> Result<Vec<AccountOverview>, AdminError> {
        let settings = self.store.all_notification_prefs().await?;
        let mut settings: HashMap<String, NotificationPrefs> =
            settings.into_iter().map(|settings| (settings.account.clone(), settings)).collect();
        let accounts = self
            .store
            .accounts()
            .await?
            .into_iter()
            .map(|account| AccountOverview { notify: settings.remove(&account.name), account });
        Ok(accounts.collect())
    }

    /// Limits the calls of all apps of an account together; none: the default of the configuration.
    ///
    /// # Errors
    /// The quota lets no call in, or the account does not exist.
    pub async fn set_account_quota(&self, name: &str, quota: Option<StoredQuota>) -> Result<(), AdminError> {
        check_quota(quota)?;
        self.store.set_account_quota(name, quota).await?;
        Ok(self.reload_apps().await?)
    }

    /// Changes where an account is notified, and of what; answers what counts now.
    ///
    /// # Errors
    /// The account does not exist, `policy` forbids the address, or no app can sign.
    pub async fn set_notify(
        &self,
        account: &str,
        change: NotifyChange,
        policy: TargetPolicy,
    ) -> Result<NotificationPrefs, AdminError> {
        let mut settings = self.store.notification_prefs(account).await?;
        match change.url {
            Some(Some(url)) => settings.url = Some(check(&url, policy)?.to_string()),
            Some(None) => settings.url = None,
            None => {}
        }
        let apps = self.store.apps().await?;
        match change.app {
            Some(NotifyApp::Appkey(appkey)) => {
                if apps.iter().any(|known| known.appkey == appkey && known.disabled != 0) {
                    return Err(AdminError::AppDisabled(appkey));
                }
                settings.app = Some(appkey);
            }
            Some(NotifyApp::Oldest) => settings.app = None,
            None => {}
        }
        settings.thresholds = change.thresholds.unwrap_or(settings.thresholds);
        if let Some(hours) = change.stale_hours {
            settings.stale_hours = (hours > 0).then_some(hours);
        }
        settings.style = change.style.unwrap_or(settings.style);
        let signs = |app: &App| app.account == settings.account && app.disabled == 0;
        if settings.url.is_some() && settings.app.is_none() && !apps.iter().any(signs) {
            return Err(AdminError::NoSigningApp(settings.account));
        }
        self.store.set_notification_prefs(&settings).await?;
        Ok(settings)
    }
}
