//! Every statement that a test uses is looked at as the databases would run it on a store with many rows and
//! statistics. One that would walk a table that grows fails the test that used it first.

use serde_json::Value;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Tables that grow with cards, calls and time.
const GROWING: [&str; 10] =
    ["card", "profile", "refresh", "task", "reading", "booking", "daily", "package", "notification", "audit"];

/// Statements that may walk such a table, by a part of their text, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("SELECT json_object('", "copying reads whole tables, page by page"),
    ("json_build_array(", "copying compares whole tables"),
    ("json_array(", "copying compares whole tables"),
    ("json_build_object('", "copying reads whole tables, page by page"),
    ("AS copied", "copying writes pages"),
    ("_sqlx_migrations", "of the first edition, whose tables are not here"),
    ("SELECT number, said FROM card", "of the first edition, page by page"),
    ("operator_account IS NOT NULL AND profile IS NULL", "an upgrade from the first edition, once"),
    ("(SELECT card, max(refresh) AS id FROM task GROUP BY card) AS open", "before copying, once"),
    ("SET has_neighbour = 1 WHERE kind", "an upgrade from the first edition, once"),
    ("rtrim(", "an upgrade from the first edition, once"),
    ("SELECT card, refresh FROM task", "at the start: what waits is loaded once"),
    (
        "SELECT card, max(refresh) FROM task WHERE card IN",
        "command lines beside a server; what waits is bounded",
    ),
    ("UNION ALL SELECT 'card', count(*) FROM card", "a check counts all rows, at a command line"),
    ("SELECT * FROM audit ORDER BY seq DESC LIMIT", "the end of the table, without a condition"),
    ("SELECT id FROM refresh ORDER BY id DESC LIMIT 1", "the end of an index, one row"),
    ("(SELECT min(card) FROM profile WHERE operator_account = $1)", "one step into an index"),
    ("WITH RECURSIVE hop (account)", "one step into an index for each account"),
];

/// Columns that many rows have in common: where an index is searched by nothing else, what is found grows.
const COMMON: [&str; 6] = ["account", "kind", "status", "operator_account", "state", "lane"];

/// Rows of a store with many of each; both databases understand the statements.
const FILL: [&str; 12] = [
    "INSERT INTO account (name, language, created_at) VALUES ('big', 'en', 0)",
    "INSERT INTO account (name, language, created_at) SELECT 'a' || i, 'en', 0 FROM n WHERE i <= 50",
    "INSERT INTO card (number, kind, account, status, label, last_refresh, overage) \
     SELECT 'c' || (100000 + i), CASE WHEN i % 10 = 0 THEN 'cloud_esim' ELSE 'sim' END, \
     CASE WHEN i % 2 = 0 THEN 'big' ELSE 'a' || (1 + i % 50) END, \
     CASE WHEN i % 20 = 0 THEN 'RETIRED_NAME' ELSE 'ACTIVATED_NAME' END, \
     CASE WHEN i % 3 = 0 THEN 'l' || i ELSE '' END, 'r' || (100000 + i), 0 FROM n",
    "INSERT INTO profile (card, iccid, own_number, operator_account) SELECT i, 'c' || (100000 + i), \
     CASE WHEN i % 10 = 0 THEN 0 ELSE 1 END, 'lane' || (i % 4) FROM n",
    "INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, state, remaining) \
     SELECT 'r' || (100000 + i), i, 'big', 'k', 's' || i, i, \
     CASE WHEN i % 50 = 0 THEN 'queued' ELSE 'succeeded' END, '' FROM n",
    "INSERT INTO task (lane, account, refresh, profile, card) \
     SELECT 'lane' || (i % 4), CASE WHEN i % 2 = 0 THEN 'big' ELSE 'a' || (1 + i % 50) END, \
     'r' || (100000 + i), i, i FROM n",
    "INSERT INTO reading (card, profile, began_at, synced_at, period_kind, period_key, used, delta, kind, \
     cycle) SELECT 1 + i / 4, 1 + i / 4, i, i, 'calendar_month', '2027-01', i, 1, 'same_period', 0 FROM n",
    "INSERT INTO package (card, code, name, created_at) SELECT 1 + i / 2, 'p' || i, '', 0 FROM n",
    "INSERT INTO booking (card, began_at, profile, line, bytes) SELECT 1 + i / 4, i, 1 + i / 4, 0, 1 FROM n",
    "INSERT INTO daily (card, day, profile, cycle, delta, readings) \
     SELECT 1 + i / 4, 'd' || (100000 + i), 1 + i / 4, 0, 1, 1 FROM n",
    "INSERT INTO notification (id, account, card, event, body, created_at, waiting_since, next_at, state, \
     ended_at) SELECT 'n' || i, CASE WHEN i % 2 = 0 THEN 'big' ELSE 'a' || (1 + i % 50) END, i, 'refreshed', \
     '{}', i, i, CASE WHEN i % 10 = 0 THEN i END, \
     CASE WHEN i % 10 = 0 THEN 'waiting' WHEN i % 10 = 1 THEN 'dead' ELSE 'delivered' END, \
     CASE WHEN i % 10 > 0 THEN i END FROM n",
    "INSERT INTO audit (seq, at, actor, action, subject, detail, hash) \
     SELECT i, i, '', '', '', '', '' FROM n",
];
const NUMBERS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) ";

