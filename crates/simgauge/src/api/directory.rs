//! Who may call: all apps in memory, read again every few seconds. A look-up never touches the store, so an unknown appkey
//! takes as long as a known one.

use crate::secrets::Sealer;
use secrecy::SecretString;
use simgauge_protocol::Language;
use simgauge_store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An app as the gate needs it.
pub(super) struct AppEntry {
    pub(super) appkey: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) language: Language,
    pub(super) secret: SecretString,
    pub(super) disabled: bool,
    sealed: Vec<u8>,
}

type Apps = HashMap<Arc<str>, Arc<AppEntry>>;

/// The apps. Cheap to clone.
#[derive(Clone)]
pub struct AppDirectory {
    apps: Arc<RwLock<Arc<Apps>>>,
    store: Store,
    sealer: Sealer,
}

impl AppDirectory {
    /// Reads every app.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn load(store: Store, sealer: Sealer) -> Result<Self, StoreError> {
        let directory = Self { apps: Arc::default(), store, sealer };
        directory.reload().await?;
        Ok(directory)
    }

    /// Reads every app again. An app whose secret cannot be opened is left out and logged: it could not be verified anyway.
    ///
    /// # Errors
    /// The store cannot be reached; what is in memory stays.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let known = self.current();
        let mut apps = Apps::new();
        for app in self.store.apps().await? {
            let secret = match known.get(app.appkey.as_str()) {
                Some(entry) if entry.sealed == app.secret => entry.secret.clone(),
                _ => match self.sealer.open(&app.secret, &app.appkey) {
                    Ok(secret) => secret,
                    Err(error) => {
                        tracing::error!(appkey = app.appkey, %error, "the app's secret cannot be opened; it cannot call");
                        continue;
                    }
                },
            };
            let entry = AppEntry {
                appkey: app.appkey.into(),
                account: app.account.into(),
                language: Language::parse(&app.language).unwrap_or_default(),
                secret,
                disabled: app.disabled != 0,
                sealed: app.secret,
            };
            apps.insert(entry.appkey.clone(), Arc::new(entry));
        }
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(apps);
        Ok(())
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
