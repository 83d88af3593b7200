//! Accounts.

use super::quota::{StoredQuota, in_words};
use crate::backend::{Sql, Tx as _, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;

/// A customer of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name, which is its key.
    pub name: String,
    /// Language of messages: `zh` or `en`.
    pub language: String,
    /// When it was created, in Unix milliseconds.
    pub created_at: i64,
    /// The limit of all its apps' calls together; none: as the configuration says.
    pub quota: Option<StoredQuota>,
}

row! {
    struct AccountRow {
        name: String,
        language: String,
        created_at: i64,
        per_second: Option<i64>,
        burst: Option<i64>,
    }
}

impl AccountRow {
    fn account(self) -> Result<Account, StoreError> {
        let quota = StoredQuota::from_db(self.per_second, self.burst, format_args!("account {}", self.name))?;
        Ok(Account { quota, name: self.name, language: self.language, created_at: self.created_at })
    }
}

impl Store {
    /// Creates an account.
    ///
    /// # Errors
    /// There is one of that name.
    pub async fn create_account(&self, name: &str, language: &str, now: UnixMs) -> Result<(), StoreError> {
        let insert = Sql::both("INSERT INTO account (name, language, created_at) VALUES ($1, $2, $3)");
        let mut tx = self.db.write().await?;
        let created = tx.run(insert, &[name.into(), language.into(), now.into()]).await;
        created.map_err(|error| error.or_exists(format_args!("account {name}")))?;
        self.commit_audited(tx, "account.create", name, &format!("language={language}")).await
    }

    /// Every account by name.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let select =
            Sql::both("SELECT name, language, created_at, per_second, burst FROM account ORDER BY name");
        let found: Vec<AccountRow> = self.db.all(select, &[]).await?;
        found.into_iter().map(AccountRow::account).collect()
    }

    /// Limits an account's calls; none: as the configuration says.
    ///
    /// # Errors
    /// No such account.
    pub async fn set_account_quota(&self, name: &str, quota: Option<StoredQuota>) -> Result<(), StoreError> {
        let update = Sql::both("UPDATE account SET per_second = $1, burst = $2 WHERE name = $3");
        let mut tx = self.db.write().await?;
        let [per_second, burst] = StoredQuota::columns(quota);
        if tx.run(update, &[per_second, burst, name.into()]).await? == 0 {
            return Err(StoreError::Missing(format!("account {name}")));
        }
        self.commit_audited(tx, "account.quota", name, &in_words(quota)).await
    }
}
