//! Keeping the write-ahead log of an embedded store short while it is served.

use simgauge_store::{Store, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the length of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A log that grows is left alone up to so many pages (64 MB): a page that changes often is then written back
/// once instead of many times.
const LONG_PAGES: i64 = 16_384;
/// One that has stopped growing is left alone up to so many.
const SHORT_PAGES: i64 = 1_000;

/// Keeps the store's log short until stopped.
pub async fn shorten_log(store: Store, stopping: CancellationToken) {
    let mut before = None;
    while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        match look(&store, before).await {
            Ok(pages) => before = pages,
            Err(error) => {
                tracing::warn!(%error, "the store's log could not be written back; it grows until it can");
            }
        }
    }
}

/// Writes the log back if it is time; answers how long it was.
async fn look(store: &Store, before: Option<i64>) -> Result<Option<i64>, StoreError> {
    let pages = store.log_pages().await?;
    let most = if pages == before { SHORT_PAGES } else { LONG_PAGES };
    if pages.is_some_and(|pages| pages > most) {
        store.checkpoint().await?;
    }
    Ok(pages)
}
