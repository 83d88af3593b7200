//! Watching the files of an embedded store while it is served: its write-ahead log is kept short, and after
//! a fault the files are opened again and checked.

use simgauge_store::{Store, StoreError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest pause between two attempts to open the files again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A log that grows is left alone up to so many pages (64 MB): a page that changes often is then written back
/// once instead of many times.
const LONG_PAGES: i64 = 16_384;
/// One that has stopped growing is left alone up to so many.
const SHORT_PAGES: i64 = 1_000;

/// Watches the store's files until stopped. `serve_damaged`: damage that a check finds after a fault does not
/// matter.
pub async fn watch_files(store: Store, serve_damaged: bool, stopping: CancellationToken) {
    let mut before = None;
    let mut recovery = Recovery::default();
    while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        if let Err(error) = store.check_files() {
            recovery.attempt(&store, serve_damaged, &error).await;
            continue;
        }
        match look(&store, before).await {
            Ok(pages) => before = pages,
            Err(error) => {
                tracing::warn!(%error, "the store's log could not be written back; it grows until it can");
            }
        }
    }
}

/// The attempts to open the files again since the fault.
#[derive(Default)]
struct Recovery {
    pause: Duration,
    /// When the next one is due; none: there was no fault.
    next: Option<Instant>,
}

impl Recovery {
    async fn attempt(&mut self, store: &Store, serve_damaged: bool, fault: &StoreError) {
        let next = *self.next.get_or_insert_with(|| {
            tracing::error!(error = %fault, "nothing is accepted or written");
            Instant::now()
        });
        if Instant::now() < next {
            return;
        }
        match store.recover(serve_damaged).await {
            Ok(()) => {
                tracing::warn!("the store's files were opened again and checked; accepting goes on");
                *self = Self::default();
            }
            Err(error) => {
                self.pause = (self.pause * 2).clamp(LOOK_EVERY, LONGEST_PAUSE);
                self.next = Some(Instant::now() + self.pause);
                let pause_seconds = self.pause.as_secs_f64();
                tracing::error!(%error, pause_seconds, "the store's files cannot be trusted yet");
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

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_domain::time::UnixMs;

    #[tokio::test(start_paused = true)]
    async fn a_store_whose_log_was_deleted_is_opened_again() {
        let dir = tempfile::tempdir().expect("folder");
        let file = dir.path().join("store.db");
        let store = Store::connect(&format!("sqlite://{}", file.display()), 2).await.expect("opened");
        store.migrate().await.expect("migrated");
        store.create_account("before", "en", UnixMs(0)).await.expect("written");
        std::fs::remove_file(dir.path().join("store.db-wal")).expect("deleted");
        let stopping = CancellationToken::new();
        let watching = tokio::spawn(watch_files(store.clone(), false, stopping.clone()));
        // Time passes only while nobody has anything to do.
        tokio::time::sleep(LOOK_EVERY * 2).await;
        store.trusted().expect("opened again");
        store.create_account("after", "en", UnixMs(0)).await.expect("written");
        stopping.cancel();
        watching.await.expect("ended");
        let copy = dir.path().join("copy.db");
        std::fs::copy(&file, &copy).expect("copied");
        std::fs::copy(dir.path().join("store.db-wal"), dir.path().join("copy.db-wal")).expect("copied");
        let killed = Store::connect(&format!("sqlite://{}", copy.display()), 2).await.expect("opened");
        assert_eq!(killed.accounts().await.expect("read").len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_was_moved_away_is_awaited() {
        let dir = tempfile::tempdir().expect("folder");
        let (file, aside) = (dir.path().join("store.db"), dir.path().join("aside"));
        let store = Store::connect(&format!("sqlite://{}", file.display()), 2).await.expect("opened");
        store.migrate().await.expect("migrated");
        std::fs::rename(&file, &aside).expect("moved");
        let stopping = CancellationToken::new();
        let watching = tokio::spawn(watch_files(store.clone(), false, stopping.clone()));
        tokio::time::sleep(LONGEST_PAUSE * 10).await;
        let fault = store.trusted().expect_err("known").to_string();
        assert!(fault.contains("store.db has vanished"), "{fault}");
        std::fs::rename(&aside, &file).expect("moved");
        tokio::time::sleep(LONGEST_PAUSE + LOOK_EVERY * 2).await;
        store.trusted().expect("opened again");
        stopping.cancel();
        watching.await.expect("ended");
    }
}
