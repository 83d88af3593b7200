//! A store of its own for each test of a command.

use simgauge_admin::{Actor, Administration};
use simgauge_domain::time::UnixMs;
use simgauge_service::clock::Clock;
use simgauge_store::Store;
use tempfile::TempDir;

/// A store in a folder that goes with it.
pub(super) struct TestStore {
    pub(super) store: Store,
    pub(super) admin: Administration,
    pub(super) dir: TempDir,
}

impl TestStore {
    /// A store with these accounts.
    pub(super) async fn with_accounts(accounts: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite://{}", dir.path().join("store.db").display());
        let store = Store::connect(&url, 2).await.expect("store");
        store.migrate().await.expect("migrated");
        for account in accounts {
            store.create_account(account, "en", UnixMs(0)).await.expect("account");
        }
        let admin = Administration::new(&store, Actor::command_line("tester"), Clock::default());
        Self { store, admin, dir }
    }
}
