//! The only place with SQL: one [`Store`] over SQLite (embedded) or PostgreSQL (many nodes), chosen by the URL.
//!
//! Times are passed in; nothing here reads a clock. Three tables carry a refresh: `refresh` (appended), `task` (appended,
//! deleted when done) and `card`, whose row names its newest refresh: on PostgreSQL from its acceptance on, on SQLite from the
//! end of its first reading on (`newest`).

mod accept;
mod account;
mod admin;
mod app;
mod audit;
mod browse;
mod card;
mod checkpoint;
mod copy;
mod db;
mod error;
mod finish;
mod history;
mod hot;
mod import;
mod lane;
mod log;
mod migrations;
mod newest;
mod notification;
mod package;
mod pause;
mod pulse;
mod queue;
mod refresh;
mod row;
mod turn;
mod tx;
mod wakeup;

pub use accept::{
    AcceptCall, AcceptOutcome, Accepted, Admission, AdmissionRule, CardRules, NewWork, NotSynced,
};
pub use account::{Account, StoredQuota};
pub use admin::{Admin, AdminRole, Session};
pub use app::{App, SealAnew};
pub use audit::AuditEntry;
pub use browse::{CardCursor, CardWalk, RefreshFilter, RefreshPage, WaitingTask};
pub use card::{CardFilter, CardView, ProfileView};
pub use copy::CopiedTable;
pub use db::sqlite_file;
pub use error::{StoreError, database_errors};
pub use finish::{Ended, Finished, LaneNotes};
pub use history::{CardSums, ReadingView};
pub use import::{ImportRow, Importer, RowError};
pub use lane::{Before, LaneRow, Lease};
pub use notification::{
    DELIVERY_LANE, DueNotification, NotificationState, NotificationView, NotifySettings, Outcome, Receiver,
    Settled,
};
pub use package::{NewPackage, PackageError, PackageView};
pub use pause::LanePause;
pub use pulse::Pulse;
pub use queue::{Postponed, Task, TaskKey, Waiting};
pub use refresh::RefreshView;
pub use wakeup::{Wakeup, Wakeups};

use db::Db;
use simgauge_domain::time::UnixMs;

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    /// In whose hands it is; none: the server's own.
    actor: Option<audit::Actor>,
}

impl Store {
    /// Opens a store: `sqlite://FILE` (created where it is missing) or `postgres://USER@HOST/DATABASE`.
    ///
    /// # Errors
    /// The URL is of no known scheme, or the database cannot be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        Ok(Self { db: Db::connect(url, connections).await?, actor: None })
    }

    /// Brings the schema up to this program's version; returns how many migrations were applied.
    ///
    /// # Errors
    /// The database is newer than this program, or a migration failed.
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        let before = self.applied().await?;
        let migrator = migrations::migrator(&self.db);
        if let Some(newer) = before.iter().find(|version| !migrator.version_exists(**version)) {
            return Err(StoreError::NewerDatabase(*newer));
        }
        match &self.db {
            Db::Sqlite { write, .. } => {
                write
                    .with(async |connection| migrator.run(connection).await.map_err(StoreError::Migrate))
                    .await?;
            }
            Db::Postgres(pool) => migrator.run(pool).await.map_err(StoreError::Migrate)?,
        }
        Ok(self.applied().await?.len() - before.len())
    }

    async fn applied(&self) -> Result<Vec<i64>, StoreError> {
        let known = db::Sql {
            sqlite: "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'",
            postgres: "SELECT count(*) FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')",
        };
        let versions = db::Sql::both("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");
        db::reading!(self, |pool, sql| {
            let tables: i64 = sqlx::query_scalar(sql(known)).fetch_one(pool).await?;
            if tables == 0 {
                return Ok(Vec::new());
            }
            Ok(sqlx::query_scalar(sql(versions)).fetch_all(pool).await?)
        })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// It gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        db::reading!(self, |pool, sql| {
            let _: i64 =
                sqlx::query_scalar(sql(db::Sql::both("SELECT CAST(1 AS BIGINT)"))).fetch_one(pool).await?;
        });
        Ok(())
    }

    /// Whether the schema is the one this program was made for.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn is_current(&self) -> Result<bool, StoreError> {
        let migrator = migrations::migrator(&self.db);
        let expected: Vec<i64> = migrator.iter().map(|migration| migration.version).collect();
        let applied = self.applied().await?;
        Ok(expected.iter().all(|version| applied.contains(version)))
    }

    /// The database server's time, where the store is one that many nodes share: what counts for all of them. Nothing for
    /// an embedded store, whose time is this machine's.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn server_time(&self) -> Result<Option<UnixMs>, StoreError> {
        let Db::Postgres(pool) = &self.db else { return Ok(None) };
        let now: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .fetch_one(pool)
            .await?;
        Ok(Some(UnixMs(now)))
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn dialect(&self) -> &'static str {
        match self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// Closes every connection, once what runs on it is done.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
