//! The operations of the API, one method each.

use crate::connection::{Call, Connection, Repeat};
use crate::error::ClientError;
use crate::request::{self, HistoryQuery, ListQuery, RefreshOptions};
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::answer::{CardAnswer, CardPage, HistoryAnswer, RefreshAnswer};
use std::sync::Arc;
use std::time::Duration;

/// How long a held answer may take beyond its hold.
const HOLD_MARGIN: Duration = Duration::from_secs(2);

/// A client of the API. It is cheap to clone. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    connection: Arc<Connection>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.connection.base_url)
            .field("appkey", &self.connection.appkey)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection: Arc::new(connection) }
    }

    /// Refreshes a physical card: its usage is read from its operators now.
    ///
    /// # Errors
    /// [`ClientError`]. A card that is cooling down is refused with code 429.
    pub async fn refresh_sim(
        &self,
        iccid: &str,
        options: RefreshOptions,
    ) -> Result<RefreshAnswer, ClientError> {
        self.refresh_card("/api/v3/card/refreshUsage", CardKind::Sim, iccid, options).await
    }

    /// Refreshes a cloud eSIM: its usage is read from its operators now.
    ///
    /// # Errors
    /// [`ClientError`]. An eSIM that is cooling down is refused with code 429.
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
    /// [`ClientError`]. A card of another account is refused with code 404, like a card that does not exist.
    pub async fn sim(&self, iccid: &str) -> Result<CardAnswer, ClientError> {
        self.read("/api/v3/card/getCardsInfo", request::one("iccid", iccid)).await
    }

    /// A cloud eSIM with its usage, packages and last refresh.
    ///
    /// # Errors
    /// [`ClientError`]. An eSIM of another account is refused with code 404, like an eSIM that does not
    /// exist.
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

    /// A page of a physical card's readings. The first page also has its days.
    ///
    /// # Errors
    /// [`ClientError`]. A card of another account is refused with code 404, like a card that does not exist.
    pub async fn sim_history(&self, iccid: &str, query: &HistoryQuery) -> Result<HistoryAnswer, ClientError> {
        self.read("/api/v3/card/usageHistory", request::history(CardKind::Sim, iccid, query)).await
    }

    /// A page of a cloud eSIM's readings. The first page also has its days.
    ///
    /// # Errors
    /// [`ClientError`]. An eSIM of another account is refused with code 404, like an eSIM that does not
    /// exist.
    pub async fn cloud_esim_history(
        &self,
        eid: &str,
        query: &HistoryQuery,
    ) -> Result<HistoryAnswer, ClientError> {
        self.read("/api/v3/cloudesim/usageHistory", request::history(CardKind::CloudEsim, eid, query)).await
    }

    /// A refresh and its state: what a refresh answers that was held, with the card's usage after a success.
    /// `poll` says how to ask again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn refresh(&self, refresh_id: &str) -> Result<RefreshAnswer, ClientError> {
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
        let timeout = self.connection.timeout.max(held);
        let fields = request::refresh(kind, number, options);
        self.connection.call(Call { path, fields, repeat: Repeat::Identical, timeout }).await
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        path: &'static str,
        fields: request::Fields,
    ) -> Result<T, ClientError> {
        self.connection
            .call(Call { path, fields, repeat: Repeat::SignAnew, timeout: self.connection.timeout })
            .await
    }
}
