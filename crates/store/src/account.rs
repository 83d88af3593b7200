//! Accounts and their apps.

use crate::Store;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
use simgauge_domain::time::UnixMs;

/// A customer of the platform.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Account {
    /// Its name, which is its key.
    pub name: String,
    /// Language of messages: `zh` or `en`.
    pub language: String,
    /// When it was created, in Unix milliseconds.
    pub created_at: i64,
}

/// An appkey of an account.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct App {
    /// Identifies the app on the wire.
    pub appkey: String,
    /// Whose it is.
    pub account: String,
    /// The account's language.
    pub language: String,
    /// A note for people.
    pub label: String,
    /// The secret, sealed.
    pub secret: Vec<u8>,
    /// Not 0 where the app may not call.
    pub disabled: i64,
    /// When it was created, in Unix milliseconds.
    pub created_at: i64,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("appkey", &self.appkey)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

macro_rules! select_app {
    ($rest:literal) => {
        Sql::both(concat!(
            "SELECT app.appkey, app.account, account.language, app.label, app.secret, app.disabled, app.created_at \
             FROM app JOIN account ON account.name = app.account ",
            $rest
        ))
    };
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
        });
        Ok(())
    }

    /// Every account by name.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let select = Sql::both("SELECT name, language, created_at FROM account ORDER BY name");
        reading!(self, |pool, sql| Ok(sqlx::query_as(sql(select)).fetch_all(pool).await?))
    }

    /// Creates an app of an account; `secret` is sealed already.
    ///
    /// # Errors
    /// There is an app of that key, or no such account.
    pub async fn create_app(
        &self,
        appkey: &str,
        account: &str,
        label: &str,
        secret: &[u8],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let insert = Sql::both(
            "INSERT INTO app (appkey, account, label, secret, disabled, created_at) VALUES ($1, $2, $3, $4, 0, $5)",
        );
        writing!(self, |tx, sql| {
            sqlx::query(sql(insert))
                .bind(appkey)
                .bind(account)
                .bind(label)
                .bind(secret)
                .bind(now.0)
                .execute(&mut *tx)
                .await
                .map_err(|error| {
                    if StoreError::is_foreign(&error) {
                        StoreError::Missing(format!("account {account}"))
                    } else {
                        exists_or(error, format!("app {appkey}"))
                    }
                })?;
        });
        Ok(())
    }

    /// One app.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn app(&self, appkey: &str) -> Result<Option<App>, StoreError> {
        let select = select_app!("WHERE app.appkey = $1");
        reading!(self, |pool, sql| Ok(sqlx::query_as(sql(select)).bind(appkey).fetch_optional(pool).await?))
    }

    /// Every app by key.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn apps(&self) -> Result<Vec<App>, StoreError> {
        let select = select_app!("ORDER BY app.appkey");
        reading!(self, |pool, sql| Ok(sqlx::query_as(sql(select)).fetch_all(pool).await?))
    }

    /// Replaces an app's sealed secret.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_secret(&self, appkey: &str, secret: &[u8]) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET secret = $1 WHERE appkey = $2");
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update)).bind(secret).bind(appkey).execute(&mut *tx).await?;
            found(done.rows_affected(), appkey)?;
        });
        Ok(())
    }

    /// Lets an app call, or not.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_disabled(&self, appkey: &str, disabled: bool) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET disabled = $1 WHERE appkey = $2");
        writing!(self, |tx, sql| {
            let done =
                sqlx::query(sql(update)).bind(i64::from(disabled)).bind(appkey).execute(&mut *tx).await?;
            found(done.rows_affected(), appkey)?;
        });
        Ok(())
    }
}

fn exists_or(error: sqlx::Error, what: String) -> StoreError {
    if StoreError::is_unique(&error) { StoreError::Exists(what) } else { StoreError::Database(error) }
}

fn found(rows: u64, appkey: &str) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Missing(format!("app {appkey}"))) } else { Ok(()) }
}
