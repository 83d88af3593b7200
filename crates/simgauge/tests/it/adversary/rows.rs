//! All that is stored, to see whether anything changed.

use crate::support::{TestServer, sqlite_store};
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

/// What moves by itself: leases, counts of minutes, when sessions were seen.
const ALIVE: [&str; 3] = ["lease", "activity", "session"];

impl TestServer {
    /// Every row of every table as text, by table, but for what moves by itself.
    pub async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = self.all_rows().await;
        for table in ALIVE {
            assert!(all.remove(table).is_some(), "no table {table}");
        }
        assert!(all.len() > 8 && !all["card"].is_empty(), "{:?}", all.keys());
        all
    }

    /// Makes sure that nothing was written since.
    #[track_caller]
    pub fn assert_rows(&self, before: &BTreeMap<String, Vec<String>>) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            for (table, rows) in self.rows().await {
                assert_eq!(before[&table], rows, "{caller}: {table} was written to");
            }
        }
    }

    /// Every row of every table as text, by table.
    pub async fn all_rows(&self) -> BTreeMap<String, Vec<String>> {
        let url = &self.config.store.url;
        if url.starts_with("sqlite") { sqlite(url) } else { postgres(url).await }
    }
}

fn sqlite(url: &str) -> BTreeMap<String, Vec<String>> {
    let store = sqlite_store(url);
    let column = |sql: &str| -> Vec<String> {
        let mut statement = store.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut all = BTreeMap::new();
    for table in column(tables) {
        let columns = format!(
            "SELECT group_concat('quote(' || name || ')', ' || ''|'' || ') FROM pragma_table_info('{table}')"
        );
        let columns = column(&columns).remove(0);
        let rows = column(&format!("SELECT {columns} FROM {table} ORDER BY 1"));
        all.insert(table, rows);
    }
    all
}

async fn postgres(url: &str) -> BTreeMap<String, Vec<String>> {
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.unwrap();
    let mut all = BTreeMap::new();
    for table in tables {
        let rows = format!("SELECT t::text FROM {table} t ORDER BY 1");
        all.insert(table, sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&pool).await.unwrap());
    }
    pool.close().await;
    all
}
