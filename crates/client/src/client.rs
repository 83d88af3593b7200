//! The operations of the API, one method each.

use crate::builder::ClientBuilder;
use crate::call::{Call, Repeat};
use crate::error::ClientError;
use crate::request::{self, HistoryQuery, ListQuery, RefreshOptions};
use secrecy::SecretString;
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::answer::{CardAnswer, CardPage, HistoryAnswer, RefreshAnswer, RefreshReport};
use simgauge_protocol::sign::SignType;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// What a held answer may take beside the hold.
const HOLD_MARGIN: Duration = Duration::from_secs(2);

/// A client of the API. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) settings: Arc<Settings>,
}

pub(crate) struct Settings {
    pub(crate) http: reqwest::Client,
    pub(crate) base_url: String,
    pub(crate) appkey: String,
    pub(crate) secret: SecretString,
    pub(crate) sign_type: SignType,
    pub(crate) timeout: Duration,
    pub(crate) retry_budget: Duration,
    pub(crate) nonce: AtomicU32,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.settings.base_url)
            .field("appkey", &self.settings.appkey)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Sets a client up for the server at `base_url`, such as `https://sim.example.com`.
    #[must_use]
    pub fn builder(
        base_url: impl Into<String>,
        appkey: impl Into<String>,
        secret: SecretString,
    ) -> ClientBuilder {
        ClientBuilder::new(base_url.into(), appkey.into(), secret)
    }

    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }

    /// Has a physical card's usage read from its operators now.
    ///
    /// # Errors
    /// [`ClientError`]; a card that is cooling down is refused with code 429.
    pub async fn refresh_sim(
        &self,
        iccid: &str,
        options: RefreshOptions,
    ) -> Result<RefreshAnswer, ClientError> {
        self.refresh_card("/api/v3/card/refreshUsage", CardKind::Sim, iccid, options).await
    }

    /// Has a cloud eSIM's usage read from its operators now.
    ///
    /// # Errors
    /// [`ClientError`]; an eSIM that is cooling down is refused with code 429.
    pub async fn refresh_cloud_esim(
        &self,
        eid: &str,
        options: RefreshOptions,
    ) -> Result<RefreshAnswer, ClientError> {
        self.refresh_card("/api/v3/cloudesim/refreshUsage", CardKind::CloudEsim, eid, options).await
    }

    /// A physical card with its usage, packages and last refresh.
    ///
    /// # Errors
    /// [`ClientError`]; a card of another account is refused with code 404 like one that does not exist.
    pub async fn sim(&self, iccid: &str) -> Result<CardAnswer, ClientError> {
        self.read("/api/v3/card/getCardsInfo", request::one("iccid", iccid)).await
    }

    /// A cloud eSIM with its usage, packages and last refresh.
    ///
    /// # Errors
    /// [`ClientError`]; an eSIM of another account is refused with code 404 like one that does not exist.
    pub async fn cloud_esim(&self, eid: &str) -> Result<CardAnswer, ClientError> {
        self.read("/api/v3/cloudesim/get", request::one("eid", eid)).await
    }

    /// A page of physical cards.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sims(&self, query: &ListQuery) -> Result<CardPage, ClientError> {
        self.read("/api/v3/card/getAllCardInfo", request::list(CardKind::Sim, query)).await
    }

    /// A page of cloud eSIMs.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cloud_esims(&self, query: &ListQuery) -> Result<CardPage, ClientError> {
        self.read("/api/v3/cloudesim/list", request::list(CardKind::CloudEsim, query)).await
    }

    /// A page of what was read of a physical card; the first page also has its days.
    ///
    /// # Errors
    /// [`ClientError`]; a card of another account is refused with code 404 like one that does not exist.
    pub async fn sim_history(&self, iccid: &str, query: &HistoryQuery) -> Result<HistoryAnswer, ClientError> {
        self.read("/api/v3/card/usageHistory", request::history(CardKind::Sim, iccid, query)).await
    }

    /// A page of what was read of a cloud eSIM; the first page also has its days.
    ///
    /// # Errors
    /// [`ClientError`]; an eSIM of another account is refused with code 404 like one that does not exist.
    pub async fn cloud_esim_history(
        &self,
        eid: &str,
        query: &HistoryQuery,
    ) -> Result<HistoryAnswer, ClientError> {
        self.read("/api/v3/cloudesim/usageHistory", request::history(CardKind::CloudEsim, eid, query)).await
    }

    /// A refresh as it stands.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn refresh(&self, refresh_id: &str) -> Result<RefreshReport, ClientError> {
        self.read("/api/v3/refresh/get", request::one("refreshId", refresh_id)).await
    }

    async fn refresh_card(
        &self,
        path: &'static str,
        kind: CardKind,
        number: &str,
        options: RefreshOptions,
    ) -> Result<RefreshAnswer, ClientError> {
        let held = options.wait.map_or(Duration::ZERO, |wait| Duration::from_secs(wait.into()) + HOLD_MARGIN);
        let timeout = self.settings.timeout.max(held);
        let fields = request::refresh(kind, number, options);
        self.call(Call { path, fields, repeat: Repeat::Identical, timeout }).await
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        path: &'static str,
        fields: request::Fields,
    ) -> Result<T, ClientError> {
        self.call(Call { path, fields, repeat: Repeat::SignAnew, timeout: self.settings.timeout }).await
    }
}
