//! What accounts want to be notified of, and where.

use crate::backend::{Sql, Tx as _, count_from_db, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::alert::NotifyStyle;
use simgauge_domain::threshold::Percentages;
use std::fmt;

/// What an account wants to be notified of.
#[derive(Clone, PartialEq, Eq)]
pub struct NotificationPrefs {
    /// Whose.
    pub account: String,
    /// Where notifications are posted; none: the account is not notified.
    pub url: Option<String>,
    /// The appkey whose secret signs; none: the account's oldest enabled app.
    pub app: Option<String>,
    /// Percentages of a total; the account is notified when usage reaches one.
    pub thresholds: Percentages,
    /// The account is notified of usage that is older than this after a refresh.
    pub stale_hours: Option<u32>,
    /// In which form it is notified of what is left.
    pub style: NotifyStyle,
}

impl fmt::Debug for NotificationPrefs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL can hold a token.
        f.debug_struct("NotificationPrefs")
            .field("account", &self.account)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

row! {
    struct PrefsRow {
        name: String,
        notify_url: Option<String>,
        notify_app: Option<String>,
        thresholds: String,
        stale_hours: Option<i64>,
        notify_style: String,
    }
}

impl PrefsRow {
    fn prefs(self) -> Result<NotificationPrefs, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("thresholds of account {}", self.name));
        let of = format_args!("stale_hours of account {}", self.name);
        let stale_hours = self.stale_hours.map(|hours| count_from_db(hours, of)).transpose()?;
        Ok(NotificationPrefs {
            thresholds: parse_thresholds(&self.thresholds).ok_or_else(corrupt)?,
            style: parse_style(&self.notify_style)?,
            account: self.name,
            url: self.notify_url,
            app: self.notify_app,
            stale_hours,
        })
    }
}

/// Percentages as an account's row holds them: comma-separated.
pub(crate) fn parse_thresholds(text: &str) -> Option<Percentages> {
    let list = text.split(',').filter(|part| !part.is_empty()).map(|part| part.parse().ok());
    Percentages::new(list.collect::<Option<Vec<u16>>>()?)
}

pub(crate) fn parse_style(name: &str) -> Result<NotifyStyle, StoreError> {
    NotifyStyle::parse(name)
        .ok_or_else(|| StoreError::Corrupt(format!("notify_style {name:?} of an account")))
}

impl Store {
    /// What every account wants to be notified of, by name.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn all_notification_prefs(&self) -> Result<Vec<NotificationPrefs>, StoreError> {
        let select = Sql::both(
            "SELECT name, notify_url, notify_app, thresholds, stale_hours, notify_style FROM account \
             ORDER BY name",
        );
        let found: Vec<PrefsRow> = self.db.all(select, &[]).await?;
        found.into_iter().map(PrefsRow::prefs).collect()
    }

    /// What one account wants to be notified of.
    ///
    /// # Errors
    /// No such account, or the database cannot be reached, or the row is damaged.
    pub async fn notification_prefs(&self, account: &str) -> Result<NotificationPrefs, StoreError> {
        let select = Sql::both(
            "SELECT name, notify_url, notify_app, thresholds, stale_hours, notify_style FROM account \
             WHERE name = $1",
        );
        let found: Option<PrefsRow> = self.db.one(select, &[account.into()]).await?;
        found.ok_or_else(|| StoreError::Missing(format!("account {account}")))?.prefs()
    }

    /// Replaces what an account wants to be notified of. What waits goes to the new address; without one it
    /// dies, and can be replayed.
    ///
    /// # Errors
    /// No such account, or the app is none of its.
    pub async fn set_notification_prefs(&self, prefs: &NotificationPrefs) -> Result<(), StoreError> {
        let own_app = Sql::both("SELECT appkey FROM app WHERE appkey = $1 AND account = $2");
        let update = Sql::both(
            "UPDATE account SET notify_url = $2, notify_app = $3, thresholds = $4, stale_hours = $5, \
             notify_style = $6 WHERE name = $1",
        );
        let thresholds: Vec<String> = prefs.thresholds.as_slice().iter().map(ToString::to_string).collect();
        let thresholds = thresholds.join(",");
        let mut tx = self.db.write().await?;
        let values = [
            (&prefs.account).into(),
            (&prefs.url).into(),
            (&prefs.app).into(),
            (&thresholds).into(),
            prefs.stale_hours.into(),
            prefs.style.as_str().into(),
        ];
        if tx.run(update, &values).await? == 0 {
            return Err(StoreError::Missing(format!("account {}", prefs.account)));
        }
        if let Some(app) = &prefs.app {
            let own = tx.one::<String>(own_app, &[app.into(), (&prefs.account).into()]).await?;
            if own.is_none() {
                return Err(StoreError::Missing(format!("app {app} of account {}", prefs.account)));
            }
        }
        // The address can hold a token.
        let detail = format!(
            "{} app={} thresholds={thresholds} stale_hours={} style={}",
            if prefs.url.is_some() { "on" } else { "off" },
            prefs.app.as_deref().unwrap_or("oldest"),
            prefs.stale_hours.map(|hours| hours.to_string()).unwrap_or_default(),
            prefs.style.as_str(),
        );
        self.commit_audited(tx, "account.notify", &prefs.account, &detail).await
    }
}
