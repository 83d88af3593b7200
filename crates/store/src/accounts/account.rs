//! Accounts.

use crate::Store;
use crate::audit::audit;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
use crate::row::row;
use simgauge_domain::time::UnixMs;

row! {
    /// A customer of the platform.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Account {
        /// Its name, which is its key.
        pub name: String,
        /// Language of messages: `zh` or `en`.
        pub language: String,
        /// When it was created, in Unix milliseconds.
        pub created_at: i64,
        /// Calls a second of all its apps; none: what the configuration says, 0: no limit.
        pub per_second: Option<i64>,
        /// Calls at once.
        pub burst: Option<i64>,
    }
}

/// A limit of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredQuota {
    /// Calls a second; 0: no limit.
    pub per_second: u32,
    /// Calls at once.
    pub burst: u32,
}

impl StoredQuota {
    /// A quota as two columns hold it.
    #[must_use]
    pub fn of(per_second: Option<i64>, burst: Option<i64>) -> Option<Self> {
        let within = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        per_second.map(|rate| Self { per_second: within(rate), burst: within(burst.unwrap_or(rate)) })
    }
}

/// A quota for the audit.
pub(crate) fn in_words(quota: Option<StoredQuota>) -> String {
    match quota {
        None => "default".to_owned(),
        Some(StoredQuota { per_second, burst }) => format!("per_second={per_second} burst={burst}"),
    }
}

impl Store {
    /// Creates an account.
    ///
    /// # Errors
    /// There is one of that name.
    pub async fn create_account(&self, name: &str, language: &str, now: UnixMs) -> Result<(), StoreError> {
        let insert = Sql::both("INSERT INTO account (name, language, created_at) VALUES ($1, $2, $3)");
        writing!(self, |tx, sql| {
            sqlx::query(sql(insert))
                .bind(name)
                .bind(language)
                .bind(now.0)
                .execute(&mut *tx)
                .await
                .map_err(|error| exists_or(error, format!("account {name}")))?;
            audit!(self.actor, tx, sql, "account.create", name, format!("language={language}"));
        });
        Ok(())
    }

    /// Every account by name.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let select =
            Sql::both("SELECT name, language, created_at, per_second, burst FROM account ORDER BY name");
        reading!(self, |pool, sql| Ok(sqlx::query_as(sql(select)).fetch_all(pool).await?))
    }

    /// Limits an account's calls; none: by the configuration.
    ///
    /// # Errors
    /// No such account.
    pub async fn set_account_quota(&self, name: &str, quota: Option<StoredQuota>) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE account SET per_second = $1, burst = $2 WHERE name = $3");
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update))
                .bind(quota.map(|quota| i64::from(quota.per_second)))
                .bind(quota.map(|quota| i64::from(quota.burst)))
                .bind(name)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::Missing(format!("account {name}")));
            }
            audit!(self.actor, tx, sql, "account.quota", name, in_words(quota));
        });
        Ok(())
    }
}

pub(crate) fn exists_or(error: sqlx::Error, what: String) -> StoreError {
    if StoreError::is_unique(&error) { StoreError::Exists(what) } else { StoreError::Database(error) }
}
