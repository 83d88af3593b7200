//! Backing SQLite up while it is used.

use crate::backend::Database;
use crate::error::StoreError;
use crate::store::Store;
use std::path::Path;

impl Store {
    /// Writes a consistent copy of an SQLite store to a new file, for its owner only, while the store is
    /// used. The file gets its name once it is whole and was checked.
    ///
    /// # Errors
    /// The store is not SQLite or damaged, the file exists already, or it cannot be written.
    pub async fn back_up(&self, file: &Path) -> Result<(), StoreError> {
        let Database::Sqlite(database) = &self.db else {
            return Err(StoreError::WrongKind("an SQLite store; PostgreSQL has pg_dump and base backups"));
        };
        if file.symlink_metadata().is_ok() {
            return Err(StoreError::Exists(format!("the file {}", file.display())));
        }
        database.back_up(file)
    }
}
