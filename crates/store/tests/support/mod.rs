//! A store of its own for each test, on either database.

#[cfg(debug_assertions)] // Only such builds tell which statements they use.
mod plans;

use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_store::{
    Ended, Finished, LaneResults, Lease, Postponed, Store, StoreError, TaskKey, sqlite_file,
};
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

/// Which database a test runs on.
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
        #[cfg(debug_assertions)]
        plans::watch(database);
        let dir = tempfile::tempdir().unwrap();
        let url = match database {
            Database::Sqlite => format!("sqlite://{}", dir.path().join("store.db").display()),
            Database::Postgres => new_postgres_database().await,
        };
        let store = Store::connect(&url, 4).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, url, _dir: dir }
    }

    #[allow(dead_code)] // Not every test binary needs it.
    pub fn url(&self) -> &str {
        &self.url
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

    /// Writes ended readings of one lane.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn finish(&self, lease: &Lease, finished: &[Finished]) -> Result<Vec<Ended>, StoreError> {
        self.write_one(LaneResults { finished: finished.to_vec(), ..nothing(lease) }).await
    }

    /// Writes readings of one lane that are under way.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn mark_running(&self, lease: &Lease, running: &[TaskKey]) -> Result<(), StoreError> {
        self.write_one(LaneResults { running: running.to_vec(), ..nothing(lease) }).await.map(|_| ())
    }

    /// Writes readings of one lane that are put off.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn postpone(&self, lease: &Lease, postponed: &[Postponed]) -> Result<(), StoreError> {
        self.write_one(LaneResults { postponed: postponed.to_vec(), ..nothing(lease) }).await.map(|_| ())
    }

    async fn write_one(&self, results: LaneResults) -> Result<Vec<Ended>, StoreError> {
        let lease = results.lease.to_string();
        self.store.write_results(&[results]).await?.remove(0).ok_or(StoreError::LeaseLost(lease))
    }

    /// Runs a statement behind the store's back.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn run_raw(&self, sql: &'static str) {
        if let Some(file) = sqlite_file(&self.url) {
            rusqlite::Connection::open(file).unwrap().execute(sql, []).unwrap();
        } else {
            let pool = sqlx::PgPool::connect(&self.url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
        }
    }

    /// The id of a card.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn card_id(&self, number: &str) -> CardId {
        self.card_of_any(number).await.unwrap().unwrap().id
    }

    /// The ids of a card and of one of its profiles.
    #[allow(dead_code)] // Not every test binary needs it.
    pub async fn profile_id(&self, number: &str, iccid: &str) -> (CardId, ProfileId) {
        let card = self.card_of_any(number).await.unwrap().unwrap();
        (card.id, card.profiles.iter().find(|profile| profile.iccid == iccid).unwrap().id)
    }
}

/// A lane that has nothing to write.
pub fn nothing(lease: &Lease) -> LaneResults {
    let guard = simgauge_domain::guard::rule::GuardRule::default();
    LaneResults {
        lease: lease.clone(),
        running: Vec::new(),
        postponed: Vec::new(),
        finished: Vec::new(),
        guard,
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Creates a database in the cluster that `SIMGAUGE_TEST_POSTGRES` names. Without one the test fails: tests
/// run on both databases, always.
pub async fn new_postgres_database() -> String {
    new_postgres_database_with("").await
}

/// The same with options of `CREATE DATABASE`.
pub async fn new_postgres_database_with(options: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let admin = std::env::var("SIMGAUGE_TEST_POSTGRES").expect(
        "SIMGAUGE_TEST_POSTGRES must name a PostgreSQL; run the tests with scripts/test or \
        scripts/with-postgres",
    );
    let name = format!("story_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = sqlx::PgPool::connect(&admin).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} {options}")))
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let (base, _) = admin.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// The one number that a statement answers with; nothing where it is null.
#[allow(dead_code)] // Not every test binary needs it.
pub async fn number(url: &str, sql: &str) -> Option<i64> {
    // PostgreSQL's sums of bigint are numeric.
    let sql = format!("SELECT CAST(({sql}) AS BIGINT)");
    if let Some(file) = sqlite_file(url) {
        rusqlite::Connection::open(file).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
    } else {
        let pool = sqlx::PgPool::connect(url).await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap()
    }
}
