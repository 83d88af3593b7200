//! Moving up from SQLite to PostgreSQL, and backing SQLite up while it is used.

use crate::Store;
use crate::db::Db;
use crate::error::StoreError;
use crate::newest::NOTE_ALL;
use sqlx::{AssertSqlSafe, PgPool, Row as _, SqlitePool};
use std::path::Path;

/// Rows in one statement.
const PAGE: i64 = 5_000;

/// A table as it is copied.
struct Table {
    name: &'static str,
    /// Columns with PostgreSQL's types; `bytea` travels as hex.
    columns: &'static [(&'static str, &'static str)],
    /// The primary key, by which it is paged.
    key: &'static [&'static str],
}

/// Every table but leases, which belong to processes, sessions, which people begin anew, counts of minutes, and the head of the
/// audit's chain; those that others refer to come first.
const TABLES: &[Table] = &[
    Table {
        name: "account",
        columns: &[
            ("name", "text"),
            ("language", "text"),
            ("created_at", "bigint"),
            ("notify_url", "text"),
            ("notify_app", "text"),
            ("thresholds", "text"),
            ("stale_hours", "bigint"),
            ("per_second", "bigint"),
            ("burst", "bigint"),
        ],
        key: &["name"],
    },
    Table {
        name: "app",
        columns: &[
            ("appkey", "text"),
            ("account", "text"),
            ("label", "text"),
            ("secret", "bytea"),
            ("disabled", "bigint"),
            ("created_at", "bigint"),
            ("allow", "text"),
            ("sign_type", "text"),
            ("old_secret", "bytea"),
            ("old_until", "bigint"),
            ("per_second", "bigint"),
            ("burst", "bigint"),
        ],
        key: &["appkey"],
    },
    Table {
        name: "card",
        columns: &[
            ("number", "text"),
            ("kind", "text"),
            ("account", "text"),
            ("status", "text"),
            ("label", "text"),
            ("accepted_at", "bigint"),
            ("last_refresh", "text"),
            ("operator_account", "text"),
            ("used", "bigint"),
            ("began_at", "bigint"),
            ("overage", "bigint"),
            ("overage_base", "bigint"),
            ("said", "text"),
        ],
        key: &["number"],
    },
    Table {
        name: "profile",
        columns: &[
            ("card", "text"),
            ("iccid", "text"),
            ("operator_account", "text"),
            ("status", "text"),
            ("raw_status", "text"),
            ("period_kind", "text"),
            ("period_key", "text"),
            ("period_start", "bigint"),
            ("period_end", "bigint"),
            ("used", "bigint"),
            ("total", "bigint"),
            ("as_of", "bigint"),
            ("began_at", "bigint"),
            ("synced_at", "bigint"),
            ("meter", "text"),
        ],
        key: &["card", "iccid"],
    },
    Table {
        name: "refresh",
        columns: &[
            ("id", "text"),
            ("card", "text"),
            ("account", "text"),
            ("appkey", "text"),
            ("sign", "text"),
            ("accepted_at", "bigint"),
            ("previous", "text"),
            ("state", "text"),
            ("remaining", "text"),
            ("before", "bigint"),
            ("after", "bigint"),
            ("finished_at", "bigint"),
            ("reason", "text"),
            ("detail", "text"),
        ],
        key: &["id"],
    },
    Table {
        name: "task",
        columns: &[
            ("lane", "text"),
            ("account", "text"),
            ("refresh", "text"),
            ("iccid", "text"),
            ("card", "text"),
            ("attempts", "bigint"),
            ("first_attempt_at", "bigint"),
            ("not_before", "bigint"),
        ],
        key: &["lane", "account", "refresh", "iccid"],
    },
    Table {
        name: "reading",
        columns: &[
            ("card", "text"),
            ("iccid", "text"),
            ("began_at", "bigint"),
            ("synced_at", "bigint"),
            ("as_of", "bigint"),
            ("period_kind", "text"),
            ("period_key", "text"),
            ("period_start", "bigint"),
            ("period_end", "bigint"),
            ("used", "bigint"),
            ("total", "bigint"),
            ("delta", "bigint"),
            ("what", "text"),
            ("cycle", "bigint"),
        ],
        key: &["card", "began_at", "iccid"],
    },
    Table {
        name: "package",
        columns: &[
            ("card", "text"),
            ("code", "text"),
            ("name", "text"),
            ("total", "bigint"),
            ("valid_from", "bigint"),
            ("valid_to", "bigint"),
            ("booked", "bigint"),
            ("created_at", "bigint"),
        ],
        key: &["card", "code"],
    },
    Table {
        name: "booking",
        columns: &[
            ("card", "text"),
            ("began_at", "bigint"),
            ("iccid", "text"),
            ("line", "bigint"),
            ("package", "text"),
            ("bytes", "bigint"),
        ],
        key: &["card", "began_at", "iccid", "line"],
    },
    Table {
        name: "daily",
        columns: &[
            ("card", "text"),
            ("day", "text"),
            ("iccid", "text"),
            ("cycle", "bigint"),
            ("delta", "bigint"),
            ("readings", "bigint"),
        ],
        key: &["card", "day", "iccid", "cycle"],
    },
    Table {
        name: "notification",
        columns: &[
            ("seq", "bigint"),
            ("id", "text"),
            ("account", "text"),
            ("card", "text"),
            ("event", "text"),
            ("body", "text"),
            ("created_at", "bigint"),
            ("waiting_since", "bigint"),
            ("attempts", "bigint"),
            ("next_at", "bigint"),
            ("state", "text"),
            ("last_error", "text"),
            ("ended_at", "bigint"),
        ],
        key: &["seq"],
    },
    Table {
        name: "audit",
        columns: &[
            ("seq", "bigint"),
            ("at", "bigint"),
            ("actor", "text"),
            ("action", "text"),
            ("subject", "text"),
            ("detail", "text"),
            ("hash", "text"),
        ],
        key: &["seq"],
    },
    Table {
        name: "admin",
        columns: &[
            ("name", "text"),
            ("password", "text"),
            ("role", "text"),
            ("disabled", "bigint"),
            ("created_at", "bigint"),
        ],
        key: &["name"],
    },
    Table {
        name: "lane_pause",
        columns: &[("lane", "text"), ("paused_by", "text"), ("paused_at", "bigint"), ("note", "text")],
        key: &["lane"],
    },
];

