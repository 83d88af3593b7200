//! What an account wants to be told, and where.

use crate::Store;
use crate::audit::audit;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
use crate::row::row;
use simgauge_domain::threshold::Percentages;

/// An account's wishes.
#[derive(Clone, PartialEq, Eq)]
pub struct NotifySettings {
    /// Whose.
    pub account: String,
    /// Where notifications are posted; none: nothing is told.
    pub url: Option<String>,
    /// The appkey whose secret signs; none: the account's oldest enabled app.
    pub app: Option<String>,
    /// Percentages of a total that are told when usage reaches them.
    pub thresholds: Percentages,
    /// Figures that are older than this after a refresh are told.
    pub stale_hours: Option<u32>,
}

impl std::fmt::Debug for NotifySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL can hold a token.
        f.debug_struct("NotifySettings")
            .field("account", &self.account)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

row! {
    struct Row {
        name: String,
        notify_url: Option<String>,
        notify_app: Option<String>,
        thresholds: String,
        stale_hours: Option<i64>,
    }
}

impl Row {
    fn settings(self) -> Result<NotifySettings, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("thresholds of account {}", self.name));
        Ok(NotifySettings {
            thresholds: parse_thresholds(&self.thresholds).ok_or_else(corrupt)?,
            account: self.name,
            url: self.notify_url,
            app: self.notify_app,
            stale_hours: self.stale_hours.and_then(|hours| u32::try_from(hours).ok()),
        })
    }
}

/// Percentages as an account's row holds them: comma-separated.
pub(crate) fn parse_thresholds(text: &str) -> Option<Percentages> {
    let list = text.split(',').filter(|part| !part.is_empty()).map(|part| part.parse().ok());
    Percentages::new(list.collect::<Option<Vec<u16>>>()?)
}

const SELECT: &str =
    "SELECT name, notify_url, notify_app, thresholds, stale_hours FROM account ORDER BY name";

impl Store {
    /// Every account's wishes, by name.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn all_notify_settings(&self) -> Result<Vec<NotifySettings>, StoreError> {
        let found: Vec<Row> =
            reading!(self, |pool, sql| sqlx::query_as(sql(Sql::both(SELECT))).fetch_all(pool).await?);
        found.into_iter().map(Row::settings).collect()
    }

    /// One account's wishes.
    ///
    /// # Errors
    /// No such account, or the database cannot be reached.
    pub async fn notify_settings(&self, account: &str) -> Result<NotifySettings, StoreError> {
        let select = Sql::both(
            "SELECT name, notify_url, notify_app, thresholds, stale_hours FROM account WHERE name = $1",
        );
        let found: Option<Row> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select)).bind(account).fetch_optional(pool).await?
        });
        found.ok_or_else(|| StoreError::Missing(format!("account {account}")))?.settings()
    }

    /// Replaces an account's wishes. What waits goes to the new address; without one it dies, and can be replayed.
    ///
    /// # Errors
    /// No such account, or the app is none of its.
    pub async fn set_notify_settings(&self, settings: &NotifySettings) -> Result<(), StoreError> {
        let own_app = Sql::both("SELECT appkey FROM app WHERE appkey = $1 AND account = $2");
        let update = Sql::both(
            "UPDATE account SET notify_url = $2, notify_app = $3, thresholds = $4, stale_hours = $5 WHERE name = $1",
        );
        let thresholds: Vec<String> =
            settings.thresholds.as_slice().iter().map(ToString::to_string).collect();
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update))
                .bind(&settings.account)
                .bind(&settings.url)
                .bind(&settings.app)
                .bind(thresholds.join(","))
                .bind(settings.stale_hours.map(i64::from))
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::Missing(format!("account {}", settings.account)));
            }
            if let Some(app) = &settings.app {
                let own: Option<String> = sqlx::query_scalar(sql(own_app))
                    .bind(app)
                    .bind(&settings.account)
                    .fetch_optional(&mut *tx)
                    .await?;
                if own.is_none() {
                    let what = format!("app {app} of account {}", settings.account);
                    return Err(StoreError::Missing(what));
                }
            }
            // The address can hold a token.
            let detail = format!(
                "{} app={} thresholds={} stale_hours={}",
                if settings.url.is_some() { "on" } else { "off" },
                settings.app.as_deref().unwrap_or("oldest"),
                thresholds.join(","),
                settings.stale_hours.map(|hours| hours.to_string()).unwrap_or_default(),
            );
            audit!(self.actor, tx, sql, "account.notify", &settings.account, detail);
        });
        Ok(())
    }
}
