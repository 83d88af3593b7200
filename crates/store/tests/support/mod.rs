//! A store of its own for each test, on either database.

use simgauge_store::{Ended, Finished, LaneNotes, Lease, Postponed, Store, StoreError, TaskKey};
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

/// Which database a story is told to.
#[derive(Clone, Copy, Debug)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A migrated, empty store; gone when dropped (PostgreSQL's database goes with the test's cluster).
pub struct TestStore {
    store: Store,
    url: String,
    _dir: tempfile::TempDir,
}

impl TestStore {
    pub async fn new(database: Database) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match database {
            Database::Sqlite => format!("sqlite://{}", dir.path().join("store.db").display()),
            Database::Postgres => new_postgres_database().await,
        };
        let store = Store::connect(&url, 4).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, url, _dir: dir }
    }

    /// Closes the store and opens it again, as a restart does.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Store::connect(&self.url, 4).await.unwrap();
    }

    /// The store as another process opens it.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn opened_again(&self) -> Store {
        Store::connect(&self.url, 1).await.unwrap()
    }

    /// Writes down ended readings of one lane.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn finish(&self, lease: &Lease, finished: &[Finished]) -> Result<Vec<Ended>, StoreError> {
        self.write_one(LaneNotes { finished: finished.to_vec(), ..nothing(lease) }).await
    }

    /// Writes down readings of one lane that are under way.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn mark_running(&self, lease: &Lease, running: &[TaskKey]) -> Result<(), StoreError> {
        self.write_one(LaneNotes { running: running.to_vec(), ..nothing(lease) }).await.map(|_| ())
    }

    /// Writes down readings of one lane that are put off.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn postpone(&self, lease: &Lease, postponed: &[Postponed]) -> Result<(), StoreError> {
        self.write_one(LaneNotes { postponed: postponed.to_vec(), ..nothing(lease) }).await.map(|_| ())
    }

    async fn write_one(&self, notes: LaneNotes) -> Result<Vec<Ended>, StoreError> {
        let lane = notes.lease.lane.clone();
        self.store.write_down(&[notes]).await?.remove(0).ok_or(StoreError::LeaseLost(lane))
    }

    /// Runs a statement behind the store's back.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn run_raw(&self, sql: &'static str) {
        if self.url.starts_with("sqlite") {
            let pool = sqlx::SqlitePool::connect(&self.url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
        } else {
            let pool = sqlx::PgPool::connect(&self.url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
        }
    }
}

/// A lane that has nothing to write down.
pub fn nothing(lease: &Lease) -> LaneNotes {
    LaneNotes { lease: lease.clone(), running: Vec::new(), postponed: Vec::new(), finished: Vec::new() }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Creates a database in the cluster that `SIMGAUGE_TEST_POSTGRES` names. Without one the test fails: stories are told to
/// both databases, always.
async fn new_postgres_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let admin = std::env::var("SIMGAUGE_TEST_POSTGRES")
        .expect("SIMGAUGE_TEST_POSTGRES must name a PostgreSQL; run the tests with scripts/test or scripts/with-postgres");
    let name = format!("story_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = sqlx::PgPool::connect(&admin).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let (base, _) = admin.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}
