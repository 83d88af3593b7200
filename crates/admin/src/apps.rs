//! Apps: appkeys and their secrets.

use crate::accounts::check_quota;
use crate::administration::Administration;
use crate::error::AdminError;
use ipnet::IpNet;
use secrecy::SecretString;
use simgauge_domain::names;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::sign::SignType;
use simgauge_service::secrets::{Sealer, new_appkey, new_secret};
use simgauge_store::{App, StoredQuota};
use std::time::Duration;

/// An app to create.
#[derive(Clone, Debug)]
pub struct NewApp {
    pub account: String,
    /// None: a random one.
    pub appkey: Option<String>,
    /// A note for people.
    pub label: String,
    /// How its calls have to be signed.
    pub sign_type: SignType,
}

/// A new secret of an app. It is nowhere to be read again.
#[derive(Debug)]
pub struct IssuedSecret {
    pub appkey: String,
    pub secret: SecretString,
    /// Until when the secret before this one is good as well.
    pub old_until: Option<UnixMs>,
}

impl Administration {
    /// Creates an app with a random secret.
    ///
    /// # Errors
    /// The appkey or label cannot be one, the appkey is taken, or the account does not exist.
    pub async fn create_app(&self, new: NewApp, sealer: &Sealer) -> Result<IssuedSecret, AdminError> {
        let NewApp { account, appkey, label, sign_type } = new;
        let appkey = match appkey {
            Some(appkey) => {
                names::name(&appkey).map_err(|why| AdminError::Invalid { field: "appkey", why })?
            }
            None => new_appkey().map_err(|_| AdminError::NoRandomBytes)?,
        };
        let label = names::label(&label).map_err(|why| AdminError::Invalid { field: "label", why })?;
        let (secret, sealed) = fresh_secret(&appkey, sealer)?;
        self.store.create_app(&appkey, &account, &label, &sealed, self.now()).await?;
        if sign_type != SignType::Sha1 {
            // No program has the secret yet, so none signs in the wrong way meanwhile.
            self.store.set_app_sign_type(&appkey, sign_type.as_str()).await?;
        }
        self.reload_apps().await?;
        Ok(IssuedSecret { appkey, secret, old_until: None })
    }

    /// Every app by appkey; secrets are sealed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn apps(&self) -> Result<Vec<App>, AdminError> {
        Ok(self.store.apps().await?)
    }

    /// Replaces an app's secret by a random one. The old one stays good for `keep_old`; none: it ends at
    /// once.
    ///
    /// # Errors
    /// The app does not exist.
    pub async fn rotate_app(
        &self,
        appkey: &str,
        keep_old: Option<Duration>,
        sealer: &Sealer,
    ) -> Result<IssuedSecret, AdminError> {
        let (secret, sealed) = fresh_secret(appkey, sealer)?;
        let old_until = keep_old.map(|span| self.now().after(span));
        self.store.set_app_secret(appkey, &sealed, old_until).await?;
        self.reload_apps().await?;
        Ok(IssuedSecret { appkey: appkey.to_owned(), secret, old_until })
    }

    /// Says from which networks an app may call; none: from anywhere.
    ///
    /// # Errors
    /// The app does not exist.
    pub async fn set_app_networks(&self, appkey: &str, networks: &[IpNet]) -> Result<(), AdminError> {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        self.store.set_app_allow(appkey, &networks.join(",")).await?;
        Ok(self.reload_apps().await?)
    }

    /// Limits an app's calls, beside the limit of its account; none: no limit of its own.
    ///
    /// # Errors
    /// The quota lets no call in, or the app does not exist.
    pub async fn set_app_quota(&self, appkey: &str, quota: Option<StoredQuota>) -> Result<(), AdminError> {
        check_quota(quota)?;
        self.store.set_app_quota(appkey, quota).await?;
        Ok(self.reload_apps().await?)
    }

    /// Refuses an app's calls, or allows them again.
    ///
    /// # Errors
    /// The app does not exist.
    pub async fn set_app_disabled(&self, appkey: &str, disabled: bool) -> Result<(), AdminError> {
        self.store.set_app_disabled(appkey, disabled).await?;
        Ok(self.reload_apps().await?)
    }
}

/// A random secret, and what the store keeps of it.
fn fresh_secret(appkey: &str, sealer: &Sealer) -> Result<(SecretString, Vec<u8>), AdminError> {
    let secret = new_secret().map_err(|_| AdminError::NoRandomBytes)?;
    let sealed = sealer.seal(&secret, appkey).map_err(AdminError::Keys)?;
    Ok((secret.into(), sealed))
}
