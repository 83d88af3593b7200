//! Apps: appkeys with their secrets and what they may do.

use super::quota::{StoredQuota, in_words};
use crate::backend::{Param, Sql, Tx as _, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;
use std::fmt;

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
    /// Its own limit of calls, beside its account's.
    pub quota: Option<StoredQuota>,
    /// The limit of all the account's apps together; none: as the configuration says.
    pub account_quota: Option<StoredQuota>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("appkey", &self.appkey)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

row! {
    struct AppRow {
        appkey: String,
        account: String,
        language: String,
        label: String,
        secret: Vec<u8>,
        disabled: i64,
        created_at: i64,
        allow: String,
        sign_type: String,
        old_secret: Option<Vec<u8>>,
        old_until: Option<i64>,
        per_second: Option<i64>,
        burst: Option<i64>,
        account_per_second: Option<i64>,
        account_burst: Option<i64>,
    }
}

impl AppRow {
    fn app(self) -> Result<App, StoreError> {
        let account = format_args!("account {}", self.account);
        Ok(App {
            quota: StoredQuota::from_db(self.per_second, self.burst, format_args!("app {}", self.appkey))?,
            account_quota: StoredQuota::from_db(self.account_per_second, self.account_burst, account)?,
            appkey: self.appkey,
            account: self.account,
            language: self.language,
            label: self.label,
            secret: self.secret,
            disabled: self.disabled,
            created_at: self.created_at,
            allow: self.allow,
            sign_type: self.sign_type,
            old_secret: self.old_secret,
            old_until: self.old_until,
        })
    }
}

macro_rules! select_app {
    ($rest:literal) => {
        Sql::both(concat!(
            "SELECT app.appkey, app.account, account.language, app.label, app.secret, app.disabled, \
             app.created_at, app.allow, app.sign_type, app.old_secret, app.old_until, app.per_second, \
             app.burst, \
             account.per_second AS account_per_second, account.burst AS account_burst \
             FROM app JOIN account ON account.name = app.account ",
            $rest
        ))
    };
}

/// Seals a secret with the new key, given the appkey and the sealed secret; nothing where it cannot be
/// opened.
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
            "INSERT INTO app (appkey, account, label, secret, disabled, created_at) \
             VALUES ($1, $2, $3, $4, 0, $5)",
        );
        let mut tx = self.db.write().await?;
        let values = [appkey.into(), account.into(), label.into(), secret.into(), now.into()];
        tx.run(insert, &values).await.map_err(|error| {
            if error.is_foreign() {
                StoreError::Missing(format!("account {account}"))
            } else {
                error.or_exists(format_args!("app {appkey}"))
            }
        })?;
        self.commit_audited(tx, "app.create", appkey, &format!("account={account}")).await
    }

    /// One app.
    ///
    /// # Errors
    /// The database cannot be reached, or the row is damaged.
    pub async fn app(&self, appkey: &str) -> Result<Option<App>, StoreError> {
        let found: Option<AppRow> =
            self.db.one(select_app!("WHERE app.appkey = $1"), &[appkey.into()]).await?;
        found.map(AppRow::app).transpose()
    }

    /// Every app by key.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn apps(&self) -> Result<Vec<App>, StoreError> {
        let found: Vec<AppRow> = self.db.all(select_app!("ORDER BY app.appkey"), &[]).await?;
        found.into_iter().map(AppRow::app).collect()
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
            "UPDATE app SET old_secret = CASE WHEN CAST($2 AS BIGINT) IS NULL THEN NULL ELSE secret END, \
             old_until = CAST($2 AS BIGINT), secret = $3 WHERE appkey = $1",
        );
        let detail = keep_old_until.map_or("the old secret is void".to_owned(), |until| {
            format!("old secret good until {}", until.0)
        });
        self.change_app(appkey, update, &[keep_old_until.into(), secret.into()], ("app.rotate", &detail))
            .await
    }

    /// Replaces every sealed secret by the result of `anew`; answers how many apps there are.
    ///
    /// # Errors
    /// `anew` could not open one, or the database cannot be reached; then nothing was changed.
    pub async fn reseal_secrets(&self, anew: SealAnew<'_>) -> Result<usize, StoreError> {
        let select = Sql {
            sqlite: "SELECT appkey, secret, old_secret FROM app ORDER BY appkey",
            postgres: "SELECT appkey, secret, old_secret FROM app ORDER BY appkey FOR UPDATE",
        };
        let update = Sql::both("UPDATE app SET secret = $1, old_secret = $2 WHERE appkey = $3");
        let mut tx = self.db.write().await?;
        let apps: Vec<(String, Vec<u8>, Option<Vec<u8>>)> = tx.all(select, &[]).await?;
        for (appkey, secret, old_secret) in &apps {
            let mut sealed =
                |secret: &[u8]| anew(appkey, secret).ok_or_else(|| StoreError::Sealed(appkey.clone()));
            let secret = sealed(secret)?;
            let old_secret = old_secret.as_deref().map(sealed).transpose()?;
            tx.run(update, &[(&secret).into(), old_secret.as_deref().into(), appkey.into()]).await?;
        }
        self.commit_audited(tx, "secrets.reseal", "", &format!("apps={}", apps.len())).await?;
        Ok(apps.len())
    }

    /// Lets an app call, or not.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_disabled(&self, appkey: &str, disabled: bool) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET disabled = $2 WHERE appkey = $1");
        let action = if disabled { "app.disable" } else { "app.enable" };
        self.change_app(appkey, update, &[disabled.into()], (action, "")).await
    }

    /// Sets the networks that an app may call from: comma-separated, empty for anywhere.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_allow(&self, appkey: &str, networks: &str) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET allow = $2 WHERE appkey = $1");
        let detail = if networks.is_empty() { "anywhere" } else { networks };
        self.change_app(appkey, update, &[networks.into()], ("app.allow", detail)).await
    }

    /// Sets how an app's calls must be signed.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_sign_type(&self, appkey: &str, sign_type: &str) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET sign_type = $2 WHERE appkey = $1");
        self.change_app(appkey, update, &[sign_type.into()], ("app.sign_type", sign_type)).await
    }

    /// Limits an app's calls beside the account's limit; none: not.
    ///
    /// # Errors
    /// No such app.
    pub async fn set_app_quota(&self, appkey: &str, quota: Option<StoredQuota>) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE app SET per_second = $2, burst = $3 WHERE appkey = $1");
        self.change_app(appkey, update, &StoredQuota::columns(quota), ("app.quota", &in_words(quota))).await
    }

    /// Runs an update whose first parameter is the appkey, and writes the audit entry: action and detail.
    async fn change_app(
        &self,
        appkey: &str,
        update: Sql,
        values: &[Param<'_>],
        (action, detail): (&str, &str),
    ) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let params: Vec<Param<'_>> = std::iter::once(appkey.into()).chain(values.iter().copied()).collect();
        if tx.run(update, &params).await? == 0 {
            return Err(StoreError::Missing(format!("app {appkey}")));
        }
        self.commit_audited(tx, action, appkey, detail).await
    }
}
