//! The schema's steps, in this program.

use crate::db::Db;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

macro_rules! steps {
    ($dialect:literal: $($version:literal $name:literal),+) => {
        [$(($version, $name, include_str!(concat!("../migrations/", $dialect, "/", $name, ".sql")))),+]
    };
}

type Step = (i64, &'static str, &'static str);

const SQLITE: [Step; 5] = steps!("sqlite": 1 "0001_core", 2 "0002_packages", 3 "0003_notifications", 4 "0004_console", 5 "0005_trust");
const POSTGRES: [Step; 5] = steps!("postgres": 1 "0001_core", 2 "0002_packages", 3 "0003_notifications", 4 "0004_console", 5 "0005_trust");

/// What brings a database of this kind up to date.
pub(crate) fn migrator(db: &Db) -> Migrator {
    let steps = match db {
        Db::Sqlite { .. } => SQLITE,
        Db::Postgres(_) => POSTGRES,
    };
    let migration = |(version, name, sql): Step| {
        let description = name.split_once('_').map_or(name, |(_, rest)| rest);
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(steps.map(migration).to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn no_file_is_left_out() {
        for (dialect, steps) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
            let mut files: Vec<_> = std::fs::read_dir(dir)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let named: Vec<String> = steps
                .iter()
                .map(|(version, name, _)| {
                    assert_eq!(name.split('_').next().unwrap().parse(), Ok(*version));
                    format!("{name}.sql")
                })
                .collect();
            assert_eq!(files, named);
        }
    }
}
