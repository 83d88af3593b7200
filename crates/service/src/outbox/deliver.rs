//! Delivery: the outbox is emptied whenever its lease can be had.

use super::delivery_session::DeliverySession;
use super::settings::NotifySettings;
use crate::lease::LeaseTaker;
use tokio_util::sync::CancellationToken;

/// Nothing is handed over: the next holder finds everything in the outbox.
const NO_HANDOVER: &str = "{}";

/// Delivers until stopped.
pub async fn deliver(settings: NotifySettings, stopping: CancellationToken) {
    let sender = match settings.sender() {
        Ok(sender) => sender,
        Err(error) => {
            tracing::error!(%error, "notifications cannot be delivered: no HTTP client");
            return;
        }
    };
    let mut taker = LeaseTaker::of_outbox(&settings.lease, &settings.store, &settings.clock);
    while let Some((lease, _)) = taker.take(&stopping).await {
        let session = DeliverySession::new(&settings, &sender, lease);
        if let Some(lease) = session.work(&stopping).await {
            lease.give_back(NO_HANDOVER).await;
        }
    }
}
