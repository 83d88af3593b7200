//! Apps: appkeys with their secrets and what they may do.

use crate::Store;
use crate::account::{StoredQuota, exists_or, in_words};
use crate::audit::audit;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
use crate::row::row;
use simgauge_domain::time::UnixMs;

row! {
    /// An appkey of an account.
    #[derive(Clone, PartialEq, Eq)]
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
        /// Networks that it may call from, comma-separated; empty: from anywhere.
        pub allow: String,
        /// How its calls must be signed: `SHA-1` or `HMAC-SHA256`.
        pub sign_type: String,
        /// The secret before the last rotation, sealed.
        pub old_secret: Option<Vec<u8>>,
        /// Until when that one is good, in Unix milliseconds.
        pub old_until: Option<i64>,
        /// Calls a second; none and 0: no limit of its own.
        pub per_second: Option<i64>,
        /// Calls at once.
        pub burst: Option<i64>,
        /// Calls a second of all the account's apps.
        pub account_per_second: Option<i64>,
        /// Calls at once of all the account's apps.
        pub account_burst: Option<i64>,
    }
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
            "SELECT app.appkey, app.account, account.language, app.label, app.secret, app.disabled, app.created_at, \
             app.allow, app.sign_type, app.old_secret, app.old_until, app.per_second, app.burst, \
             account.per_second AS account_per_second, account.burst AS account_burst \
             FROM app JOIN account ON account.name = app.account ",
            $rest
        ))
    };
}

/// Seals a secret anew, given the appkey and the secret as it is sealed; nothing where it cannot be opened.
pub type SealAnew<'a> = &'a mut (dyn FnMut(&str, &[u8]) -> Option<Vec<u8>> + Send);

impl Store {
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
            audit!(self.actor, tx, sql, "app.create", appkey, format!("account={account}"));
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

    /// Replaces an app's sealed secret. The one before stays good until `keep_old_until`; none: not any more.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_secret(
        &self,
        appkey: &str,
        secret: &[u8],
        keep_old_until: Option<UnixMs>,
    ) -> Result<(), StoreError> {
        let update = Sql::both(
            "UPDATE app SET old_secret = CASE WHEN CAST($3 AS BIGINT) IS NULL THEN NULL ELSE secret END, \
             old_until = CAST($3 AS BIGINT), secret = $1 \
             WHERE appkey = $2",
        );
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update))
                .bind(secret)
                .bind(appkey)
                .bind(keep_old_until.map(|until| until.0))
                .execute(&mut *tx)
                .await?;
            found(done.rows_affected(), appkey)?;
            audit!(
                self.actor,
                tx,
                sql,
                "app.rotate",
                appkey,
                keep_old_until.map_or("the old secret is void".to_owned(), |until| format!(
                    "old secret good until {}",
                    until.0
                ))
            );
        });
        Ok(())
    }

    /// Replaces every sealed secret by what `anew` makes of it; answers how many apps there are.
    ///
    /// # Errors
    /// `anew` made nothing of one, or the database cannot be reached; then nothing was changed.
    pub async fn reseal_secrets(&self, anew: SealAnew<'_>) -> Result<usize, StoreError> {
        let select = Sql {
            sqlite: "SELECT appkey, secret, old_secret FROM app ORDER BY appkey",
            postgres: "SELECT appkey, secret, old_secret FROM app ORDER BY appkey FOR UPDATE",
        };
        let update = Sql::both("UPDATE app SET secret = $1, old_secret = $2 WHERE appkey = $3");
        writing!(self, |tx, sql| {
            let apps: Vec<(String, Vec<u8>, Option<Vec<u8>>)> =
                sqlx::query_as(sql(select)).fetch_all(&mut *tx).await?;
            for (appkey, secret, old_secret) in &apps {
                let mut sealed =
                    |secret: &[u8]| anew(appkey, secret).ok_or_else(|| StoreError::Sealed(appkey.clone()));
                let secret = sealed(secret)?;
                let old_secret = old_secret.as_deref().map(sealed).transpose()?;
                sqlx::query(sql(update)).bind(secret).bind(old_secret).bind(appkey).execute(&mut *tx).await?;
            }
            audit!(self.actor, tx, sql, "secrets.reseal", "", format!("apps={}", apps.len()));
            Ok(apps.len())
        })
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
            audit!(self.actor, tx, sql, if disabled { "app.disable" } else { "app.enable" }, appkey, "");
        });
        Ok(())
    }

    /// Says from which networks an app may call: comma-separated, empty for anywhere.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_allow(&self, appkey: &str, networks: &str) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET allow = $1 WHERE appkey = $2");
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update)).bind(networks).bind(appkey).execute(&mut *tx).await?;
            found(done.rows_affected(), appkey)?;
            audit!(
                self.actor,
                tx,
                sql,
                "app.allow",
                appkey,
                if networks.is_empty() { "anywhere" } else { networks }
            );
        });
        Ok(())
    }

    /// Says how an app's calls must be signed.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_sign_type(&self, appkey: &str, sign_type: &str) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET sign_type = $1 WHERE appkey = $2");
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update)).bind(sign_type).bind(appkey).execute(&mut *tx).await?;
            found(done.rows_affected(), appkey)?;
            audit!(self.actor, tx, sql, "app.sign_type", appkey, sign_type);
        });
        Ok(())
    }

    /// Limits an app's calls beside the account's limit; none: not.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_quota(&self, appkey: &str, quota: Option<StoredQuota>) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET per_second = $1, burst = $2 WHERE appkey = $3");
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(update))
                .bind(quota.map(|quota| i64::from(quota.per_second)))
                .bind(quota.map(|quota| i64::from(quota.burst)))
                .bind(appkey)
                .execute(&mut *tx)
                .await?;
            found(done.rows_affected(), appkey)?;
            audit!(self.actor, tx, sql, "app.quota", appkey, in_words(quota));
        });
        Ok(())
    }
}

fn found(rows: u64, appkey: &str) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Missing(format!("app {appkey}"))) } else { Ok(()) }
}