/// Looks at every statement that this process uses from now on.
pub fn watch(database: super::Database) {
    // Beforehand, since a transaction would wait too long for it.
    match database {
        super::Database::Sqlite => drop(sqlite_stores().lock()),
        super::Database::Postgres => std::thread::scope(|scope| {
            scope.spawn(|| drop(postgres_store().lock()));
        }),
    }
    simgauge_store::watch_statements(|dialect, text, types| {
        if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| text.starts_with(verb)) {
            return;
        }
        let walks = match dialect {
            "sqlite" => sqlite_walks(text),
            _ => postgres_walks(text, types),
        };
        let is_allowed = ALLOWED.iter().any(|(part, _)| text.contains(part));
        assert!(walks.is_empty() || is_allowed, "{dialect} would walk a table: {walks:#?}\n{text}");
    });
}

fn filled(statement: &str) -> String {
    if statement.contains("FROM n") { format!("{NUMBERS}{statement}") } else { statement.to_owned() }
}

/// One store as it is new, and one with many rows and statistics.
fn sqlite_stores() -> &'static Mutex<[rusqlite::Connection; 2]> {
    static STORES: OnceLock<Mutex<[rusqlite::Connection; 2]>> = OnceLock::new();
    STORES.get_or_init(|| {
        let open = || {
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            connection.execute_batch(include_str!("../../schema/sqlite.sql")).unwrap();
            connection.execute_batch("CREATE TABLE schema_version (version BIGINT PRIMARY KEY)").unwrap();
            connection
        };
        let full = open();
        for statement in FILL {
            full.execute(&filled(statement), []).unwrap();
        }
        full.execute_batch("ANALYZE").unwrap();
        Mutex::new([open(), full])
    })
}

fn sqlite_walks(text: &str) -> Vec<String> {
    let stores = sqlite_stores().lock().unwrap_or_else(PoisonError::into_inner);
    let mut walks = Vec::new();
    for store in stores.iter() {
        let mut statement = match store.prepare(&format!("EXPLAIN QUERY PLAN {text}")) {
            Ok(statement) => statement,
            Err(error) => return vec![error.to_string()],
        };
        let mut rows = statement.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>("detail").unwrap());
        }
        // A part of the statement can have the name of a table.
        let is_part = |step: &str| {
            let name = step.strip_prefix("SCAN ").unwrap_or_default();
            plan.iter().any(|of| *of == format!("CO-ROUTINE {name}") || *of == format!("MATERIALIZE {name}"))
        };
        if plan.iter().any(|step| is_walk(text, step) && !is_part(step)) {
            walks.extend(plan);
        }
    }
    walks
}

