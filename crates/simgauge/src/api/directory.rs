//! Who may call: all apps in memory, read again every few seconds. A look-up never touches the store, so an unknown appkey
//! takes as long as a known one.

use super::address::networks;
use super::quota::{Bucket, UsedUp};
use crate::secrets::Sealer;
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use simgauge_domain::time::UnixMs;
use simgauge_protocol::Language;
use simgauge_protocol::sign::SignType;
use simgauge_store::{App, Store, StoreError, StoredQuota};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An app as the gate needs it.
pub(super) struct AppEntry {
    pub(super) appkey: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) language: Language,
    pub(super) sign_type: SignType,
    pub(super) disabled: bool,
    secret: Sealed,
    /// The one before the last rotation, and until when it is good.
    old_secret: Option<(Sealed, UnixMs)>,
    /// Networks that it may call from; empty: from anywhere.
    allow: Vec<IpNet>,
    quota: Option<Arc<Bucket>>,
    account_quota: Option<Arc<Bucket>>,
}

/// A secret with what it was opened from.
#[derive(Clone)]
struct Sealed {
    sealed: Vec<u8>,
    open: SecretString,
}

impl AppEntry {
    pub(super) fn secret(&self) -> &str {
        self.secret.open.expose_secret()
    }

    /// The secret before the last rotation, as long as it is good.
    pub(super) fn old_secret(&self, now: UnixMs) -> Option<&str> {
        let (secret, until) = self.old_secret.as_ref()?;
        (now < *until).then(|| secret.open.expose_secret())
    }

    /// Whether it may call from there; with a list, an address that cannot be told is on none.
    pub(super) fn allows(&self, address: Option<IpAddr>) -> bool {
        let on_list = |address| self.allow.iter().any(|network| network.contains(&address));
        self.allow.is_empty() || address.is_some_and(on_list)
    }

    /// Takes a call out of the app's quota and the account's.
    pub(super) fn take_call(&self) -> Result<(), UsedUp> {
        [&self.quota, &self.account_quota].into_iter().flatten().try_for_each(|bucket| bucket.take())
    }
}

type Apps = HashMap<Arc<str>, Arc<AppEntry>>;

/// The apps. Cheap to clone.
#[derive(Clone)]
pub struct AppDirectory {
    apps: Arc<RwLock<Arc<Apps>>>,
    store: Store,
    sealer: Sealer,
    account_quota: StoredQuota,
}

impl AppDirectory {
    /// Reads every app; `account_quota` is that of accounts without one of their own.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn load(store: Store, sealer: Sealer, account_quota: StoredQuota) -> Result<Self, StoreError> {
        let directory = Self { apps: Arc::default(), store, sealer, account_quota };
        directory.reload().await?;
        Ok(directory)
    }

    /// Reads every app again. An app whose row cannot be made sense of is left out and logged.
    ///
    /// # Errors
    /// The store cannot be reached; what is in memory stays.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let known = self.current();
        let mut apps = Apps::new();
        // Apps of one account share its bucket.
        let mut buckets: HashMap<Arc<str>, Arc<Bucket>> = known
            .values()
            .filter_map(|entry| Some((entry.account.clone(), entry.account_quota.clone()?)))
            .collect();
        for app in self.store.apps().await? {
            let known = known.get(app.appkey.as_str());
            let account: Arc<str> = app.account.as_str().into();
            let account_quota =
                Bucket::of(Some(app.account_quota.unwrap_or(self.account_quota)), buckets.get(&account));
            if let Some(bucket) = &account_quota {
                buckets.insert(account.clone(), Arc::clone(bucket));
            }
            match self.entry(app, known.map(AsRef::as_ref), account, account_quota) {
                Ok(entry) => drop(apps.insert(entry.appkey.clone(), Arc::new(entry))),
                Err((appkey, why)) => tracing::error!(appkey, why, "the app cannot be read; it cannot call"),
            }
        }
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(apps);
        Ok(())
    }

    /// An app out of its row; what was opened before is not opened again.
    fn entry(
        &self,
        app: App,
        known: Option<&AppEntry>,
        account: Arc<str>,
        account_quota: Option<Arc<Bucket>>,
    ) -> Result<AppEntry, (String, &'static str)> {
        let wrong = |why| Err((app.appkey.clone(), why));
        let open = |sealed: &Vec<u8>, known: Option<&Sealed>| match known {
            Some(known) if known.sealed == *sealed => Some(known.clone()),
            _ => {
                let open = self.sealer.open(sealed, &app.appkey).ok()?;
                Some(Sealed { sealed: sealed.clone(), open })
            }
        };
        let Some(secret) = open(&app.secret, known.map(|known| &known.secret)) else {
            return wrong("its secret was sealed with another key");
        };
        let old_known = known.and_then(|known| known.old_secret.as_ref()).map(|(old, _)| old);
        let old_secret = match (&app.old_secret, app.old_until) {
            // An old secret that cannot be opened is none; the new one counts.
            (Some(sealed), Some(until)) => open(sealed, old_known).map(|old| (old, UnixMs(until))),
            _ => None,
        };
        // Less than what was asked for would let in more.
        let Ok(allow) = networks(&app.allow) else { return wrong("its allow-list is damaged") };
        let Some(sign_type) = SignType::parse(&app.sign_type) else {
            return wrong("its sign type is not known");
        };
        let quota = app.quota;
        Ok(AppEntry {
            appkey: app.appkey.as_str().into(),
            account,
            language: Language::parse(&app.language).unwrap_or_default(),
            sign_type,
            disabled: app.disabled != 0,
            secret,
            old_secret,
            allow,
            quota: Bucket::of(quota, known.and_then(|known| known.quota.as_ref())),
            account_quota,
        })
    }

    /// Reads again every `interval` until stopped.
    pub async fn keep_fresh(self, interval: Duration, stopping: CancellationToken) {
        while stopping.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
            if let Err(error) = self.reload().await {
                tracing::warn!(%error, "apps could not be read again");
            }
        }
    }

    fn current(&self) -> Arc<Apps> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn get(&self, appkey: &str) -> Option<Arc<AppEntry>> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).get(appkey).cloned()
    }
}