/// What became of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: &'static str,
    /// Rows in the source.
    pub rows: u64,
    /// Whether counts and sums agree on both sides.
    pub agrees: bool,
}

impl Store {
    /// Copies everything of this SQLite store into an empty (or half-copied) PostgreSQL store of the same schema, and compares
    /// counts and sums. What is there already stays, so it can be run again. Nobody may write to either meanwhile.
    ///
    /// # Errors
    /// The stores are not of these kinds, or one of them failed.
    pub async fn copy_to(
        &self,
        target: &Store,
        progress: &mut (dyn FnMut(&'static str, u64) + Send),
    ) -> Result<Vec<CopiedTable>, StoreError> {
        let (Db::Sqlite { read: source, write, .. }, Db::Postgres(target)) = (&self.db, &target.db) else {
            return Err(StoreError::WrongKind(
                "an SQLite store to copy from and a PostgreSQL store to copy to",
            ));
        };
        // On PostgreSQL cards' rows name their newest refreshes always.
        write.with(async |connection| sqlx::query(NOTE_ALL).execute(connection).await).await?;
        let mut copied = Vec::new();
        for table in TABLES {
            table.copy(source, target, progress).await?;
        }
        sqlx::query(
            "SELECT setval(pg_get_serial_sequence('notification', 'seq'), \
             COALESCE((SELECT max(seq) FROM notification), 0) + 1, false)",
        )
        .execute(target)
        .await?;
        let (seq, hash): (i64, String) =
            sqlx::query_as("SELECT seq, hash FROM audit_head").fetch_one(source).await?;
        sqlx::query("UPDATE audit_head SET seq = $1, hash = $2").bind(seq).bind(hash).execute(target).await?;
        for table in TABLES {
            let ours = table.fingerprint_sqlite(source).await?;
            let theirs = table.fingerprint_postgres(target).await?;
            let rows = u64::try_from(ours.first().copied().unwrap_or(0)).unwrap_or(0);
            copied.push(CopiedTable { name: table.name, rows, agrees: ours == theirs });
        }
        Ok(copied)
    }

    /// Writes a consistent copy of an SQLite store to a new file, while it is used.
    ///
    /// # Errors
    /// The store is not SQLite, the file exists already, or it cannot be written.
    pub async fn back_up(&self, file: &Path) -> Result<(), StoreError> {
        let Db::Sqlite { read, .. } = &self.db else {
            return Err(StoreError::WrongKind("an SQLite store; PostgreSQL has pg_dump and base backups"));
        };
        if file.exists() {
            return Err(StoreError::Exists(format!("the file {}", file.display())));
        }
        sqlx::query("VACUUM INTO $1").bind(file.display().to_string()).execute(read).await?;
        Ok(())
    }
}

impl Table {
    async fn copy(
        &self,
        source: &SqlitePool,
        target: &PgPool,
        progress: &mut (dyn FnMut(&'static str, u64) + Send),
    ) -> Result<(), StoreError> {
        let insert = self.insert();
        let mut after: Option<Vec<String>> = None;
        let mut done = 0_u64;
        loop {
            let select = self.select(after.is_some());
            let mut query = sqlx::query(AssertSqlSafe(select)).bind(PAGE);
            for value in after.iter().flatten() {
                query = query.bind(value);
            }
            let page = query.fetch_all(source).await?;
            let Some(last) = page.last() else { break };
            let rows: Vec<String> = page.iter().map(|row| row.get::<String, _>(0)).collect();
            let key = (1..=self.key.len()).map(|index| last.get::<String, _>(index)).collect();
            sqlx::query(AssertSqlSafe(insert.as_str()))
                .bind(format!("[{}]", rows.join(",")))
                .execute(target)
                .await?;
            done += u64::try_from(rows.len()).unwrap_or(0);
            progress(self.name, done);
            after = Some(key);
        }
        Ok(())
    }

    fn type_of(&self, column: &str) -> &'static str {
        self.columns.iter().find(|(name, _)| *name == column).map_or("text", |(_, kind)| kind)
    }

    /// Each row as one JSON object, then its key as text.
    fn select(&self, more: bool) -> String {
        let fields: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| match *kind {
                // hex() makes nothing out of NULL.
                "bytea" => format!("'{name}', iif(\"{name}\" IS NULL, NULL, hex(\"{name}\"))"),
                _ => format!("'{name}', \"{name}\""),
            })
            .collect();
        let keys: Vec<String> = self.key.iter().map(|name| format!("CAST(\"{name}\" AS TEXT)")).collect();
        let order: Vec<String> = self.key.iter().map(|name| format!("\"{name}\"")).collect();
        let bound: Vec<String> = (2..)
            .zip(self.key)
            .map(|(index, name)| match self.type_of(name) {
                "bigint" => format!("CAST(${index} AS INTEGER)"),
                _ => format!("${index}"),
            })
            .collect();
        let after = if more {
            format!("WHERE ({}) > ({})", order.join(", "), bound.join(", "))
        } else {
            String::new()
        };
        format!(
            "SELECT json_object({}), {} FROM {} {after} ORDER BY {} LIMIT $1",
            fields.join(", "),
            keys.join(", "),
            self.name,
            order.join(", ")
        )
    }

    fn insert(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let values: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| match *kind {
                "bytea" => format!("decode(\"{name}\", 'hex')"),
                _ => format!("\"{name}\""),
            })
            .collect();
        let types: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| format!("\"{name}\" {}", if *kind == "bytea" { "text" } else { kind }))
            .collect();
        // An identity column takes the number it had.
        format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM json_to_recordset($1::json) AS copied({}) \
             ON CONFLICT DO NOTHING",
            self.name,
            names.join(", "),
            values.join(", "),
            types.join(", ")
        )
    }

    /// The count of rows, then the sum of each numeric column (cut to 63 bits) and the total length of each text column.
    fn fingerprint(&self) -> String {
        let sums: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| match *kind {
                // Sums of times exceed 64 bits at a few million rows, so each is taken modulo a prime.
                "bigint" => format!("CAST(COALESCE(sum(\"{name}\" % 1000000007), 0) AS BIGINT)"),
                "bytea" => format!("CAST(COALESCE(sum(length(\"{name}\")), 0) AS BIGINT)"),
                _ => format!("CAST(COALESCE(sum(length(\"{name}\")), 0) AS BIGINT)"),
            })
            .collect();
        format!("SELECT count(*), {} FROM {}", sums.join(", "), self.name)
    }

    async fn fingerprint_sqlite(&self, pool: &SqlitePool) -> Result<Vec<i64>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(self.fingerprint())).fetch_one(pool).await?;
        Ok((0..=self.columns.len()).map(|index| row.get::<i64, _>(index)).collect())
    }

    async fn fingerprint_postgres(&self, pool: &PgPool) -> Result<Vec<i64>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(self.fingerprint())).fetch_one(pool).await?;
        Ok((0..=self.columns.len()).map(|index| row.get::<i64, _>(index)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column that a migration adds has to be copied, too.
    #[tokio::test]
    async fn every_column_of_every_table_is_copied() {
        let dir = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", dir.path().join("store.db").display());
        let store = Store::connect(&url, 1).await.expect("opens");
        store.migrate().await.expect("migrates");
        let Db::Sqlite { read, .. } = &store.db else { panic!("it is SQLite") };
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND t.name NOT IN ('lane', 'session', 'pulse', 'audit_head', '_sqlx_migrations', \
             'sqlite_sequence') ORDER BY 1, 2",
        )
        .fetch_all(read)
        .await
        .expect("lists");
        let mut copied: Vec<(String, String)> = TABLES
            .iter()
            .flat_map(|table| {
                table.columns.iter().map(|(column, _)| (table.name.to_owned(), (*column).to_owned()))
            })
            .collect();
        copied.sort_unstable();
        assert_eq!(copied, found);
    }
}