/// Whether a step of SQLite's plan (`SCAN card`, `SEARCH card USING INDEX card_by_account (account=?)`) looks
/// at more rows than it is asked for.
fn is_walk(text: &str, step: &str) -> bool {
    let mut words = step.split_whitespace();
    let (verb, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !GROWING.contains(&table) && !is_alias(text, table) {
        return false;
    }
    match verb {
        "SCAN" => true,
        "SEARCH" => {
            let terms = step.split_once('(').map_or("", |(_, terms)| terms).trim_end_matches(')');
            let is_common = |term: &str| COMMON.iter().any(|column| term == format!("{column}=?"));
            let grows = terms.split(" AND ").all(is_common);
            grows && (!text.contains("LIMIT") || text.contains("json_each"))
        }
        _ => false,
    }
}

/// Whether a name stands for a table that grows.
fn is_alias(text: &str, name: &str) -> bool {
    GROWING.iter().any(|table| text.contains(&format!(" {table} AS {name} ")))
}

/// A database of its own with many rows and statistics, and a thread that asks it.
struct Postgres {
    runtime: tokio::runtime::Runtime,
    connection: sqlx::PgPool,
}

fn postgres_store() -> &'static Mutex<Postgres> {
    static STORE: OnceLock<Mutex<Postgres>> = OnceLock::new();
    STORE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(async {
            let url = super::new_postgres_database().await;
            // As the store's own connections.
            let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
            let options = options.options([
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
                ("plan_cache_mode", "force_generic_plan"),
            ]);
            let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_with(options);
            let pool = pool.await.unwrap();
            sqlx::raw_sql(include_str!("../../schema/postgres.sql")).execute(&pool).await.unwrap();
            sqlx::raw_sql("CREATE TABLE schema_version (version BIGINT PRIMARY KEY)")
                .execute(&pool)
                .await
                .unwrap();
            for statement in FILL {
                sqlx::raw_sql(sqlx::AssertSqlSafe(filled(statement))).execute(&pool).await.unwrap();
            }
            sqlx::raw_sql("ANALYZE").execute(&pool).await.unwrap();
            pool
        });
        Mutex::new(Postgres { runtime, connection })
    })
}

fn postgres_walks(text: &str, types: &[&str]) -> Vec<String> {
    // The statement's own runtime is asking; another thread waits for this one.
    let plan = std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let store = postgres_store().lock().unwrap_or_else(PoisonError::into_inner);
            store.runtime.block_on(explain(&store.connection, text, types))
        });
        asked.join().unwrap()
    });
    let mut walks = Vec::new();
    match plan {
        Ok(plan) => find_walks(&plan, &mut walks),
        Err(error) => walks.push(error.to_string()),
    }
    walks
}

async fn explain(pool: &sqlx::PgPool, text: &str, types: &[&str]) -> Result<Value, sqlx::Error> {
    let declared = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
    let nothing = vec!["NULL"; types.len()].join(", ");
    let given = if types.is_empty() { String::new() } else { format!("({nothing})") };
    let prepare = format!("PREPARE looked_at {declared} AS {text}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(pool).await?;
    let ask = format!("EXPLAIN (FORMAT JSON) EXECUTE looked_at {given}");
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(ask)).fetch_one(pool).await;
    sqlx::raw_sql("DEALLOCATE looked_at").execute(pool).await?;
    let plan: String = sqlx::Row::get_unchecked(&row?, 0);
    Ok(serde_json::from_str(&plan).unwrap())
}

/// Steps of a plan that look at a whole table.
fn find_walks(plan: &Value, walks: &mut Vec<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| find_walks(part, walks)),
        Value::Object(step) => {
            let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default();
            let is_walk = match text("Node Type") {
                "Seq Scan" => true,
                kind if kind.contains("Index") => !step.contains_key("Index Cond"),
                _ => false,
            };
            if is_walk && GROWING.contains(&text("Relation Name")) {
                let index = text("Index Name");
                walks.push(format!("{} on {} {index}", text("Node Type"), text("Relation Name")));
            }
            step.values().for_each(|part| find_walks(part, walks));
        }
        _ => {}
    }
}
