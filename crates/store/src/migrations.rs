//! The schema's steps, in this program.

use crate::db::Db;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

macro_rules! steps {
    ($($version:literal $name:literal),+) => {
        [$(Step {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const STEPS: [Step; 5] =
    steps!(1 "0001_core", 2 "0002_packages", 3 "0003_notifications", 4 "0004_console", 5 "0005_trust");

/// What brings a database of this kind up to date.
pub(crate) fn migrator(db: &Db) -> Migrator {
    let migration = |step: Step| {
        let description = step.name.split_once('_').map_or(step.name, |(_, rest)| rest);
        let sql = match db {
            Db::Sqlite { .. } => step.sqlite,
            Db::Postgres(_) => step.postgres,
        };
        Migration::new(step.version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(STEPS.map(migration).to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn no_file_is_left_out() {
        for dialect in ["sqlite", "postgres"] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
            let mut files: Vec<_> = std::fs::read_dir(dir)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let named: Vec<String> = STEPS
                .iter()
                .map(|step| {
                    assert_eq!(step.name.split('_').next().unwrap().parse(), Ok(step.version));
                    format!("{}.sql", step.name)
                })
                .collect();
            assert_eq!(files, named);
        }
    }
}
